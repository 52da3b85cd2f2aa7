//! What ended a job, or kept it from starting, other than its own steps: GitHub says it in an annotation.
//!
//! Many of these jobs look the same otherwise: they failed, and no step of theirs did.

use crate::names::string_enum;

/// GitHub's words stand at the beginning of an annotation.
const LONGEST: usize = 400;
/// A runner passes on 50 annotations of one job ("Workflow commands for GitHub Actions"); GitHub adds a few.
const MOST: usize = 100;

string_enum! {
    /// The words are stored with decisions.
    pub enum Interruption {
        /// The runner vanished, was shut down, or never took the job that was given to it.
        LostRunner = "lost_runner",
        /// The account: a payment, a spending limit, minutes that are used up.
        Billing = "billing",
        /// The workflow file, or one that it calls.
        InvalidWorkflow = "invalid_workflow",
        /// Rules that protect an environment, or somebody who rejected the deployment.
        Environment = "environment",
        /// A concurrency group let another go first.
        Concurrency = "concurrency",
        /// It took longer than it may.
        MaximumTime = "maximum_time",
        /// No runner with the job's labels came for it in a day.
        NoRunner = "no_runner",
        /// GitHub said that it was not started, for another reason.
        NotStarted = "not_started",
    }
}

/// The beginnings and middles of annotations, in lower case; the first that is found counts. From GitHub's runner and from
/// public runs.
const TEXTS: &[(&str, Interruption)] = &[
    ("exceeded the maximum execution time", Interruption::MaximumTime),
    ("account payments have failed", Interruption::Billing),
    ("spending limit needs to be increased", Interruption::Billing),
    ("due to a billing issue", Interruption::Billing),
    ("'billing & plans'", Interruption::Billing),
    ("100% of included services", Interruption::Billing),
    ("invalid workflow file", Interruption::InvalidWorkflow),
    ("the workflow is not valid", Interruption::InvalidWorkflow),
    ("error parsing called workflow", Interruption::InvalidWorkflow),
    ("the template is not valid", Interruption::InvalidWorkflow),
    ("error when evaluating '", Interruption::InvalidWorkflow),
    ("environment protection rules", Interruption::Environment),
    ("other protection rules", Interruption::Environment),
    ("deployment was rejected or", Interruption::Environment),
    ("canceling since a higher priority waiting request", Interruption::Concurrency),
    ("canceling since a deployment request", Interruption::Concurrency),
    ("lost communication with the server", Interruption::LostRunner),
    ("received a shutdown signal", Interruption::LostRunner),
    ("was not acquired by runner", Interruption::LostRunner),
    ("hosted runner encountered an error while running your job", Interruption::LostRunner),
    ("no enabled runners online", Interruption::NoRunner),
    ("job was not started because", Interruption::NotStarted),
];

impl Interruption {
    /// What a job's annotations say. Why GitHub did not start a job, or ended it, says more than that the runner, too, was
    /// told to stop.
    pub fn of(messages: &[String]) -> Option<Self> {
        let beginnings = messages.iter().take(MOST).map(|message| {
            let end = message.char_indices().nth(LONGEST).map_or(message.len(), |(end, _)| end);
            message.get(..end).unwrap_or_default().to_ascii_lowercase()
        });
        let beginnings: Vec<String> = beginnings.collect();
        let said = |text: &str| beginnings.iter().any(|beginning| beginning.contains(text));
        TEXTS.iter().find(|(text, _)| said(text)).map(|(_, interruption)| *interruption)
    }

    /// `job "test" failed: …`.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::LostRunner => "its runner was lost",
            Self::Billing => "billing kept it from running",
            Self::InvalidWorkflow => "its workflow is not valid",
            Self::Environment => "its environment's protection rules stopped it",
            Self::Concurrency => "its concurrency group cancelled it",
            Self::MaximumTime => "it exceeded its maximum run time",
            Self::NoRunner => "no runner picked it up",
            Self::NotStarted => "GitHub did not start it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_say_what_ended_a_job() {
        use Interruption::*;
        for (message, expected) in [
            (
                "The hosted runner: GitHub Actions 3 lost communication with the server. Anything in your workflow …",
                Some(LostRunner),
            ),
            (
                "The self-hosted runner: rack-3 lost communication with the server. Verify the machine …",
                Some(LostRunner),
            ),
            ("The runner has received a shutdown signal. This can happen when …", Some(LostRunner)),
            ("The job was not acquired by Runner of type hosted even after multiple attempts", Some(LostRunner)),
            ("The job has exceeded the maximum execution time of 6h0m0s", Some(MaximumTime)),
            (
                "The job was not started because recent account payments have failed or your spending limit needs to be \
                 increased. Please check the 'Billing & plans' section in your settings",
                Some(Billing),
            ),
            ("The job was not started because your account is locked due to a billing issue.", Some(Billing)),
            ("Invalid workflow file: .github/workflows/ci.yml#L1", Some(InvalidWorkflow)),
            (
                "Branch \"x\" is not allowed to deploy to production due to environment protection rules.",
                Some(Environment),
            ),
            ("The deployment was rejected or didn't satisfy other protection rules.", Some(Environment)),
            ("Canceling since a higher priority waiting request for 'ci-main' exists", Some(Concurrency)),
            (
                "This request was automatically failed because there were no enabled runners online to process the request \
                 for more than 1 days.",
                Some(NoRunner),
            ),
            ("The job was not started because of something new.", Some(NotStarted)),
            ("Process completed with exit code 1.", None),
            ("The operation was canceled.", None),
            ("", None),
        ] {
            assert_eq!(Interruption::of(&[message.to_owned()]), expected, "{message}");
        }
        let both =
            ["The runner has received a shutdown signal.", "The job has exceeded the maximum execution time of 1h"];
        assert_eq!(Interruption::of(&both.map(str::to_owned)), Some(MaximumTime));
        // However many and long they are, a bounded part is looked at.
        let mut many = vec![String::new(); 100];
        many.push("The runner has received a shutdown signal.".to_owned());
        assert_eq!(Interruption::of(&many), None);
        assert_eq!(Interruption::of(&[format!("{}received a shutdown signal", "é".repeat(400))]), None);
    }
}
