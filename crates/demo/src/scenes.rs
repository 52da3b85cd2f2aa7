//! Stories that the demonstration tells within its first two minutes: a pull request's author has a failed run re-run by a
//! command, the pull request is removed from the merge queue, a flaky job gets an issue, and a package registry is down for all.

use std::time::Duration;

use simulator::{Association, Call, Comment, Endpoint, Job, Outcome, Repository, Run, Trigger, Workflow};
use tokio::time::{Instant, sleep_until};

use crate::told::Told;

/// What the repository of the stories says in its policy file.
pub const POLICY: &str = "rules:\n  # One at a time has the preview: people say when.\n  - { name: previews, if: { job: preview }, \
    then: leave }\n  - { name: network, if: { cause: infrastructure }, then: rerun }\ncommands: { who: authors }\n\
    flaky_issues: { after: 2 }\n";
/// That of the repository of the outage: a preset, and how an outage is told.
pub const OUTAGE_POLICY: &str =
    "extends: careful\noutage: { runs: 3, within: 5m, probe_every: 10s, for_at_most: 10m }\n";
pub const POLICY_FILE: &str = ".github/rerunner.yml";
/// Of a fork's pull request: on a branch of the repository's own, commands take a collaborator.
const AUTHOR: &str = "passer-by";
/// More pull requests and issues than there are.
const MOST_NUMBERS: u64 = 200;

#[derive(Debug, Clone, Copy)]
pub enum Scene {
    /// A run of the pull request that the rules leave alone.
    Preview,
    /// Its author wants it re-run.
    Command,
    /// The pull request goes into the merge queue, and fails there.
    Queue,
    /// A run whose flaky job passes when it is re-run.
    FlakyJob,
    /// Several runs fail with the same cause, all at once.
    Outage,
}

/// By seconds after the start.
const SCENES: [(u64, Scene); 6] = [
    (6, Scene::Preview),
    (12, Scene::FlakyJob),
    (21, Scene::Command),
    (27, Scene::FlakyJob),
    (36, Scene::Queue),
    (42, Scene::Outage),
];

impl Scene {
    /// As the line calls it that tells how it came out.
    pub fn title(self) -> &'static str {
        match self {
            Self::Preview | Self::Command => "the locked preview",
            Self::Queue => "the merge queue",
            Self::FlakyJob => "the flaky job",
            Self::Outage => "the outage of the package registry",
        }
    }
}

#[derive(Debug)]
pub struct Scenes {
    repository: Repository,
    /// Nothing else is pushed to it, so that its newest commit is the story's.
    pull: u64,
    /// Where the outage is seen.
    outage: Repository,
    /// Where GitHub's pages are.
    web: String,
    started: Instant,
    played: usize,
}

impl Scenes {
    pub async fn of(repository: Repository, outage: Repository, web: String) -> Self {
        let pull = repository.pull_request_from_fork("contact-page", AUTHOR).await;
        Self { repository, pull, outage, web, started: Instant::now(), played: 0 }
    }

    /// Waits for the next; for ever after the last.
    pub async fn next(&self) -> Scene {
        match SCENES.get(self.played) {
            Some((second, scene)) => {
                sleep_until(self.started + Duration::from_secs(*second)).await;
                *scene
            }
            None => std::future::pending().await,
        }
    }

    fn page(&self, repository: &str, kind: &str, number: u64) -> String {
        format!("{}/{repository}/{kind}/{number}", self.web)
    }

    /// The runs that it has started, or what somebody has said.
    pub async fn play(&mut self, scene: Scene) -> Result<Vec<Run>, Told> {
        self.played += 1;
        let pull = self.pull;
        let run = match scene {
            Scene::Preview => {
                let failure = Outcome::failure_with("Deploy", 1, "the preview environment is locked by another run");
                let preview = Job::new("preview").steps(&["Set up job", "Deploy"]).duration(1_500);
                let workflow = Workflow::new("preview site").job(preview.ends_first(1, failure));
                self.repository.run_on(workflow, Trigger::pull_request(pull, AUTHOR)).await
            }
            Scene::Command => {
                let said = "/rerun";
                self.repository.comment_as(pull, AUTHOR, Association::Contributor, said);
                let name = self.repository.name();
                let more = format!("on #{pull}: {said}  {}", self.page(&name, "pull", pull));
                return Err(Told::said(name, "comment", AUTHOR, more));
            }
            Scene::Queue => {
                let failure = Outcome::failure_with("Install", 1, "npm ERR! code ECONNRESET\nnpm ERR! network aborted");
                let merge = Job::new("merge checks").steps(&["Set up job", "Install", "Test"]).duration(1_500);
                self.repository.merge_queue_run(Workflow::new("queue").job(merge.ends_first(1, failure)), pull).await
            }
            Scene::FlakyJob => {
                let failure = Outcome::failure_with("Search", 1, "Timeout of 5000ms exceeded: no result after 5 s");
                let search = Job::new("search").steps(&["Set up job", "Search"]).duration(1_200).ends_first(1, failure);
                self.repository.run_on(Workflow::new("end-to-end").job(search), Trigger::push("main", "grace")).await
            }
            Scene::Outage => {
                let mut runs = vec![];
                for name in ["tests", "lint", "bundle", "screenshots"] {
                    let failure =
                        Outcome::failure_with("Install", 1, "npm ERR! code ETIMEDOUT\nnpm ERR! network timeout");
                    let job = Job::new(name).steps(&["Set up job", "Install", "Run"]).duration(1_500);
                    let workflow = Workflow::new(name).job(job.ends_first(1, failure));
                    runs.push(self.outage.run_on(workflow, Trigger::push("main", "ada")).await);
                }
                return Ok(runs);
            }
        };
        Ok(vec![run])
    }

    /// What people see of a call of the Worker's; `None`: it is not for them. No line: there is nothing new to see.
    pub fn for_people(&self, repositories: &[Repository], call: &Call) -> Option<Option<Told>> {
        let endpoint = call.endpoint.filter(|_| call.status.is_some_and(|status| status < 300))?;
        let name = call.repository.as_deref()?;
        let repository = repositories.iter().chain([&self.outage]).find(|one| one.name() == name)?;
        let told =
            |place: &str, what: String, more: String| Some(Some(Told::said(name.to_owned(), place, &what, more)));
        match endpoint {
            // There is one for each step of each run: at the end of its commit's page.
            Endpoint::CreateStatus => Some(None),
            Endpoint::CreateIssue => {
                let issue = repository.issues().pop()?;
                let page = self.page(name, "issues", issue.number);
                told("issue", format!("#{} opened", issue.number), format!("{}  {page}", issue.title))
            }
            Endpoint::CreateComment | Endpoint::EditComment => {
                let all = comments(repository);
                let comment = match numbers(&call.path) {
                    (None, Some(number)) => all.into_iter().filter(|one| one.number == number).max_by_key(|one| one.id),
                    (id, _) => all.into_iter().find(|one| Some(one.id) == id),
                };
                let comment = comment?;
                let page = self.page(name, "pull", comment.number);
                let more = format!("on #{}: {}  {page}", comment.number, shown_line(&comment.body));
                told("comment", "rerunner".to_owned(), more)
            }
            Endpoint::CreateReaction => {
                let (id, _) = numbers(&call.path);
                let comment = comments(repository).into_iter().find(|one| Some(one.id) == id)?;
                let reaction = comment.reactions.last()?.content;
                told("reaction", reaction.to_owned(), format!("to {}'s {}", comment.author, shown_line(&comment.body)))
            }
            _ => None,
        }
    }
}

fn comments(repository: &Repository) -> Vec<Comment> {
    (1..MOST_NUMBERS).flat_map(|number| repository.comments(number)).collect()
}

/// Of a comment, as in `…/issues/comments/7`, and of what it is on, as in `…/issues/7/comments`.
fn numbers(path: &str) -> (Option<u64>, Option<u64>) {
    let after = |part: &str| path.split_once(part).and_then(|(_, rest)| rest.split(['/', '?']).next()?.parse().ok());
    (after("/issues/comments/"), after("/issues/"))
}

/// The line that says most; with the first of its list.
fn shown_line(body: &str) -> String {
    let lines: Vec<&str> = body.lines().filter(|line| !line.starts_with("<!--") && !line.trim().is_empty()).collect();
    let most = lines.iter().position(|line| line.contains("removed from the merge queue")).unwrap_or_default();
    let line = |number: usize| lines.get(number).copied().unwrap_or_default().trim_start().trim_start_matches("- ");
    if line(most).ends_with(':') { format!("{} {}", line(most), line(most + 1)) } else { line(most).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_comment() {
        assert_eq!(shown_line("<!-- a mark -->\n\n**Rerunner** did.\n- more\n"), "**Rerunner** did.");
        let queue = "<!-- a mark -->\nfirst\n- It was removed from the merge queue, because of:\n  - `test`\n";
        assert_eq!(shown_line(queue), "It was removed from the merge queue, because of: `test`");
        assert_eq!(shown_line(""), "");
    }

    #[test]
    fn what_a_path_is_about() {
        assert_eq!(numbers("/repos/a/b/issues/comments/7/reactions"), (Some(7), None));
        assert_eq!(numbers("/repos/a/b/issues/3/comments?page=1"), (None, Some(3)));
        assert_eq!(numbers("/repos/a/b/issues"), (None, None));
    }
}
