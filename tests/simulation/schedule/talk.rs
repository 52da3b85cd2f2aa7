//! People who comment on pull requests, with commands among what they say, and how those get to the Worker.

use rerunner::names::CommentId;
use rerunner::time::{Millis, Span};
use rerunner::webhook::command::CommandEvent;
use rerunner::webhook::headers::Content;
use rerunner::webhook::{Event as Told, filter, payload};
use simulator::Hosts;
use simulator::model::Association;

use super::conversions::to_model;
use super::event::Event;
use super::extras::Commanders;
use super::{EXCLUDED, Schedule, is_served};

/// Who opened the pull requests, by their numbers.
const AUTHORS: [&str; 3] = ["", "ann", "cara"];
const SPEAKERS: [(&str, Association); 10] = [
    ("ann", Association::Member),
    ("ann", Association::Contributor),
    ("bob", Association::Collaborator),
    ("bob", Association::Owner),
    ("cara", Association::FirstTimer),
    ("cara", Association::Contributor),
    ("cara", Association::None),
    ("dave", Association::Contributor),
    ("dave", Association::None),
    (EXCLUDED, Association::Collaborator),
];
const SAID: [&str; 12] = [
    "/rerun",
    "/rerun",
    "/rerun",
    "/rerun",
    "/rerun\r\nas the mirror was down",
    "/rerun ci",
    "/rerun [qr]*",
    "/rerun .github/workflows/*",
    "/rerun status",
    "/rerun stop",
    "LGTM",
    "please /rerun",
];

/// Something that somebody said.
#[derive(Debug, Clone)]
pub struct Given {
    pub repository: usize,
    pub comment: u64,
    pub pull: u64,
    pub by: &'static str,
    association: Association,
    pub text: &'static str,
    /// When the Worker first had it.
    pub had: Option<Millis>,
    /// And when it first said that something will be done about it.
    pub promised: Option<Millis>,
}

impl Given {
    /// Whether it asks for re-runs.
    pub fn is_rerun(&self) -> bool {
        self.text.starts_with("/rerun") && !self.is_stop() && self.text != "/rerun status"
    }

    pub fn is_stop(&self) -> bool {
        self.text == "/rerun stop"
    }

    /// Whether a policy that lets these give commands lets who said it.
    pub fn is_let(&self, commanders: Option<Commanders>) -> bool {
        let is_collaborator =
            matches!(self.association, Association::Owner | Association::Member | Association::Collaborator);
        let is_author = AUTHORS.get(self.pull as usize) == Some(&self.by);
        self.by != EXCLUDED
            && match commanders {
                None => false,
                Some(Commanders::Collaborators) => is_collaborator,
                Some(Commanders::Authors) => is_collaborator || is_author,
            }
    }
}

impl Schedule {
    /// Somebody says something on a pull request.
    pub fn say(&mut self, repository: usize, pull: u64, speaker: usize, said: usize) {
        let mut world = self.world.borrow_mut();
        let ((by, association), text, now) = (SPEAKERS[speaker], SAID[said], to_model(world.now));
        let comment = world.github.comment_by(self.ids[repository], pull, (by.into(), association), text, now);
        world.note(|| format!("comment    {comment} of {by} ({association:?}) on {pull} of {repository}: {text:?}"));
        let (had, promised) = (None, None);
        world.given.push(Given { repository, comment, pull, by, association, text, had, promised });
        *world.faults_seen.entry("a comment").or_default() += 1;
    }

    /// When who says what, drawn apart.
    pub fn plan_talk(&self, random: &mut fastrand::Rng, most: usize) -> Vec<(Millis, Event)> {
        let lasts = (self.heals - super::START).as_millis();
        let mut all = Vec::new();
        for repository in 0..self.ids.len() {
            for _ in 0..random.usize(0..most) {
                let at = super::START + Span::millis(random.i64(lasts / 20..lasts));
                let (speaker, said) = (random.usize(0..SPEAKERS.len()), random.usize(0..SAID.len()));
                let pull = random.u64(1..super::PULLS + 1);
                all.push((at, Event::Say { repository, pull, speaker, said }));
            }
        }
        all
    }

    /// What GitHub tells of comments is sent, or lost, or late, or twice.
    pub fn send_comments(&mut self) {
        let events = self.world.borrow_mut().github.take_comment_events();
        for event in events {
            let body = event.payload(&Hosts::default()).to_string();
            let payload = payload::parse("issue_comment", Content::Json, body.as_bytes()).expect("as GitHub has it");
            let Ok(Told::Command(command)) = filter::apply(&self.settings, payload) else { continue };
            let mut world = self.world.borrow_mut();
            let known = world.repositories.iter().position(|known| known == command.repository.as_str());
            let repository = known.expect("a repository");
            let faults = world.faults.clone();
            if world.chance("a dropped webhook", faults.drop_webhook) {
                world.note(|| format!("webhook    lost: {command:?}"));
                continue;
            }
            let repeats = world.chance("a repeated webhook", faults.repeat_webhook);
            for _ in 0..if repeats { world.random.usize(2..4) } else { 1 } {
                let late = world.chance("a delayed webhook", faults.delay_webhook);
                let most = if late { [60_000, 7_200_000][world.random.usize(0..2)] } else { 3_000 };
                let after = Span::millis(world.random.i64(50..most));
                world.after(after, Event::Command { repository, command: command.clone(), tries: 0 });
            }
        }
    }

    /// A command arrives.
    pub fn command(&mut self, repository: usize, command: &CommandEvent, tries: u32) {
        self.webhooks += 1;
        let crash = {
            let mut world = self.world.borrow_mut();
            world.on_the_way -= 1;
            world.note(|| format!("webhook    {command:?}"));
            world.faults.crash / 4.0
        };
        if !is_served(&self.settings, repository) {
            return;
        }
        let before = self.world.borrow_mut().chance("a webhook refused", crash);
        if before {
            self.machines[repository].crash();
        }
        let answer = if before { None } else { self.machines[repository].receive_command(command).ok() };
        let after = self.world.borrow_mut().chance("a webhook stored and not answered", crash);
        if after {
            self.machines[repository].crash();
        }
        if let Some(accepted) = answer {
            self.world.borrow_mut().had(repository, command.comment_id, accepted && !after);
        }
        if answer.is_none() || after {
            // Somebody redelivers it, or not.
            let mut world = self.world.borrow_mut();
            if world.random.bool() && tries < 20 {
                let later = Span::millis(world.random.i64(1_000..1_800_000));
                world.after(later, Event::Command { repository, command: command.clone(), tries: tries + 1 });
            }
        }
    }
}

impl super::world::World {
    fn had(&mut self, repository: usize, comment: CommentId, promised: bool) {
        let now = self.now;
        let is_it = |given: &&mut Given| given.repository == repository && given.comment == comment.get();
        if let Some(given) = self.given.iter_mut().find(is_it) {
            given.had.get_or_insert(now);
            if promised {
                given.promised.get_or_insert(now);
            }
        }
    }
}
