//! What the giver of a command sees: a reaction to the comment, and an answer where something is to be said. Both are beside
//! all else, and tried again for a while. A reaction is there once however often it is made; an answer that may have been
//! written is looked for first, by who wrote it and a mark that names the comment.

use crate::github::{self, Call, CommandCall, CommandReply as Reply, CommentAnswer, Reaction, Response};
use crate::keeper::command_log::CommandOutcome;
use crate::keeper::content_budget::Content;
use crate::keeper::feature::Feature;
use crate::keeper::store::commands::StoredCommand;
use crate::keeper::subrequests::{COMMENT, COMMENT_PAGES};
use crate::names::{CommentId, Conclusion};
use crate::policy::RerunSettings;
use crate::policy::run::Run;
use crate::time::{Millis, Span};

use super::comment_text::{RUNS_SHOWN, cut, section};
use super::errand_answer::Tries;
use super::{CLOCKS_APART, Context, Keeper, Sql, StoreError};

/// Longer than finding and writing can take.
const CLAIM: Span = Span::seconds(90);
const TRIES: Tries = Tries::FOR_A_DAY;
/// Later nobody waits for it.
const ANSWERED_WITHIN: Span = Span::hours(12);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReply {
    comment_id: CommentId,
    pull: u64,
    what: What,
    /// When it is due again, should its end never be stored; also tells it from later ones.
    claimed_until: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    React(Reaction),
    /// `since`: it may be there, and is no older than this.
    Answer {
        body: String,
        since: Option<Millis>,
    },
}

impl CommandReply {
    pub fn requests(&self) -> u32 {
        match self.what {
            What::React(_) => 1,
            What::Answer { .. } => COMMENT,
        }
    }
}

/// Makes the calls that it takes: each is answered before the next.
pub async fn write(reply: &CommandReply, call: impl AsyncFn(Call) -> Response) -> Result<(), github::Error> {
    let ask = async |what| match call(Call::Command(what)).await {
        Response::Command(answer) => answer,
        _ => Err(github::Error::other_answer()),
    };
    let CommandReply { comment_id, pull, what, .. } = reply.clone();
    match what {
        What::React(reaction) => match ask(CommandCall::React { comment_id, reaction }).await? {
            Reply::Reacted => Ok(()),
            _ => Err(github::Error::other_answer()),
        },
        What::Answer { body, since } => {
            for page in 1..=since.map_or(0, |_| COMMENT_PAGES) {
                let since = since.unwrap_or(Millis(0));
                match ask(CommandCall::FindAnswer { pull, to: comment_id, since, page }).await? {
                    Reply::Answer(CommentAnswer::There(_)) => return Ok(()),
                    Reply::Answer(CommentAnswer::NotOnThisPage) => {}
                    _ => break,
                }
            }
            match ask(CommandCall::Answer { pull, body }).await? {
                Reply::Answer(_) => Ok(()),
                _ => Err(github::Error::other_answer()),
            }
        }
    }
}

impl<S: Sql> Keeper<S> {
    pub(in crate::keeper) fn reply_due(&self, _: &RerunSettings) -> Result<Option<Millis>, StoreError> {
        self.feature_due(Feature::Commands, self.store.first_reply_due()?)
    }

    pub(super) fn claim_reply(&self, cx: &Context) -> Result<Option<CommandReply>, StoreError> {
        if self.content_from(Content::Reply)? > cx.now {
            return Ok(None);
        }
        let Some(mut given) = self.store.next_reply(cx.now)? else { return Ok(None) };
        let StoredCommand { comment_id, pull, .. } = given;
        if cx.now - given.received > ANSWERED_WITHIN {
            given.reply_due = None;
            self.log_command(&given, CommandOutcome::Unanswered, "it could not be answered within half a day");
            self.store.put_command(&given)?;
            return Ok(None);
        }
        let reply = &mut given.reply;
        let what = match (reply.wanted.filter(|wanted| reply.made != Some(*wanted)), &reply.text) {
            (Some(reaction), _) => Some(What::React(reaction)),
            (None, Some(body)) => {
                let since = reply.begun.then(|| given.received.minus(CLOCKS_APART));
                let what = What::Answer { body: body.clone(), since };
                reply.begun = true;
                Some(what)
            }
            (None, None) => None,
        };
        let claimed_until = cx.now + CLAIM;
        given.reply_due = what.as_ref().map(|_| claimed_until);
        self.store.put_command(&given)?;
        Ok(what.map(|what| CommandReply { comment_id, pull, what, claimed_until }))
    }

    pub(super) fn finish_reply(
        &self,
        reply: &CommandReply,
        answer: Result<(), github::Error>,
        cx: &Context,
    ) -> Result<Option<String>, StoreError> {
        let Some(mut given) = self.store.command(reply.comment_id)? else { return Ok(None) };
        // The comment was deleted, or its pull request: there is nobody to answer.
        let warning = match answer {
            Err(github::Error::NotFound) => None,
            _ => self.note_answer(Feature::Commands, "the answer to a command", &answer, cx)?,
        };
        // There is more to say meanwhile, or it is being said: what is due then is left as it is.
        let newer = given.reply_due.filter(|due| *due != reply.claimed_until);
        match answer {
            Ok(()) => {
                given.reply_failures = 0;
                match reply.what {
                    What::React(reaction) => given.reply.made = Some(reaction),
                    What::Answer { .. } => given.reply.text = None,
                }
                given.reply_due = (!given.reply.is_complete()).then_some(cx.now);
            }
            Err(github::Error::NotFound) => {
                (given.reply_due, given.reply.text) = (None, None);
                self.log_command(&given, CommandOutcome::Unanswered, "GitHub does not show the comment");
            }
            Err(_) => given.reply_due = TRIES.failed(&mut given.reply_failures, cx.now),
        }
        given.reply_due = newer.or(given.reply_due);
        self.store.put_command(&given)?;
        Ok(warning)
    }

    /// What `/rerun status` is answered with.
    pub(super) fn status(&self, runs: &[Run]) -> Result<String, StoreError> {
        let Some(repository) = self.repository()? else { return Ok(String::new()) };
        let mut text = String::new();
        if self.paused()?.is_some() {
            text.push_str("Re-runs are paused in this repository.\n");
        }
        let mut shown = 0;
        for run in runs {
            if shown == RUNS_SHOWN {
                text.push_str("\nThere are more.\n");
                break;
            }
            if let Some(view) = self.run_view(repository.clone(), run.run_id, Millis(0))? {
                shown += 1;
                text.push_str(&section(&view, &self.web_url));
            }
        }
        if shown == 0 {
            text.push_str("There is no decision on any run of the newest commit yet.");
        }
        Ok(cut(text))
    }
}

pub(super) fn nothing_failed(runs: &[Run]) -> String {
    let count = |is: fn(&Run) -> bool| runs.iter().filter(|run| is(run)).count();
    let going = count(|run| run.conclusion.is_none());
    let waiting = count(|run| run.conclusion == Some(Conclusion::ActionRequired));
    let mut text = "Nothing was re-run: no run of the newest commit that a command may re-run has failed".to_owned();
    for (n, what) in [(going, "not finished yet"), (waiting, "waiting for approval")] {
        if n > 0 {
            text.push_str(&format!("; {n} {} {what}", if n == 1 { "is" } else { "are" }));
        }
    }
    text.push('.');
    text
}
