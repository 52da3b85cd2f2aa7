//! The page at `/`: what this is, and whether it is set up.

use crate::settings::Settings;

/// For every page: it needs nothing from elsewhere and runs no script.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Holds nothing that came from outside, so that nothing needs to be escaped.
pub fn page(settings: &Settings) -> String {
    let state = if settings.problems.is_empty() {
        "<p class=\"state good\">It is set up and listening for webhooks.</p>".to_owned()
    } else {
        let items: String =
            settings.problems.iter().map(|problem| format!("<li><code>{}</code></li>", problem.setting)).collect();
        format!(
            "<div class=\"state bad\"><p>It is not set up yet. These settings are missing or wrong:</p><ul>{items}</ul>\
             <p><a href=\"/healthz\">What is wrong with them</a></p></div>"
        )
    };
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rerunner</title>
<style>
:root {{ --text: #1f2328; --muted: #59636e; --page: #ffffff; --line: #d1d9e0; --good: #1a7f37; --bad: #b42318; --link: #0969da }}
@media (prefers-color-scheme: dark) {{
  :root {{ --text: #e6edf3; --muted: #9da7b1; --page: #0d1117; --line: #3d444d; --good: #4ac26b; --bad: #ff8a80; --link: #58a6ff }}
}}
body {{ margin: 0; background: var(--page); color: var(--text); font: 1rem/1.6 system-ui, sans-serif }}
main {{ max-width: 40rem; margin: 0 auto; padding: 12vh 1.25rem 3rem }}
h1 {{ margin: 0; font-size: 2rem; letter-spacing: -0.02em }}
.lead {{ margin: 0.25rem 0 2rem; color: var(--muted); font-size: 1.125rem }}
.state {{ padding: 0.75rem 1rem; border: 1px solid var(--line); border-left: 0.3rem solid; border-radius: 0.4rem }}
.state p {{ margin: 0.25rem 0 }}
.good {{ border-left-color: var(--good) }}
.bad {{ border-left-color: var(--bad) }}
code {{ font: 0.9em ui-monospace, monospace }}
a {{ color: var(--link) }}
</style>
<main>
<h1>Rerunner</h1>
<p class="lead">Has GitHub re-run the failed jobs of a workflow run, up to a limit.</p>
{state}
<p>GitHub sends its webhooks to this address by <code>POST</code>. <a href="/healthz">Health</a> is at <code>/healthz</code>.</p>
</main>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_whether_it_is_set_up_without_any_value() {
        let secrets = ["WEBHOOK_SECRET", "GITHUB_TOKEN"];
        let ready = page(&Settings::read(|name| secrets.contains(&name).then(|| "hush".to_owned())));
        assert!(ready.contains("It is set up") && !ready.contains("hush"));
        let missing = page(&Settings::read(|_| None));
        assert!(missing.contains("<code>WEBHOOK_SECRET</code>") && missing.contains("<code>GITHUB_TOKEN</code>"));
    }
}
