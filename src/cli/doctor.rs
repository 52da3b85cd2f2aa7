//! `rerunner doctor`: asks the deployed Worker, and shows what is right, what is wrong and how to fix it.

use std::fmt::Write as _;

use clap::Args;
use futures_util::FutureExt;
use rerunner::doctor::redeliver::{self, Redelivered};
use rerunner::doctor::{Finding, GitHub, Site, State, Who, examine};
use rerunner::escape::line;
use rerunner::github::http::Method;
use rerunner::github::{self, Reply};
use rerunner::names::RepoName;
use rerunner::settings::{Secret, Settings};
use rerunner::web::parameters::MAX_REPOSITORIES;
use rerunner::webhook::signature::macs;
use serde::Deserialize;
use serde_json::{Value, json};

use super::deployed::{Deployed, FILE, WORKER};
use super::health::{Health, HealthProblem};
use super::http::{self, Address};
use super::{Failure, Format, Report, host, input};

/// Findings that are taken from one answer of the Worker: it may be anybody's.
const FROM_WORKER: usize = 200;
/// Characters of one.
const FINDING_CHARS: usize = 1_000;
const IN_SETTINGS: &str = " in wrangler.toml, then npm run deploy";
const SECRET_PUT: &str = "npx wrangler secret put ";
const BY_HAND: &str = "Redeliver them by hand: the webhook's page on GitHub, Recent Deliveries";

/// Checks a deployed Worker and GitHub: what is right, what is wrong, and how to fix it
///
/// With ADMIN_TOKEN, the Worker checks GitHub with its own credentials; with GITHUB_TOKEN alone, this command checks GitHub
/// with that. Both, and WEBHOOK_SECRET, are taken from the environment or from .deployed.vars, where setup has put them
/// (from .dev.vars for a Worker on this machine). Exit code 0: nothing is wrong. 1: something is. 2: it could not check.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The Worker's address, such as https://rerunner.example.workers.dev (if not given, the one that setup deployed
    /// to), and the repositories to check
    #[arg(value_name = "URL | OWNER/REPO")]
    what: Vec<String>,
    /// Also have GitHub send the failed deliveries of the last three days again
    #[arg(long)]
    redeliver: bool,
    #[command(flatten)]
    pub format: Format,
}

/// What to look at, and with what.
pub struct Patient {
    pub url: Address,
    pub repositories: Vec<RepoName>,
    pub admin_token: Option<Secret>,
    /// One is known here, and it is another Worker's.
    pub is_token_withheld: bool,
    pub webhook_secret: Option<Secret>,
    pub github_token: Option<Secret>,
    /// The Worker's name at Cloudflare.
    pub name: String,
}

const EXAMPLES: &str = "\
Examples:
  rerunner doctor https://rerunner.example.workers.dev octo/widgets
  rerunner doctor --redeliver";

pub fn doctor(arguments: &Arguments) -> Result<Report, Failure> {
    let deployed = Deployed::read()?;
    let (urls, names): (Vec<&String>, Vec<&String>) = arguments.what.iter().partition(|what| what.contains("://"));
    let url = match urls.as_slice() {
        [] => deployed.url().ok_or_else(|| {
            Failure(format!(
                "which Worker? Give its address, such as https://rerunner.example.workers.dev, or run this in the folder with {FILE}"
            ))
        })?,
        [url] => (*url).clone(),
        _ => return Err(Failure("give one address only".to_owned())),
    };
    let (url, repositories) = (Address::parse(&url)?, input::repositories(names)?);
    // A Worker on this machine has the settings of this machine.
    let deployed = if url.is_here() { Deployed::local()? } else { deployed };
    // It goes to GitHub, and not to the Worker.
    let github_token = deployed.get("GITHUB_TOKEN");
    let patient = Patient { github_token, ..Patient::new(&deployed, url, repositories) };
    let mut findings = patient.examine();
    let mut redelivered = None;
    if arguments.redeliver {
        match patient.redeliver() {
            Ok(done) => redelivered = Some(done),
            Err(what) => findings.push(Finding::wrong("redelivery", what, BY_HAND)),
        }
    }
    let mut json = json!({ "url": patient.url.as_str(), "findings": findings });
    if let (Some(done), Some(json)) = (&redelivered, json.as_object_mut()) {
        json.insert("redelivery".to_owned(), json!(done));
    }
    Ok(report(&findings, json, redelivered))
}

impl Patient {
    pub fn new(deployed: &Deployed, url: Address, repositories: Vec<RepoName>) -> Self {
        Self {
            repositories,
            admin_token: deployed.get_for("ADMIN_TOKEN", &url),
            is_token_withheld: deployed.is_withheld("ADMIN_TOKEN", &url),
            webhook_secret: deployed.get_for("WEBHOOK_SECRET", &url),
            github_token: None,
            name: deployed.kept(WORKER).unwrap_or("rerunner").to_owned(),
            url,
        }
    }

    pub fn examine(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.look_at_worker(&mut findings) {
            self.look_at_secret(&mut findings);
            self.look_at_github(&mut findings);
        }
        if host::is_packaged() {
            for finding in &mut findings {
                finding.remedy = finding.remedy.take().map(|remedy| with_package(&remedy, &self.name));
            }
        }
        findings
    }

    /// Whether it is worth looking on.
    fn look_at_worker(&self, findings: &mut Vec<Finding>) -> bool {
        let health = Health::read(&self.url, self.admin_token.as_ref());
        let health = match health {
            Ok(health) => health,
            Err(what) => {
                findings.push(Finding::wrong("reachable", what, format!("Is the address right? See {FILE}")));
                return false;
            }
        };
        findings.push(Finding::ok("reachable", self.url.to_string()));
        let ours = env!("CARGO_PKG_VERSION");
        if health.version != ours {
            let what = format!("{} is deployed, and this is {ours}", health.version);
            findings.push(Finding::warning("version", what, "npm run deploy"));
        }
        if health.problems.is_empty() {
            findings.push(Finding::ok("settings", "all valid"));
        }
        for HealthProblem { setting, problem } in health.problems.into_iter().take(FROM_WORKER) {
            findings.push(Finding::wrong("settings", format!("{setting} {problem}"), remedy_for(&setting)));
        }
        true
    }

    /// In detail, if the Worker takes the token that is known here.
    fn look_at_secret(&self, findings: &mut Vec<Finding>) {
        let check = "webhook secret";
        let Some(secret) = &self.webhook_secret else {
            let what = "not checked: WEBHOOK_SECRET is not set here; GitHub's own deliveries show whether it is right";
            return findings.push(Finding::warning(check, what, format!("Put WEBHOOK_SECRET=\"…\" into {FILE}")));
        };
        let body = json!({ "zen": "Anything added dilutes everything else." }).to_string();
        let signature = format!("sha256={}", hex::encode(macs([secret], body.as_bytes())));
        let headers = [
            ("content-type", "application/json"),
            ("x-github-event", "ping"),
            ("x-hub-signature-256", signature.as_str()),
        ];
        findings.push(match http::send(Method::Post, &format!("{}/", self.url), None, &headers, body.as_bytes()) {
            Ok(reply) if reply.status == 200 => Finding::ok(check, "the Worker accepts a ping signed with it"),
            Ok(reply) if reply.status == 401 => {
                let remedy = "npx wrangler secret put WEBHOOK_SECRET, and the same on GitHub";
                Finding::wrong(check, "the Worker's secret differs from the one set here", remedy)
            }
            Ok(reply) => Finding::wrong(
                check,
                format!("the Worker answers a signed ping with {}", reply.status),
                "npm run deploy",
            ),
            Err(what) => Finding::wrong(check, what, "Run the doctor again"),
        });
    }

    fn look_at_github(&self, findings: &mut Vec<Finding>) {
        #[derive(Deserialize)]
        struct Body {
            findings: Vec<Finding>,
        }
        if self.admin_token.is_none() {
            if !self.look_with_own_token(findings) {
                findings.push(Finding::warning(
                    "GitHub",
                    "not checked: ADMIN_TOKEN is not set here, and without it the Worker does not check its own credentials",
                    match self.is_token_withheld {
                        true => format!("The one in {FILE} belongs to another address; set ADMIN_TOKEN in the environment"),
                        false => format!("Put ADMIN_TOKEN=\"…\" into {FILE}"),
                    },
                ));
            }
            return;
        }
        let none: Option<&[RepoName]> = self.repositories.is_empty().then_some(&[]);
        for (nth, part) in self.repositories.chunks(MAX_REPOSITORIES).chain(none).enumerate() {
            match self.ask_worker(Method::Get, "/api/v1/doctor", part) {
                Ok(reply) if reply.status == 200 => match serde_json::from_slice::<Body>(&reply.body) {
                    // What is not about a repository is told each time.
                    Ok(body) => findings.extend(
                        body.findings
                            .into_iter()
                            .take(FROM_WORKER)
                            .filter(|one| nth == 0 || part.iter().any(|name| one.check.starts_with(name.as_str()))),
                    ),
                    Err(_) => {
                        findings.push(Finding::wrong("GitHub", "the Worker's answer cannot be read", "npm run deploy"))
                    }
                },
                Ok(reply) if matches!(reply.status, 401 | 403) => {
                    let what = "the Worker does not accept the ADMIN_TOKEN set here";
                    let remedy = match self.url.is_here() {
                        true => "Take the one in .dev.vars; npm start shows its own when it starts",
                        false => "npx wrangler secret put ADMIN_TOKEN",
                    };
                    return findings.push(Finding::wrong("admin token", what, remedy));
                }
                Ok(reply) => {
                    let what = format!("the Worker answered {} when asked to check", reply.status);
                    return findings.push(Finding::wrong("GitHub", what, "npm run deploy"));
                }
                Err(what) => return findings.push(Finding::wrong("GitHub", what, "Run the doctor again")),
            }
        }
        if self.repositories.is_empty() {
            let what = "none was checked";
            findings.push(Finding::warning("repositories", what, "npm run doctor -- OWNER/REPO"));
        }
    }

    /// With the token of this machine, which need not be the Worker's.
    fn look_with_own_token(&self, findings: &mut Vec<Finding>) -> bool {
        let Some((own, site)) = self.own() else { return false };
        let looked = examine::examine(&own, &site, &self.repositories).now_or_never();
        for mut finding in looked.unwrap_or_default() {
            if finding.check == "token" {
                finding.finding += " (this machine's GITHUB_TOKEN; with ADMIN_TOKEN the Worker's own is checked)";
            }
            findings.push(finding);
        }
        true
    }

    fn own(&self) -> Option<(Own, Site)> {
        let token = self.github_token.clone()?;
        let settings = Settings::read(|name| match name {
            "GITHUB_TOKEN" => Some(token.reveal().to_owned()),
            "GITHUB_API_URL" | "POLICY_FILE" => host::environment(name),
            _ => None,
        });
        // Not to where it was not meant to go.
        if settings.problems.iter().any(|problem| problem.setting == "GITHUB_API_URL") {
            return None;
        }
        let site = Site::new(&settings, self.url.as_str());
        Some((Own { api_url: settings.github_api_url, token }, site))
    }

    fn redeliver(&self) -> Result<Redelivered, String> {
        if self.admin_token.is_some() {
            let reply = self.ask_worker(Method::Post, "/api/v1/redeliver", &self.repositories)?;
            if reply.status == 200 {
                return serde_json::from_slice(&reply.body)
                    .map_err(|_| "the Worker's answer cannot be read".to_owned());
            }
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let reason = body.get("reason").and_then(Value::as_str).unwrap_or("it does not say why");
            return Err(format!("the Worker answers {}: {reason}", reply.status));
        }
        let (own, site) = self.own().ok_or("neither ADMIN_TOKEN nor GITHUB_TOKEN is set here")?;
        let done = redeliver::everything(&own, &site, &self.repositories, host::now()).now_or_never();
        done.ok_or("it did not finish")?.map_err(|problem| problem.to_string())
    }

    fn ask_worker(&self, method: Method, path: &str, repositories: &[RepoName]) -> Result<Reply, String> {
        let query: Vec<String> = repositories.iter().map(|name| format!("repository={name}")).collect();
        let url = format!("{}{path}?{}", self.url, query.join("&"));
        http::send(method, &url, self.admin_token.as_ref(), &[], &[])
    }
}

/// GitHub, by the token of this machine.
struct Own {
    api_url: String,
    token: Secret,
}

impl GitHub for Own {
    async fn call(&self, who: Who<'_>, method: Method, path: &str) -> Result<Reply, github::Error> {
        if who == Who::App {
            return Err(github::Error::Credentials { message: "only the Worker has the App's key".to_owned() });
        }
        let headers = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];
        http::send(method, &format!("{}{path}", self.api_url), Some(&self.token), &headers, &[])
            .map_err(|what| github::Error::inconclusive(format!("GitHub gave no usable answer: {what}")))
    }
}

fn remedy_for(setting: &str) -> String {
    match setting {
        "WEBHOOK_SECRET"
        | "WEBHOOK_SECRET_PREVIOUS"
        | "GITHUB_TOKEN"
        | "GITHUB_APP_ID"
        | "GITHUB_APP_PRIVATE_KEY"
        | "ADMIN_TOKEN"
        | "NOTIFY_URL" => format!("{SECRET_PUT}{setting}"),
        "ATTEMPTS" => "npm run deploy".to_owned(),
        setting => format!("Fix {setting}{IN_SETTINGS}"),
    }
}

/// A remedy where there is no clone: no npm scripts, and no wrangler.toml that has the settings and the Worker's name.
fn with_package(remedy: &str, worker: &str) -> String {
    const PACKAGE: &str = concat!("npx ./rerunner-", env!("CARGO_PKG_VERSION"), ".tgz");
    if let Some(setting) = remedy.strip_prefix("Fix ").and_then(|rest| rest.strip_suffix(IN_SETTINGS)) {
        return format!("{PACKAGE} setup --yes --var {setting}:VALUE");
    }
    let remedy = remedy.replace("npm run deploy", &format!("{PACKAGE} setup"));
    let remedy = remedy.replace("npm run doctor --", &format!("{PACKAGE} doctor"));
    let Some((before, rest)) = remedy.split_once(SECRET_PUT) else { return remedy };
    let name = rest.find([',', ' ']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(name);
    format!("{before}{SECRET_PUT}{name} --name {worker}{rest}")
}

fn bounded_visibly(text: &str) -> String {
    let mut bounded: String = text.chars().take(FINDING_CHARS).collect();
    if bounded.len() < text.len() {
        bounded.push('…');
    }
    bounded
}

pub fn report(findings: &[Finding], json: Value, redelivered: Option<Redelivered>) -> Report {
    let mut text = String::new();
    let width = findings.iter().map(|finding| finding.check.chars().count()).max().unwrap_or_default();
    for Finding { check, state, finding, remedy } in findings {
        // A remote's answer begins no line of its own.
        let shown = |text: &str| line(&bounded_visibly(text)).into_owned();
        let (check, finding, remedy) = (shown(check), shown(finding), remedy.as_deref().map(shown));
        let sign = match state {
            State::Ok => '✓',
            State::Warning => '!',
            State::Wrong => '✗',
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{sign} {check:width$}  {finding}");
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "  {:width$}  → {remedy}", "");
        }
    }
    if let Some(Redelivered { redelivered, left }) = redelivered {
        let _ =
            writeln!(text, "\n{redelivered} failed deliveries are being sent again; {left} are left for next time.");
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let _ = match (count(State::Wrong), count(State::Warning)) {
        (0, 0) => writeln!(text, "\nAll is well."),
        (0, warnings) => writeln!(text, "\nNothing is wrong; {warnings} to check."),
        (wrong, warnings) => writeln!(text, "\n{wrong} wrong, {warnings} to check."),
    };
    Report { text, json, good: count(State::Wrong) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when the name is left out, and with a remedy of a clone.
    #[test]
    fn what_can_be_done_without_a_clone() {
        let package = concat!("npx ./rerunner-", env!("CARGO_PKG_VERSION"), ".tgz");
        for (remedy, expected) in [
            ("npm run deploy".to_owned(), format!("{package} setup")),
            ("npm run doctor -- --redeliver".to_owned(), format!("{package} doctor --redeliver")),
            (remedy_for("MAX_RERUNS"), format!("{package} setup --yes --var MAX_RERUNS:VALUE")),
            (remedy_for("GITHUB_TOKEN"), "npx wrangler secret put GITHUB_TOKEN --name mine".to_owned()),
            (
                "npx wrangler secret put WEBHOOK_SECRET, and the same on GitHub".to_owned(),
                "npx wrangler secret put WEBHOOK_SECRET --name mine, and the same on GitHub".to_owned(),
            ),
            ("Run the doctor again".to_owned(), "Run the doctor again".to_owned()),
        ] {
            assert_eq!(with_package(&remedy, "mine"), expected);
        }
    }
}
