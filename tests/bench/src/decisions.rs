//! What a decision costs, from the webhook of a failed run to its re-run: Rerunner on workerd as in the other cases, with its
//! own Keeper, and a simulated GitHub that it reads from. What is decided on stands in `evidence.rs` and `worst.rs`.

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use simulator::{EventKinds, Options, Repository, Run, SimulatedGitHub};

use crate::cases::{Case, Keeper};
use crate::figures::Figures;
use crate::requests::{SECRET, Template};
use crate::subject::{Place, Running, Subject};

/// A decision that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(200);
/// For what is written after the re-run was asked for.
const SETTLES_WITHIN: Duration = Duration::from_millis(500);

#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    #[serde(default)]
    pub case: String,
    /// What is decided on.
    #[serde(alias = "attack")]
    pub on: String,
    pub subject: String,
    pub cpu_milliseconds: Vec<f64>,
    pub milliseconds: Vec<f64>,
}

impl Decision {
    pub fn new(case: &str, on: &str, subject: &Subject, cpu_milliseconds: Vec<f64>, milliseconds: Vec<f64>) -> Self {
        Self { case: case.to_owned(), on: on.to_owned(), subject: subject.name.clone(), cpu_milliseconds, milliseconds }
    }
}

/// A Worker, and a repository whose webhooks it gets.
pub struct Scene {
    pub github: SimulatedGitHub,
    pub repository: Repository,
    worker: Running,
}

impl Scene {
    pub async fn set(
        (case, first): (&Case, &Template),
        subject: &Subject,
        place: &Place,
        events: EventKinds,
    ) -> io::Result<Self> {
        let (secret, token) = (SECRET.to_owned(), "a-token".to_owned());
        let github = SimulatedGitHub::start(Options { secret, token, patience: PATIENCE, ..Options::default() }).await;
        let vars = [("GITHUB_API_URL", &*github.url()), ("RERUN_DELAY", "0s"), ("SWEEP_INTERVAL", "0s")];
        let (worker, _) = Running::start(subject, Keeper::Own, &place.with_vars(&vars), first, case.status).await?;
        let repository = github.repository("octo/decided").await;
        let url = Some(format!("http://127.0.0.1:{}/", worker.port));
        repository.hook(|hook| (hook.url, hook.events) = (url, events)).await;
        Ok(Self { github, repository, worker })
    }

    /// Of workerd, in nanoseconds.
    pub fn cpu(&self) -> io::Result<u64> {
        self.worker.cpu()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.worker.port)
    }

    /// The CPU time since `before` once a run is re-run for the first time and all is written; and how long after now that is.
    pub async fn until_rerun(&self, run: &Run, before: u64) -> io::Result<(Duration, Duration)> {
        let ended = Instant::now();
        while run.reruns().is_empty() && ended.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let took = ended.elapsed();
        tokio::time::sleep(SETTLES_WITHIN).await;
        Ok((Duration::from_nanos(self.cpu()? - before), took))
    }

    pub async fn end(self) -> io::Result<()> {
        self.worker.stop().await
    }
}

/// As docs/performance.md has it: a table for each case.
pub fn write(decisions: &[Decision], text: &mut String) -> std::fmt::Result {
    for (at, decision) in decisions.iter().enumerate() {
        let Decision { case, on, subject, cpu_milliseconds, milliseconds } = decision;
        let is_first = at.checked_sub(1).and_then(|at| decisions.get(at)).is_none_or(|before| before.case != *case);
        if is_first {
            writeln!(text, "\n**A decision, from the webhook to the re-run** (`{case}`)\n")?;
            writeln!(text, "After {} ms it is not waited for any longer.\n", PATIENCE.as_millis())?;
            writeln!(text, "| | | CPU, ms | re-run after, ms |\n|---|---|---|---|")?;
        }
        let figures = |values: &[f64]| {
            let of = Figures::of(values.iter().copied());
            // Of what takes some milliseconds, tenths count.
            let digits = usize::from(of.is_some_and(|of| of.median < 100.0));
            of.map_or(String::new(), |of| {
                format!("{:.digits$} ({:.digits$}–{:.digits$})", of.median, of.least, of.most)
            })
        };
        writeln!(text, "| {on} | {subject} | {} | {} |", figures(cpu_milliseconds), figures(milliseconds))?;
    }
    Ok(())
}
