//! The deliberate bugs: of the kind that services like this one have had. Each has a name, what is wrong, where it shows,
//! and how the code becomes wrong; `BUG` stands for whether it is switched on.

/// Something that is wrong in Rerunner, on demand.
pub struct Bug {
    pub name: &'static str,
    pub what: &'static str,
    pub shows: Shows,
    pub changes: &'static [Change],
}

/// The schedules that it is looked for in.
pub struct Shows {
    /// A kind of schedule, by its name.
    pub kind: &'static str,
    /// What those schedules have more of.
    pub emphasis: Option<&'static str>,
    /// One that finds it, as it was when that was written down: it is tried first.
    pub seed: u64,
}

/// What is replaced, which must be in the code exactly once, and by what.
pub struct Change {
    pub right: &'static str,
    pub wrong: &'static str,
}

const fn hours(seed: u64) -> Shows {
    Shows { kind: "hours", emphasis: None, seed }
}

const fn weeks(seed: u64) -> Shows {
    Shows { kind: "weeks", emphasis: None, seed }
}

const fn settings(seed: u64) -> Shows {
    Shows { kind: "settings", emphasis: None, seed }
}

impl Shows {
    const fn with(self, emphasis: &'static str) -> Self {
        Self { emphasis: Some(emphasis), ..self }
    }
}

pub const BUGS: [Bug; 33] = [
    Bug {
        name: "RerunBeforeStoring",
        what: "the re-run is called before the intention is stored",
        shows: hours(1),
        changes: &[
            Change {
                right: "let mut records = self.store_step(&step, cx)?;",
                wrong: "if BUG && matches!(step.call, Some(Call::Rerun { .. })) {
                    let unstored = self.store.run(step.tracked.run_id)?;
                    return Ok(StepResult { task: unstored.and(step.call).map(Task::Call), ..StepResult::default() });
                }
                let mut records = self.store_step(&step, cx)?;",
            },
            Change {
                right: "let Some(pending) = tracked.pending.filter(|pending| pending.run_attempt == attempt)",
                wrong: "if BUG && tracked.pending.is_none() {
                    tracked.pending = Some(PendingRerun { run_attempt: attempt, since: cx.now, again: false });
                }
                let Some(pending) = tracked.pending.filter(|pending| pending.run_attempt == attempt)",
            },
        ],
    },
    Bug {
        name: "DeduplicateBeforeStoring",
        what: "a delivery's id is stored before the work that it carries",
        shows: hours(6),
        changes: &[Change {
            right: "if let Some(sweep) = Sweep::after_webhook(",
            wrong: "if let Some(id) = &event.delivery && BUG {
                let mut noted = before.clone().unwrap_or_else(|| TrackedRun::new(event.run_id, cx.now));
                noted.saw(id);
                self.store.put(&noted)?;
                if cx.chance < 0.2 {
                    return Err(StoreError(\"the machine went away between two statements\".to_owned()));
                }
            }
            if let Some(sweep) = Sweep::after_webhook(",
        }],
    },
    Bug {
        name: "TrustThePayload",
        what: "the attempt to decide on is the webhook's, not GitHub's",
        shows: hours(1),
        changes: &[Change {
            right: "let attempt = run.run_attempt; if Some(attempt) < tracked.run_attempt",
            wrong: "let mut run = run;
            if BUG {
                run.run_attempt = tracked.run_attempt.unwrap_or(run.run_attempt);
            }
            let attempt = run.run_attempt;
            if Some(attempt) < tracked.run_attempt",
        }],
    },
    Bug {
        name: "CountInKv",
        what: "re-runs are counted in Workers KV, which lags",
        shows: hours(6),
        changes: &[Change {
            right: "let mut run = collector.run.clone();",
            wrong: "let mut run = collector.run.clone();
            if BUG {
                let counted = tracked.reruns.saturating_sub(tracked.publish.is_some().into());
                run.run_attempt = RunAttempt::new(counted + 1).unwrap_or(run.run_attempt);
            }",
        }],
    },
    Bug {
        name: "NoRearm",
        what: "the alarm is not set again before the work",
        shows: hours(1),
        changes: &[Change {
            right: "if is_armed { Ok(()) } else { platform.arm(Some(now + LEASE_LEAST + apart)).await }",
            wrong: "if is_armed || BUG { Ok(()) } else { platform.arm(Some(now + LEASE_LEAST + apart)).await }",
        }],
    },
    Bug {
        name: "NoLimitOnRetry",
        what: "the limit is not looked at when a call is made again",
        shows: hours(2),
        changes: &[Change {
            right: "Decision::Rerun(rerun) => call(tracked, attempt, rerun, cx),",
            wrong: "Decision::Rerun(rerun) => call(tracked, attempt, rerun, cx),
            Decision::End(Ending { outcome: RunOutcome::Exhausted, .. }) if BUG && tracked.tries > 0 => {
                let rerun = Rerun {
                    reason: String::new(),
                    in_short: String::new(),
                    delay: Span::ZERO,
                    scope: crate::policy::Scope::FailedJobs,
                    debug_logging: false,
                    detail: Detail::default(),
                };
                call(tracked, attempt, rerun, cx)
            }",
        }],
    },
    Bug {
        name: "Every403IsRunning",
        what: "every 403 is taken for \"already running\"",
        shows: hours(6),
        changes: &[Change {
            right: "rate_limit(reply).is_none() && message(reply).contains(\"already running\")",
            wrong: "(BUG && reply.status == 403)
                || rate_limit(reply).is_none() && message(reply).contains(\"already running\")",
        }],
    },
    Bug {
        name: "SpendAfterTheAnswer",
        what: "a re-run is taken from the budget when it is answered, and not before it is asked for",
        shows: hours(31),
        changes: &[
            Change { right: "Some(detail.runner_seconds)", wrong: "Some(detail.runner_seconds).filter(|_| !BUG)" },
            Change {
                right: "before.pending.zip(before.reserved)",
                wrong: "before.pending.zip(before.reserved.or(BUG.then_some(0)))",
            },
        ],
    },
    Bug {
        name: "NoAnswerIsNoPolicy",
        what: "a policy file that cannot be read now is taken for absent",
        shows: hours(3),
        changes: &[Change {
            right: "?.update(path, answer, certain, cx.settings, cx.now)",
            wrong: "?.update(
                path,
                match answer {
                    Err(github::Error::Inconclusive { .. }) if BUG => Err(github::Error::NotFound),
                    answer => answer,
                },
                certain,
                cx.settings,
                cx.now,
            )",
        }],
    },
    Bug {
        name: "PullsUnread",
        what: "a run's pull request is judged by what the run itself shows of it",
        shows: hours(1),
        changes: &[Change {
            right: "if !superseded::matters(self.policy, self.run)",
            wrong: "if BUG || !superseded::matters(self.policy, self.run)",
        }],
    },
    Bug {
        name: "AbsentIsNoMatch",
        what: "a rule that goes by what could not be read is passed over",
        shows: hours(38),
        changes: &[Change { right: "let doubt = self.doubt();", wrong: "let doubt = self.doubt().filter(|_| !BUG);" }],
    },
    Bug {
        name: "SpendingForgotten",
        what: "what was spent is forgotten after an hour, and not after two days",
        shows: weeks(7).with("Budgets"),
        changes: &[Change {
            right: "now.minus(BUDGET)",
            wrong: "now.minus(if BUG { crate::time::Span::hours(1) } else { BUDGET })",
        }],
    },
    Bug {
        name: "MinutesForFree",
        what: "a re-run takes no runner minutes from the budget",
        shows: hours(2).with("Budgets"),
        changes: &[Change {
            right: "ledger.spent.add(since, runner_seconds, now)",
            wrong: "ledger.spent.add(since, if BUG { 0 } else { runner_seconds }, now)",
        }],
    },
    Bug {
        name: "DueForgotten",
        what: "a run that is due is forgotten when it is old",
        shows: weeks(129).with("Pauses"),
        changes: &[Change {
            right: "\"SELECT run_id, head_sha FROM runs WHERE updated < ? AND due IS NULL AND publish IS NULL LIMIT ?\"",
            wrong: "if BUG {
                \"SELECT run_id, head_sha FROM runs WHERE updated < ? LIMIT ?\"
            } else {
                \"SELECT run_id, head_sha FROM runs WHERE updated < ? AND due IS NULL AND publish IS NULL LIMIT ?\"
            }",
        }],
    },
    Bug {
        name: "PublishedAsItWas",
        what: "what changes while a count is being written to Workers KV is taken for written",
        shows: hours(850),
        changes: &[Change {
            right: "tracked.attempts() == published.attempts()",
            wrong: "(BUG || tracked.attempts() == published.attempts())",
        }],
    },
    Bug {
        name: "NoQuiet",
        what: "a read soon after a call without an answer is believed",
        shows: hours(172).with("LostAnswers"),
        changes: &[
            Change { right: "cx.now < pending.since + QUIET {", wrong: "!BUG && cx.now < pending.since + QUIET {" },
            Change {
                right: "let quiet = tracked.pending.is_some();",
                wrong: "let quiet = !BUG && tracked.pending.is_some();",
            },
        ],
    },
    Bug {
        name: "AnotherPathHolds",
        what: "a policy file at an earlier path stays in force",
        shows: settings(11).with("PolicyPaths"),
        changes: &[Change { right: "Some(&file.path) == path", wrong: "(BUG || Some(&file.path) == path)" }],
    },
    Bug {
        name: "TextOfAnotherPath",
        what: "the text of a policy file at an earlier path stays stored",
        shows: settings(2).with("PolicyPaths"),
        changes: &[Change {
            right: "known.is_none_or(|known| known.text != file.text)",
            wrong: "known.map_or(!BUG, |known| known.text != file.text)",
        }],
    },
    Bug {
        name: "CancelledBefore",
        what: "the sweep takes up what was cancelled before the policy asked for it",
        shows: hours(5).with("Cancellations"),
        changes: &[Change {
            right: "asked.failing == Failing::Cancelled",
            wrong: "!BUG && asked.failing == Failing::Cancelled",
        }],
    },
    Bug {
        name: "BreakerClosesEarly",
        what: "the circuit breaker closes some minutes before its time",
        shows: hours(4),
        changes: &[Change {
            right: "breaker.until.max(due)",
            wrong: "breaker.until.minus(if BUG { Span::minutes(2) } else { Span::ZERO }).max(due)",
        }],
    },
    Bug {
        name: "DeliveryForgotten",
        what: "a run knows its last delivery, and none before",
        shows: hours(1),
        changes: &[Change {
            right: "self.seen.drain(..self.seen.len().saturating_sub(SEEN));",
            wrong: "self.seen.drain(..self.seen.len().saturating_sub(if BUG { 1 } else { SEEN }));",
        }],
    },
    Bug {
        name: "NoticeAgain",
        what: "a message is sent again although it was accepted",
        shows: hours(3),
        changes: &[Change {
            right: "!accepted && now < created + TRIED_FOR",
            wrong: "(BUG || !accepted) && now < created + TRIED_FOR",
        }],
    },
    Bug {
        name: "NoticeForgotten",
        what: "a message is forgotten when it is on its way",
        shows: hours(19),
        changes: &[Change {
            right: "vec![until.into(), run_id.into(), kind.as_str().into()]",
            wrong: "vec![(!BUG).then_some(until).into(), run_id.into(), kind.as_str().into()]",
        }],
    },
    Bug {
        name: "CommentTwice",
        what: "a comment whose answer was lost is not looked for",
        shows: hours(10),
        changes: &[Change {
            right: "None => { let mut found = CommentAnswer::NotThere;",
            wrong: "None if BUG => None, None => { let mut found = CommentAnswer::NotThere;",
        }],
    },
    Bug {
        name: "CommentBehind",
        what: "what is decided while a comment is being written is not written after it",
        shows: hours(264).with("Comments"),
        changes: &[Change { right: "!= comment.body;", wrong: "!= comment.body && !BUG;" }],
    },
    Bug {
        name: "ProbeTwice",
        what: "another run is tried while the one before is still being tried",
        shows: hours(1).with("Outages"),
        changes: &[Change {
            right: "if self.probe.is_some() { self.ends }",
            wrong: "if self.probe.is_some() && !BUG { self.ends }",
        }],
    },
    Bug {
        name: "HeldForgotten",
        what: "a run that is held waits for the end of the outage alone, which nobody tells it",
        shows: hours(1).with("Outages"),
        changes: &[Change {
            right: "tracked.tries = 0;
    tracked.due = Some(until);
    tracked.reason.clone_from(&reason);
    let run_attempt = Some(held.run_attempt);",
            wrong: "tracked.tries = 0;
    tracked.due = (!BUG).then_some(until);
    tracked.reason.clone_from(&reason);
    let run_attempt = Some(held.run_attempt);",
        }],
    },
    Bug {
        name: "StatusStaysPending",
        what: "a commit status whose answer was lost is not written again",
        shows: hours(2).with("CommitStatuses"),
        changes: &[Change {
            right: "let due = TRIES.failed(&mut failures, now);",
            wrong: "let due = TRIES.failed(&mut failures, now).filter(|_| !BUG);",
        }],
    },
    Bug {
        name: "CommandTwice",
        what: "a comment that GitHub sends again is another command",
        shows: hours(24).with("Commands"),
        changes: &[Change {
            right: "if self.store.had_command(event.comment_id)? {",
            wrong: "if self.store.had_command(event.comment_id)?
                && !(BUG && self.store.command(event.comment_id)?.is_some_and(|given| given.due.is_none()))
            {",
        }],
    },
    Bug {
        name: "CommandAnsweredTwice",
        what: "an answer to a command is not looked for after a crash",
        shows: hours(2).with("Commands"),
        changes: &[Change {
            right: "for page in 1..=since.map_or(0, |_| COMMENT_PAGES) {",
            wrong: "for page in 1..=since.filter(|_| !BUG).map_or(0, |_| COMMENT_PAGES) {",
        }],
    },
    Bug {
        name: "CommandLost",
        what: "a command is forgotten when its pull request is being read",
        shows: hours(1).with("Commands"),
        changes: &[Change {
            right: "self.store.put_command(&StoredCommand { due: Some(cx.now + CLAIM), ..given })?;",
            wrong: "self.store.put_command(&StoredCommand { due: (!BUG).then_some(cx.now + CLAIM), ..given })?;",
        }],
    },
    Bug {
        name: "OutsiderObeyed",
        what: "whoever comments is taken for the pull request's author",
        shows: hours(1).with("Commands"),
        changes: &[Change {
            right: "_ => is_author.then_some(Self::Author)",
            wrong: "_ => (BUG || is_author).then_some(Self::Author)",
        }],
    },
    Bug {
        name: "SecondIssue",
        what: "an issue whose answer was lost is not looked for",
        shows: hours(8).with("FlakyIssues"),
        changes: &[Change {
            right: "None => find(issue, &ask).await?,",
            wrong: "None if BUG => IssueAnswer::NotThere, None => find(issue, &ask).await?,",
        }],
    },
];
