//! The Worker's settings over one schedule: drawn, and changed by deployments in its middle.

use rerunner::settings::Settings;
use rerunner::time::Millis;

use super::kind::Emphasis;
use super::{EXCLUDED, REPOSITORIES};

/// Where the policy files of these schedules are.
pub const POLICY_FILES: [&str; 2] = [".github/rerunner.yml", "ci/rules.yml"];
/// The repositories beyond [`REPOSITORIES`].
pub const MORE: &str = "octo/more-*";
/// More often the one of the settings by themselves.
const PRESETS: [&str; 5] = ["everything", "everything", "everything", "infrastructure", "careful"];
/// How far any file may raise the limit.
pub const CEILING: u32 = 8;

/// What is set while one deployment is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    pub max_reruns: u32,
    delay: u32,
    pub dry_run: bool,
    /// A duration, or `0`.
    sweep: &'static str,
    /// Of [`POLICY_FILES`].
    pub policy_file: Option<usize>,
    pub default_policy: &'static str,
    /// Whether the organization's file holds.
    pub organizations: bool,
    /// Which of [`REPOSITORIES`]; all others are served.
    serves: [bool; 2],
    /// Messages for each repository; `None`: nobody is told.
    pub per_hour: Option<u32>,
    pub comments: bool,
    pub commit_status: bool,
}

impl Deployed {
    pub fn draw(random: &mut fastrand::Rng, sweep: &'static str) -> Self {
        Self {
            max_reruns: 3,
            delay: [0, 5, 5, 60][random.usize(0..4)],
            dry_run: false,
            sweep,
            policy_file: Some(0),
            default_policy: PRESETS[0],
            organizations: true,
            serves: [true; 2],
            per_hour: None,
            comments: false,
            commit_status: false,
        }
    }

    /// With what holds where there is no file. Drawn apart, so that the rest of a schedule is the same.
    pub fn with_presets(mut self, apart: &mut fastrand::Rng) -> Self {
        self.default_policy = PRESETS[apart.usize(0..PRESETS.len())];
        self.organizations = apart.usize(0..4) != 0;
        self
    }

    /// With what commits show, switched on or off. Drawn apart as well.
    pub fn with_statuses(mut self, apart: &mut fastrand::Rng, emphasis: Option<Emphasis>) -> Self {
        self.commit_status = apart.bool() || emphasis == Some(Emphasis::CommitStatuses);
        self
    }

    /// The same with something else.
    pub fn changed(&self, random: &mut fastrand::Rng, emphasis: Option<Emphasis>) -> Self {
        let mut next = self.clone();
        let paths = emphasis == Some(Emphasis::PolicyPaths);
        match if paths { 1 } else { random.usize(0..6) } {
            0 => next.max_reruns = [0, 1, 2, 5][random.usize(0..4)],
            1 | 2 => next.policy_file = [Some(0), Some(1), Some(1), None][random.usize(0..4)],
            3 => next.dry_run = !self.dry_run,
            4 => next.delay = [0, 30, 300][random.usize(0..3)],
            _ => {
                let which = random.usize(0..2);
                next.serves[which] = !next.serves[which];
            }
        }
        next
    }

    pub fn serves(&self, repository: usize) -> bool {
        self.serves.get(repository).is_none_or(|serves| *serves)
    }

    pub fn settings(&self) -> Settings {
        let served = REPOSITORIES.iter().zip(self.serves).filter(|(_, serves)| *serves).map(|(name, _)| *name);
        let served: Vec<&str> = ["nobody/nothing", MORE].into_iter().chain(served).collect();
        let settings = Settings::read(|name| match name {
            "WEBHOOK_SECRET" | "GITHUB_TOKEN" => Some("set".to_owned()),
            "NO_RERUN_ACTORS" => Some(EXCLUDED.to_owned()),
            "MAX_RERUNS" => Some(self.max_reruns.to_string()),
            "MAX_RERUNS_CEILING" => Some(CEILING.to_string()),
            "RERUN_DELAY" => Some(format!("{}s", self.delay)),
            "DRY_RUN" => Some(self.dry_run.to_string()),
            "SWEEP_INTERVAL" => Some(self.sweep.to_owned()),
            "POLICY_FILE" => Some(self.policy_file.map_or("", |file| POLICY_FILES[file]).to_owned()),
            "DEFAULT_POLICY" => Some(self.default_policy.to_owned()),
            "ORGANIZATION_POLICY" => Some(self.organizations.to_string()),
            "REPOSITORIES" => Some(served.join(",")),
            "NOTIFY_URL" => self.per_hour.map(|_| "https://chat.example/hook".to_owned()),
            "NOTIFICATIONS_PER_HOUR" => self.per_hour.map(|number| number.to_string()),
            "COMMENT_ON_PULL_REQUESTS" => Some(self.comments.to_string()),
            "COMMIT_STATUS" => self.commit_status.then(|| "rerunner".to_owned()),
            _ => None,
        });
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
        settings
    }
}

/// The deployment that was in force.
pub fn at(deployments: &[(Millis, Deployed)], time: Millis) -> &Deployed {
    let before = deployments.iter().rev().find(|(from, _)| *from <= time);
    &before.or(deployments.first()).expect("the first one is there").1
}
