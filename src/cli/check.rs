use std::fmt::Write as _;

use clap::Args;
use rerunner::policy::{PolicyError, describe, parse};
use serde_json::json;

use super::{Failure, Format, Report, input};

/// Checks a policy file, and says what it means
///
/// Exit code 0: it is valid. 1: it has errors. 2: it could not be read. MAX_RERUNS, MAX_RERUNS_CEILING, RERUN_DELAY and
/// ORGANIZATION_POLICY are taken from the environment, and are the Worker's defaults if not there.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The policy file; - for standard input
    file: String,
    #[command(flatten)]
    organization: input::OrganizationFile,
    #[command(flatten)]
    pub format: Format,
}

pub fn check(arguments: &Arguments) -> Result<Report, Failure> {
    let rules = input::rules()?;
    let text = input::text(&arguments.file)?;
    let shown = input::shown(&arguments.file);
    let organization = arguments.organization.read(&rules)?;
    Ok(match parse(&text, input::OrganizationFile::given(organization.as_ref(), &rules)) {
        Ok(policy) => {
            let means = describe(&policy, &rules);
            let mut lines = format!("{shown} is valid. What it means:\n\n");
            for line in &means {
                // The rules are numbered already.
                let bullet = if line.starts_with(' ') { "  " } else { "- " };
                let _ = writeln!(lines, "{bullet}{line}");
            }
            Report {
                text: lines,
                json: json!({ "valid": true, "extends": policy.extends, "means": means }),
                good: true,
            }
        }
        Err(errors) => {
            let mut lines: String = errors.iter().map(|error| in_context(error, shown, &text)).collect();
            let count = if errors.len() == 1 { "1 error".to_owned() } else { format!("{} errors", errors.len()) };
            let _ = writeln!(lines, "{shown} is not valid: {count}. While it is not, nothing is re-run.");
            Report { text: lines, json: json!({ "valid": false, "errors": errors }), good: false }
        }
    })
}

/// As compilers show it.
fn in_context(error: &PolicyError, file: &str, text: &str) -> String {
    let PolicyError { line, column, key, message } = error;
    let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
    let mut shown = format!("{file}:{line}:{column}: error: {key}{message}\n");
    let number = usize::try_from(*line).unwrap_or_default();
    if let Some(source) = text.lines().nth(number.saturating_sub(1)) {
        let margin = " ".repeat(line.to_string().len());
        // Tabs are as wide above the caret as below.
        let before = source.chars().take(usize::try_from(*column).unwrap_or_default().saturating_sub(1));
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let source: String = source.chars().take(200).filter(|c| !c.is_control() || *c == '\t').collect();
        let _ = writeln!(shown, "{margin} |\n{line} | {source}\n{margin} | {indent}^\n");
    }
    shown
}
