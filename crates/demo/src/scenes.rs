//! Stories that the demonstration tells within its first two minutes: a pull request's author has a failed run re-run by a
//! command, a flaky job gets an issue, a package registry is down, and a pull request is removed from the merge queue.

use std::collections::BTreeMap;
use std::time::Duration;

use simulator::{
    Association, Call, Comment, Endpoint, Job, Millis, Outage, OutageId, Outcome, Repository, Run, Trigger, Workflow,
};
use tokio::time::{Instant, sleep_until};

use crate::tales::Tale;
use crate::told::Told;

/// What the repository of the stories says in its policy file.
pub const POLICY: &str = "rules:\n  # One at a time has the preview: people say when.\n  - { name: previews, if: { job: preview }, \
    then: leave }\n  - { name: network, if: { cause: infrastructure }, then: rerun }\ncommands: { who: authors }\n\
    flaky_issues: { after: 2 }\n";
/// That of the repository of the outage: a preset, and an outage of a size that a demonstration has.
pub const OUTAGE_POLICY: &str =
    "extends: careful\noutage: { runs: 3, within: 5m, probe_every: 8s, for_at_most: 10m }\n";
/// As many runs as [`Tale::Outage`] has.
const OUTAGE_WORKFLOWS: [&str; 5] = ["tests", "lint", "types", "bundle", "images"];
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
    /// A package registry is down: several runs fail at once.
    Outage,
    /// It is up again.
    OutageEnds,
}

/// By seconds after the start.
const SCENES: [(u64, Scene); 7] = [
    (6, Scene::Preview),
    (12, Scene::FlakyJob),
    (21, Scene::Command),
    (27, Scene::FlakyJob),
    (30, Scene::Outage),
    (40, Scene::Queue),
    (44, Scene::OutageEnds),
];

impl Scene {
    /// Which story it belongs to.
    pub fn tale(self) -> Tale {
        match self {
            Self::Preview | Self::Command => Tale::Command,
            Self::FlakyJob => Tale::FlakyJob,
            Self::Outage | Self::OutageEnds => Tale::Outage,
            Self::Queue => Tale::Queue,
        }
    }
}

#[derive(Debug)]
pub struct Scenes {
    repository: Repository,
    /// Nothing else is pushed to it, so that its newest commit is the story's.
    pull: u64,
    /// Where the outage is seen.
    shop: Repository,
    outage: Option<OutageId>,
    /// Where GitHub's pages are.
    web: String,
    started: Instant,
    played: usize,
    /// What each comment of Rerunner's says most, as it was shown last.
    shown: BTreeMap<u64, String>,
}

impl Scenes {
    pub async fn of(repository: Repository, shop: Repository, web: String) -> Self {
        let pull = repository.pull_request_from_fork("contact-page", AUTHOR).await;
        Self { repository, pull, shop, outage: None, web, started: Instant::now(), played: 0, shown: BTreeMap::new() }
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
                return Err(Told::said(name, "comment", format!("{AUTHOR} {more}")));
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
                let outage = Outage::of_registry(Millis::MIN, Millis::MAX).within(&[self.shop.id()]);
                self.outage = Some(self.shop.github().outage(outage));
                let mut runs = vec![];
                for name in OUTAGE_WORKFLOWS {
                    let job = Job::new(name).steps(&["Set up job", "Install", "Run"]).duration(1_500);
                    runs.push(self.shop.run_on(Workflow::new(name).job(job), Trigger::push("main", "ada")).await);
                }
                return Ok(runs);
            }
            Scene::OutageEnds => {
                if let Some(outage) = self.outage {
                    self.shop.github().end_outage(outage);
                }
                return Err(Told::said(self.shop.name(), "registry", "is back up; Rerunner isn't told".to_owned()));
            }
        };
        Ok(vec![run])
    }

    /// What people see of a call of the Worker's; `None`: it is not for them. No line: there is nothing new to see.
    pub fn for_people(&mut self, repositories: &[Repository], call: &Call) -> Option<Option<Told>> {
        let endpoint = call.endpoint.filter(|_| call.status.is_some_and(|status| status < 300))?;
        let name = call.repository.as_deref()?;
        let repository = repositories.iter().chain([&self.shop]).find(|one| one.name() == name)?;
        let told = |what: &str, more: String| Some(Some(Told::said(name.to_owned(), what, more)));
        match endpoint {
            // There is one for each step of each run: at the end of its commit's page.
            Endpoint::CreateStatus => Some(None),
            Endpoint::CreateIssue => {
                let issue = repository.issues().pop()?;
                let page = self.page(name, "issues", issue.number);
                told("issue", format!("#{} opened “{}”  {page}", issue.number, issue.title))
            }
            Endpoint::CreateComment | Endpoint::EditComment => {
                let all = comments(repository);
                let comment = match numbers(&call.path) {
                    (None, Some(number)) => all.into_iter().filter(|one| one.number == number).max_by_key(|one| one.id),
                    (id, _) => all.into_iter().find(|one| Some(one.id) == id),
                };
                let comment = comment?;
                let page = self.page(name, "pull", comment.number);
                let shown = shown_line(&comment.body);
                // An edit that changes only the rest.
                if self.shown.insert(comment.id, shown.clone()).as_ref() == Some(&shown) {
                    return Some(None);
                }
                told("comment", format!("rerunner on #{}: {shown}  {page}", comment.number))
            }
            Endpoint::CreateReaction => {
                let (id, _) = numbers(&call.path);
                let comment = comments(repository).into_iter().find(|one| Some(one.id) == id)?;
                let reaction = comment.reactions.last()?.content;
                told("reaction", format!("{reaction} to {}'s {}", comment.author, shown_line(&comment.body)))
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
    let shown =
        if line(most).ends_with(':') { format!("{} {}", line(most), line(most + 1)) } else { line(most).to_owned() };
    // It stands behind the number of the pull request.
    let shown = shown.replace("**", "").replace(" of this pull request", "");
    let shown =
        shown.replace("If this check is required, the pull request was removed", "if the check is required, removed");
    shown.trim_start_matches("Rerunner ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_comment() {
        assert_eq!(shown_line("<!-- a mark -->\n\n**Rerunner** did.\n- more\n"), "did.");
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
