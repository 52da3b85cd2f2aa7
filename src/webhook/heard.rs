//! Which repositories this isolate has told their Keepers of today: a repository of which all webhooks are ignored is known to
//! be connected all the same, at one message a day.
//!
//! That goes by webhooks of which the repository's name has been read for the answer anyway: the completed jobs, runs and
//! check runs that nothing is done for. What is ignored by its event or its action alone (`queued`, `in_progress`, `push`) says
//! nothing here, so that it costs what it did; each run that is begun comes to an end, which does.

use std::collections::BTreeSet;

use crate::names::RepoName;
use crate::settings::Settings;
use crate::time::Millis;

use super::{Answer, Outcome};

/// Names that are kept. Beyond, a repository is told of by another isolate, or on another day.
const MOST: usize = 5_000;

#[derive(Debug, Default)]
pub struct Heard {
    day: i64,
    known: BTreeSet<String>,
}

impl Heard {
    /// The repository of a webhook that is ignored, if its Keeper has not been told of it today.
    pub fn news<'a>(&self, settings: &Settings, answer: &'a Answer, now: Millis) -> Option<&'a RepoName> {
        let repository = &answer.subject.as_ref().filter(|_| answer.outcome == Outcome::Ignored)?.repository;
        let is_today = self.day == now.day();
        let is_known = is_today && (self.known.contains(repository.as_str()) || self.known.len() >= MOST);
        (!is_known && settings.serves(repository)).then_some(repository)
    }

    /// Its Keeper is being told of it, or of something in it.
    pub fn note(&mut self, repository: &RepoName, now: Millis) {
        if self.day != now.day() {
            self.day = now.day();
            self.known.clear();
        }
        if self.known.len() < MOST && !self.known.contains(repository.as_str()) {
            self.known.insert(repository.as_str().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::RunId;
    use crate::time::Span;
    use crate::webhook::Subject;

    const NOW: Millis = Millis(1_795_446_245_000);

    fn ignored(repository: &str) -> Answer {
        let repository = RepoName::parse(repository).unwrap();
        Answer::ignored("the run's conclusion is success").about(Subject {
            repository,
            run_id: RunId::new(7).unwrap(),
            run_attempt: None,
        })
    }

    /// Seen to fail when `REPOSITORIES` is not looked at.
    #[test]
    fn each_repository_is_news_once_a_day() {
        let settings = Settings::read(|name| (name == "REPOSITORIES").then(|| "octo/*".to_owned()));
        let mut heard = Heard::default();
        let is_news = |heard: &Heard, answer: &Answer, now| heard.news(&settings, answer, now).is_some();
        let (widgets, gadgets) = (ignored("octo/widgets"), ignored("octo/gadgets"));
        assert!(is_news(&heard, &widgets, NOW));
        heard.note(&widgets.subject.as_ref().unwrap().repository, NOW);
        assert!(!is_news(&heard, &widgets, NOW) && is_news(&heard, &gadgets, NOW));
        assert!(is_news(&heard, &widgets, NOW + Span::hours(24)));
        assert!(!is_news(&heard, &ignored("else/where"), NOW), "it is not served");
        assert!(!is_news(&heard, &Answer::ignored("nothing is done for this event"), NOW));
        let recorded = Answer { outcome: Outcome::Recorded, ..gadgets.clone() };
        assert!(!is_news(&heard, &recorded, NOW), "the Keeper knows");
        for number in 0..MOST {
            heard.note(&RepoName::parse(&format!("octo/r{number}")).unwrap(), NOW);
        }
        assert_eq!(heard.known.len(), MOST);
        assert!(!is_news(&heard, &gadgets, NOW));
        heard.note(&gadgets.subject.as_ref().unwrap().repository, NOW + Span::hours(24));
        assert_eq!(heard.known.len(), 1);
    }
}
