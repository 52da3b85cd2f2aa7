//! A run that was read is decided on: the policy is asked, and told what it asks for, until it has decided.

use std::collections::BTreeMap;

use crate::bugs::{self, Bug};
use crate::github::{Call, PolicyAnswer, Problem, ReadAnswer, RepositoryAnswer};
use crate::names::{FilePath, RunAttempt, RunId};
use crate::policy::evidence::{EarlierAttempt, History, Need};
use crate::policy::{Decision, Verdict, decide, pull_request_of};
use crate::time::{Millis, Span};

use super::gather::{Gathering, Missing, Taken};
use super::machine::{self, Context, LEASE, Looked, Record, Step, Undecided};
use super::policy_file::Learned;
use super::store::{Sql, StoreError};
use super::watched::Watched;
use super::{Answer, Credentials, Errand, Keeper, Settled, other_answer, second_look, stumble};

/// A claim is renewed when less than this is left of it: the longest time-out of a call.
const LEASE_LEFT: Span = Span::seconds(20);
/// What is found missing only after others is waited for as well, up to this after the first.
const NEW_FOR: Span = Span::minutes(1);
/// More questions than a decision can have: two for each of a thousand jobs.
const QUESTIONS: u32 = 2_500;

impl<S: Sql> Keeper<S> {
    /// The first call for a run that is claimed.
    pub(super) fn begin(&self, run_id: RunId, cx: &Context) -> Result<Call, StoreError> {
        self.doubted.borrow_mut().remove(&run_id);
        let ask = self.known(cx.rules)?.ask(self.policy_path.as_ref(), run_id, cx.now);
        Ok(ask.unwrap_or(Call::ReadRun { run_id }))
    }

    /// The policy file was asked for, for a run that is to be decided on. `certain`: what is not shown is not there.
    pub(super) fn policy_answered(
        &self,
        watched: Watched,
        path: &FilePath,
        (answer, certain): (PolicyAnswer, bool),
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let run_id = watched.run_id;
        let answer = match answer {
            PolicyAnswer::Problem(Problem::Lost { .. }) if bugs::has(Bug::NoAnswerIsNoPolicy) => PolicyAnswer::NoFile,
            answer => answer,
        };
        let (known, notice) = match self.known(cx.rules)?.learn(path, answer, certain, cx.rules, cx.now) {
            Learned::New(known) => {
                let trouble = known.trouble();
                (known, trouble)
            }
            Learned::Same(known) => (known, None),
            Learned::Doubtful => {
                self.doubted.borrow_mut().insert(run_id, path.clone());
                self.renew(watched, cx)?;
                let errand = Some(Errand::Call(Call::ReadRepository { run_id }));
                return Ok(Settled { errand, credentials, ..Settled::default() });
            }
            // Nothing is decided by the default rule because of a fault that passes.
            Learned::Trouble(problem) => {
                return self.carry_out(stumble::stumble(watched, problem, cx), credentials, cx);
            }
        };
        self.learn(known, cx.now)?;
        self.renew(watched, cx)?;
        let errand = Some(Errand::Call(Call::ReadRun { run_id }));
        Ok(Settled { errand, credentials, notice, ..Settled::default() })
    }

    /// GitHub was asked whether it shows the repository: of a policy file that it does not show, or of a run.
    pub(super) fn repository_answered(
        &self,
        watched: Watched,
        answer: RepositoryAnswer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let doubted = self.doubted.borrow_mut().remove(&watched.run_id);
        match (doubted, answer) {
            (Some(path), RepositoryAnswer::There) => {
                self.policy_answered(watched, &path, (PolicyAnswer::NoFile, true), credentials, cx)
            }
            // What of the run? It is looked for, as one that GitHub does not show.
            (Some(_), RepositoryAnswer::Problem(Problem::NotFound)) => {
                self.carry_out(stumble::unseen(watched, cx), credentials, cx)
            }
            (_, answer) => {
                if answer == RepositoryAnswer::There {
                    self.forget_pull_of(watched.run_id)?;
                }
                let known = self.store.was_read()?;
                self.carry_out(second_look::repository_answered(watched, answer, known, cx), credentials, cx)
            }
        }
    }

    /// The run was read.
    pub(super) fn run_answered(
        &self,
        watched: Watched,
        answer: Answer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let Answer::Read(answer) = answer else { return Err(other_answer()) };
        let before = self.gathering.borrow_mut().remove(&watched.run_id);
        if answer == ReadAnswer::Problem(Problem::NotFound) {
            self.distrust_policy(cx.rules, cx.now)?;
        }
        if let ReadAnswer::Run(run) = &answer {
            self.is_of_pull(watched.run_id, run.pull_request)?;
        }
        match machine::look(watched, answer, cx) {
            Looked::Settled(step) => self.carry_out(*step, credentials, cx),
            Looked::Undecided(undecided) => {
                let Undecided { watched, run, records } = *undecided;
                if let Some(to) = self.new_name(&run)? {
                    return self.begin_to_hand_over(watched, &run, to, records, credentials, cx);
                }
                let gathering = match before {
                    Some(gathering) => gathering.read_again(run, cx.now),
                    None => Gathering::new(run, cx.now),
                };
                self.judge(watched, gathering, records, credentials, cx)
            }
        }
    }

    /// A piece of evidence came, or did not.
    pub(super) fn evidence_answered(
        &self,
        watched: Watched,
        call: &Call,
        answer: Answer,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let Some(mut gathering) = self.gathering.borrow_mut().remove(&watched.run_id) else {
            return Ok(Settled { credentials, ..Settled::default() });
        };
        if !machine::is_undecided(&watched, gathering.run().run_attempt) {
            // A webhook has told of something newer. What is due for that is begun anew, at once.
            let due = watched.due.map(|due| due.min(cx.now));
            self.store.put(&Watched { due, gathering: None, ..watched })?;
            return Ok(Settled { credentials, ..Settled::default() });
        }
        match gathering.take(call, answer) {
            Taken::Ask(next) => {
                self.gathering.borrow_mut().insert(watched.run_id, gathering);
                self.renew(watched, cx)?;
                Ok(Settled { errand: Some(Errand::Call(next)), credentials, ..Settled::default() })
            }
            Taken::Had if matches!(call, Call::ListPulls { .. }) => {
                // GitHub does not name a fork's with the run.
                self.is_of_pull(watched.run_id, pull_request_of(gathering.run(), gathering.evidence()))?;
                self.judge(watched, gathering, vec![], credentials, cx)
            }
            Taken::Had => self.judge(watched, gathering, vec![], credentials, cx),
            // Nothing is re-run on a guess about its pull request: it is waited for as the run itself is.
            Taken::Trouble(problem) if matches!(call, Call::ListPulls { .. }) => {
                self.carry_out(stumble::stumble(watched, problem, cx), credentials, cx)
            }
            Taken::Trouble(problem) => match stumble::stumble_over_evidence(&watched, problem.clone(), cx) {
                Some(step) => self.carry_out(step, credentials, cx),
                None => {
                    gathering.do_without(call, problem.to_string());
                    self.judge(watched, gathering, vec![], credentials, cx)
                }
            },
            Taken::Stray => {
                self.gathering.borrow_mut().insert(watched.run_id, gathering);
                Ok(Settled { credentials, ..Settled::default() })
            }
        }
    }

    /// Asks the policy, until it has decided or needs something of GitHub.
    fn judge(
        &self,
        mut watched: Watched,
        mut gathering: Gathering,
        records: Vec<Record>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let known = self.known(cx.rules)?;
        let history = self.history(watched.run_id, gathering.run().run_attempt, cx.now)?;
        let mut run = gathering.run().clone();
        if bugs::has(Bug::CountInKv) {
            let counted = watched.reruns.saturating_sub(watched.publish.is_some().into());
            run.run_attempt = RunAttempt::new(counted + 1).unwrap_or(run.run_attempt);
        }
        run.workflow =
            watched.workflow.clone().filter(|_| run.workflow_id.is_some() && watched.workflow_id == run.workflow_id);
        let policy = known.policy();
        gathering.forget_old_pulls(cx.now);
        for _ in 0..QUESTIONS {
            gathering.search(&policy);
            let mut decision = match decide(cx.rules, &policy, &run, &history, gathering.evidence()) {
                Verdict::Need(Need::Pulls { delay }) if cx.now < watched.failed_at + delay => {
                    let mut step = machine::wait(watched, delay, cx);
                    step.records.splice(..0, records);
                    return self.carry_out(step, credentials, cx);
                }
                Verdict::Need(need) if gathering.has(need) => break,
                Verdict::Need(need) => match gathering.ask(need, &mut watched.gathering, cx.now) {
                    Some(call) => return self.go_on(watched, gathering, call, records, credentials, cx),
                    None => continue,
                },
                Verdict::Decision(decision) => decision,
            };
            if let Some(mut step) = self.wait_for_missing(&watched, &gathering, policy.goes_by_evidence(), cx) {
                step.watched.gathering = None;
                return self.carry_out(step, credentials, cx);
            }
            if let Decision::Rerun(rerun) = &decision
                && cx.now >= watched.failed_at + rerun.delay
                && !gathering.is_fresh(cx.now)
            {
                // Gathering took a while, and GitHub's call does not say which attempt it means.
                let read = Call::ReadRun { run_id: watched.run_id };
                return self.go_on(watched, gathering, read, records, credentials, cx);
            }
            if let Some(denied) = known.file.as_ref().and_then(|file| file.denied.as_ref()) {
                note_absent(&mut decision, format!("policy file: {denied}"));
            }
            let mut watched = watched;
            watched.is_of_workflow(gathering.workflow());
            let mut step = machine::act(watched, gathering.run(), decision, cx);
            step.records.splice(..0, records);
            return self.carry_out(step, credentials, cx);
        }
        watched.gathering = None;
        let problem = Problem::Lost { what: "the evidence that the policy asks for again and again".to_owned() };
        self.carry_out(stumble::stumble(watched, problem, cx), credentials, cx)
    }

    /// GitHub may have later what the decision would go by: what a run does then. `None`: it was waited for.
    fn wait_for_missing(
        &self,
        watched: &Watched,
        gathering: &Gathering,
        goes_by_evidence: bool,
        cx: &Context,
    ) -> Option<Step> {
        let before = self.missing.borrow_mut().remove(&watched.run_id).unwrap_or_default();
        let counts = |need: &Need, missing: &Missing| match need {
            Need::Workflow(_) => gathering.workflow().is_none(),
            _ => missing.always || goes_by_evidence,
        };
        let missing = gathering.missing().iter().filter(|(need, missing)| counts(need, missing));
        let missing: BTreeMap<Need, Missing> = missing.map(|(need, missing)| (*need, *missing)).collect();
        let lasts = missing.values().map(|missing| missing.lasts).max()?;
        // Each is asked for again at least once.
        let new = missing.keys().any(|need| !before.contains_key(need));
        let step = stumble::evidence_is_missing(watched, if new { lasts.max(NEW_FOR) } else { lasts }, cx)?;
        self.missing.borrow_mut().insert(watched.run_id, missing);
        Some(step)
    }

    /// One more call before the decision.
    fn go_on(
        &self,
        watched: Watched,
        gathering: Gathering,
        call: Call,
        records: Vec<Record>,
        credentials: Credentials,
        cx: &Context,
    ) -> Result<Settled, StoreError> {
        let run_id = watched.run_id;
        self.gathering.borrow_mut().insert(run_id, gathering);
        self.keep(&Watched { due: Some(cx.now + LEASE), ..watched }, &records, cx.now)?;
        let records = records.into_iter().map(|record| (run_id, record)).collect();
        Ok(Settled { errand: Some(Errand::Call(call)), records, credentials, ..Settled::default() })
    }

    /// There is no room left for the calls that a decision still needs: it is begun anew, with the next alarm.
    pub fn let_go(&self, run_id: RunId, now: Millis) -> Result<(), StoreError> {
        self.gathering.borrow_mut().remove(&run_id);
        match self.store.run(run_id)? {
            Some(watched) if watched.due.is_some() => {
                self.store.put(&Watched { due: Some(now), gathering: None, ..watched })
            }
            _ => Ok(()),
        }
    }

    /// Between two calls for one run it stays claimed.
    fn renew(&self, watched: Watched, cx: &Context) -> Result<(), StoreError> {
        if watched.due.is_some_and(|due| due < cx.now + LEASE_LEFT) {
            return self.store.put(&Watched { due: Some(cx.now + LEASE), ..watched });
        }
        Ok(())
    }

    fn history(&self, run_id: RunId, run_attempt: RunAttempt, now: Millis) -> Result<History, StoreError> {
        let mut attempts: Vec<EarlierAttempt> = Vec::new();
        for record in self.store.records(run_id)? {
            let (Some(of), Some(detail)) = (record.run_attempt.filter(|of| *of < run_attempt), record.detail) else {
                continue;
            };
            attempts.retain(|earlier| earlier.run_attempt != of);
            attempts.push(EarlierAttempt {
                run_attempt: of,
                fingerprint: detail.fingerprint,
                partial: detail.partial_fingerprint,
                rules: detail.rules,
            });
        }
        attempts.sort_by_key(|attempt| attempt.run_attempt);
        Ok(History { attempts, spent: self.store.spent(run_id, run_attempt, now)? })
    }
}

fn note_absent(decision: &mut Decision, what: String) {
    match decision {
        Decision::Rerun(rerun) => rerun.detail.absent.push(what),
        Decision::End(ending) => ending.detail.absent.push(what),
        Decision::Await => {}
    }
}
