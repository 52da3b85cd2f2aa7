//! `rerunner check`: a policy file's errors, warnings and meaning.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use rerunner::escape;
use rerunner::policy::file::{Base, Given, NOT_GIVEN, drops};
use rerunner::policy::{Organization, Policy, PolicyError, describe, parse, warnings};
use serde_json::{Value, json};

use super::diagnostics::{self, Level, counted, not_valid};
use super::host::{self, Stream};
use super::paint::Paint;
use super::{Failure, Format, Report, input};

/// Checks a policy file, and says what it means
///
/// Exit code 0: it is valid. 1: it has errors (with --strict: or warnings). 2: it could not be read. MAX_RERUNS, MAX_RERUNS_CEILING, RERUN_DELAY,
/// DEFAULT_POLICY, ORGANIZATION_POLICY and POLICY_FILE are taken from the environment, and are the Worker's defaults if not there.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The policy file; - for standard input (if not given, POLICY_FILE: .github/rerunner.yml)
    file: Option<String>,
    /// How errors are shown: github for workflow commands, which GitHub shows at their lines in a pull request
    #[arg(long, value_enum, default_value = "text", conflicts_with = "json")]
    format: Errors,
    /// Fail for warnings, too: what is valid but probably a mistake, such as a rule that can never match. An
    /// organization's file that is not given is no mistake
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    organization: input::OrganizationFile,
    #[command(flatten)]
    pub json: Format,
}

const EXAMPLES: &str = "\
Examples:
  rerunner check
  rerunner check .github/rerunner.yml --organization ../.github/.github/rerunner.yml
  rerunner check --format github .github/rerunner.yml
  rerunner check careful";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Errors {
    Text,
    Github,
}

pub fn check(arguments: &Arguments) -> Result<Report, Failure> {
    let rerun_settings = input::rerun_settings()?;
    let file = arguments.file.clone().map_or_else(input::policy_file, Ok)?;
    let text = input::text(&file)?;
    let shown = input::shown(&file);
    let organization = arguments.organization.read(&rerun_settings)?;
    let (read, not_given) = read(&text, input::OrganizationFile::given(organization.as_ref(), &rerun_settings));
    // What the repository would have without the file.
    let instead = match organization {
        Some(_) if rerun_settings.organization_policy => Base::Organization,
        _ => rerun_settings.default_policy.into(),
    };
    let warned = |policy| drops(&text, policy, instead).into_iter().chain(warnings(&text, policy)).collect();
    let mut warnings: Vec<_> = read.as_ref().map(warned).unwrap_or_default();
    let good = read.is_ok() && (warnings.is_empty() || !arguments.strict);
    warnings.extend(not_given);
    warnings.sort_by_key(|warning| (warning.line, warning.column));
    let (found, level) = match &read {
        Ok(_) => (&warnings, Level::Warning),
        Err(errors) => (errors, Level::Error),
    };
    let mut report = Report { text: String::new(), json: Value::Null, good };
    let paint = Paint::of(if good { Stream::Out } else { Stream::Error });
    match arguments.format {
        Errors::Github if !arguments.json.json => {
            // No text of the report is a command; these are.
            for one in found {
                host::write(Stream::Out, &escape::terminal(&workflow_command(one, level, shown)));
            }
        }
        Errors::Text | Errors::Github => report.text = diagnostics::all(found, level, shown, &text, paint),
    }
    if paint.on && !arguments.json.json {
        // A report's text has no colours.
        host::write(if good { Stream::Out } else { Stream::Error }, &report.text);
        report.text.clear();
    }
    match read {
        Ok(policy) => {
            let means = describe(&policy, &rerun_settings);
            report.text += &valid(shown, &warnings, &means);
            report.json = json!({ "valid": true, "extends": policy.extends, "means": means, "warnings": warnings });
        }
        Err(errors) => {
            report.text += &not_valid(shown, &errors);
            report.json = json!({ "valid": false, "errors": errors });
        }
    }
    Ok(report)
}

/// What the file says, without an organization's file that is not given; and that it is not, which is no error of this file.
fn read(text: &str, given: Given) -> (Result<Policy, Vec<PolicyError>>, Option<PolicyError>) {
    let read = parse(text, given);
    let is_not_given = |error: &&PolicyError| error.message == NOT_GIVEN;
    let Some(found) = read.as_ref().err().and_then(|errors| errors.iter().find(is_not_given)) else {
        return (read, None);
    };
    let message = format!("{NOT_GIVEN} (action.yml: organization). Below, what it says is left out");
    let not_given = PolicyError { message, ..found.clone() };
    let nothing = Policy::default();
    (parse(text, Given { organization: Organization::Policy(&nothing), ..given }), Some(not_given))
}

fn valid(shown: &str, warnings: &[PolicyError], means: &[String]) -> String {
    let but = match warnings.len() {
        0 => String::new(),
        count => format!(", with {}", counted(count, "warning")),
    };
    let mut lines = format!("{shown} is valid{but}. What it means:\n\n");
    for line in means {
        // The rules are numbered already.
        let bullet = if line.starts_with(' ') { "  " } else { "- " };
        let _ = writeln!(lines, "{bullet}{line}");
    }
    lines
}

/// As a workflow's log has it, so that GitHub shows it at its line (GitHub Docs, "Workflow commands for GitHub Actions").
fn workflow_command(error: &PolicyError, level: Level, file: &str) -> String {
    let PolicyError { line, column, .. } = error;
    let data = |text: &str| text.replace("##[", "## [").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let (file, said) = (property(file), data(&error.said()));
    let level = level.as_str();
    format!("::{level} file={file},line={line},col={column},title=Policy of Rerunner::{said}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_command_is_one_line_whatever_is_in_it() {
        let error = PolicyError {
            line: 3,
            column: 7,
            length: 1,
            key: "rules[0].name".to_owned(),
            message: "50%\n::stop::x".to_owned(),
        };
        let expected =
            "::error file=a%2Cb%3Ac.yml,line=3,col=7,title=Policy of Rerunner::rules[0].name: 50%25%0A::stop::x\n";
        assert_eq!(workflow_command(&error, Level::Error, "a,b:c.yml"), expected);
    }
}
