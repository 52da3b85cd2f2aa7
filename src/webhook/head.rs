//! The head of a payload: nearly every delivery leads to nothing, and says so in its first bytes.
//!
//! GitHub writes `action` first, and two of three deliveries of an event that is subscribed are `queued`, `in_progress` or
//! `requested`: there is nothing else to read of them. Of a job or a run that ended well a few fields say it, and what
//! stands between those is skipped, not parsed. So what is signed and says that nothing is to be done is ignored, whatever
//! follows, also where that is malformed. All else is left to [`payload::parse`](super::payload::parse), and so is what is not plainly readable:
//! another order, an escape in a key or in a text that matters, a field that is there twice.
//!
//! Nothing is ever done by what is read here: it only says that nothing is.

mod skip;

use crate::names::{Conclusion, RepoName, RunAttempt, RunId};
use crate::settings::Settings;

use super::filter;
use super::payload::{COMPLETED, CREATED, Payload, Seen, unwanted_action};

/// What the head says, if that is all there is to know. Says the same as [`payload::parse`](super::payload::parse) of whatever that
/// understands.
pub fn read(settings: &Settings, event: &str, body: &[u8]) -> Option<Payload> {
    let wanted = if event == "issue_comment" { CREATED } else { COMPLETED };
    let mut text = Text { rest: body };
    text.open()?;
    if text.key()?? != b"action" {
        return None;
    }
    let action = text.string()?;
    if action != wanted.as_bytes() {
        // Another text; one that is no text is for those who say where it is malformed.
        std::str::from_utf8(action).ok()?;
        let follows = matches!(text.peek()?, b',' | b'}') && text.key()? != Some(b"action");
        return follows.then(|| unwanted_action(event));
    }
    // Who caused it stands at the end of the payload.
    if !settings.no_rerun_actors.is_empty() {
        return None;
    }
    let id = match event {
        "workflow_run" => "id",
        "workflow_job" => "run_id",
        _ => return None,
    };
    let (mut repository, mut ended) = (None, None);
    while let Some(key) = text.key()? {
        if key == event.as_bytes() {
            // Also where there are two.
            if ended.is_some() {
                return None;
            }
            let all = text.ended(id)?;
            filter::kind(event == "workflow_run", all.conclusion, all.run_attempt).err()?;
            ended = Some(all);
        } else if key == b"repository" {
            if repository.is_some() {
                return None;
            }
            repository = Some(text.repository()?);
        } else {
            text.skip()?;
            continue;
        }
        if let (Some(_), Some(ended)) = (&repository, &ended) {
            let Ended { run_id, run_attempt, conclusion } = *ended;
            let (repository_id, installation, workflow, names, actors) = (None, None, None, None, vec![]);
            let repository = repository?;
            let seen = Seen {
                repository,
                repository_id,
                run_id,
                run_attempt,
                conclusion,
                installation,
                workflow,
                names,
                actors,
            };
            return Some(if event == "workflow_run" { Payload::Run(seen) } else { Payload::Job(seen) });
        }
        text.close()?;
    }
    None
}

/// What matters of a job or of a run.
#[derive(Clone, Copy)]
struct Ended {
    run_id: RunId,
    run_attempt: Option<RunAttempt>,
    conclusion: Option<Conclusion>,
}

/// JSON, from here on. Every function returns `None` where it is not plainly readable.
struct Text<'a> {
    rest: &'a [u8],
}

impl<'a> Text<'a> {
    /// Into an object.
    fn open(&mut self) -> Option<()> {
        self.take(b'{')
    }

    /// The next key of the object that this is in; within, `None` where it has no more.
    fn key(&mut self) -> Option<Option<&'a [u8]>> {
        if self.peek()? == b',' {
            self.advance(1);
        }
        match self.peek()? {
            b'}' => Some(None),
            _ => {
                let key = self.string()?;
                self.take(b':')?;
                Some(Some(key))
            }
        }
    }

    /// A text without an escape.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        self.take(b'"')?;
        Some(text)
    }

    /// Of a field that may be null.
    fn nullable<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.peek()? != b'n' {
            return read(self).map(Some);
        }
        self.rest = self.rest.strip_prefix(b"null")?;
        Some(None)
    }

    /// A whole number, as GitHub writes it.
    fn number(&mut self) -> Option<u64> {
        self.peek()?;
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.rest.split_at_checked(end)?;
        if !matches!(rest, [b',' | b'}' | b' ' | b'\n', ..]) || digits.starts_with(b"0") || digits.len() > 18 {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// A job or a run, of which so much is read as is needed.
    fn ended(&mut self, id: &str) -> Option<Ended> {
        let (mut run_id, mut run_attempt, mut conclusion) = (None, None, None);
        self.open()?;
        while let Some(key) = self.key()? {
            match key {
                b"conclusion" if conclusion.is_none() => {
                    let text = self.nullable(Self::string)?;
                    let known =
                        |text| Some(Conclusion::parse(std::str::from_utf8(text).ok()?).unwrap_or(Conclusion::Unknown));
                    let read = match text {
                        Some(text) => Some(known(text)?),
                        None => None,
                    };
                    if read.is_some_and(Conclusion::may_be_rerun) {
                        return None;
                    }
                    conclusion = Some(read);
                }
                b"run_attempt" if run_attempt.is_none() => {
                    let number = self.nullable(Self::number)?;
                    run_attempt = Some(match number {
                        Some(number) => Some(RunAttempt::new(number.try_into().ok()?)?),
                        None => None,
                    });
                }
                key if key == id.as_bytes() && run_id.is_none() => run_id = Some(RunId::new(self.number()?)?),
                b"conclusion" | b"run_attempt" => return None,
                key if key == id.as_bytes() => return None,
                _ => self.skip()?,
            }
            if let (Some(run_id), Some(run_attempt), Some(conclusion)) = (run_id, run_attempt, conclusion) {
                return Some(Ended { run_id, run_attempt, conclusion });
            }
        }
        let (run_attempt, conclusion) = (run_attempt.unwrap_or_default(), conclusion.unwrap_or_default());
        Some(Ended { run_id: run_id?, run_attempt, conclusion })
    }

    /// The name of a repository. What follows in it is not read.
    fn repository(&mut self) -> Option<RepoName> {
        self.open()?;
        while let Some(key) = self.key()? {
            if key == b"full_name" {
                return RepoName::parse(std::str::from_utf8(self.string()?).ok()?).ok();
            }
            self.skip()?;
        }
        None
    }

    /// Out of the object that this is in.
    fn close(&mut self) -> Option<()> {
        self.skip_nested(1)
    }

    /// Over a value.
    fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.advance(1);
                self.skip_string()
            }
            b'{' | b'[' => {
                self.advance(1);
                self.skip_nested(1)
            }
            _ => {
                let end = self.rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']'))?;
                self.advance(end);
                Some(())
            }
        }
    }

    /// Out of so many objects and lists.
    fn skip_nested(&mut self, depth: usize) -> Option<()> {
        let end = skip::end_of_nested(self.rest, depth)?;
        self.rest = self.rest.get(end..)?;
        Some(())
    }

    /// To the end of a text, from within it.
    fn skip_string(&mut self) -> Option<()> {
        loop {
            let at = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let is_end = self.rest.get(at) == Some(&b'"');
            // With what a backslash stands before.
            self.rest = self.rest.get(at + if is_end { 1 } else { 2 }..)?;
            if is_end {
                return Some(());
            }
        }
    }

    /// What comes next that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some((first, rest)) = self.rest.split_first() {
            if !matches!(first, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*first);
            }
            self.rest = rest;
        }
        None
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.advance(1))
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
