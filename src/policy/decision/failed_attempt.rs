//! A failed attempt whose run may be re-run: what its jobs, the rules and the limits make of it.

use crate::names::order::sort_by;
use crate::names::{Conclusion, RunAttempt};
use crate::policy::evidence::{CauseOf, EarlierAttempt, Evidence, Fetched, History, Job, Need, Spent};
use crate::policy::file::{Action, Budget, DebugLogging, LeaveOrRerun, MAX_DELAY, Policy, Scope};
use crate::policy::matching::{RuleMatch, RuleMatches, Subject, match_rules, rule_names};
use crate::policy::rerun_settings::RerunSettings;
use crate::policy::run::Run;
use crate::policy::wording::count;
use crate::policy::wording::reason::{self, MatchedJob, Sentences};
use crate::time::Span;

use super::detail::Detail;
use super::superseded::{self, Standing};
use super::verdict::{Rerun, RunOutcome, Stop};

/// Whose causes are looked for if no rule asks for them.
const JOBS_OF_AN_OUTAGE: usize = 3;

/// How often a run may be re-run.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'p> {
    policy: &'p Policy,
    /// By no rule in particular.
    file: u32,
    ceiling: u32,
}

impl<'p> Limits<'p> {
    pub fn of(settings: &RerunSettings, policy: &'p Policy) -> Self {
        // A file that was read under a higher ceiling is bounded by the present one all the same.
        let ceiling = settings.max_reruns_ceiling.max(settings.max_reruns);
        Self { policy, file: policy.max_reruns.unwrap_or(settings.max_reruns).min(ceiling), ceiling }
    }

    /// Whatever the policy says.
    pub fn ceiling(self) -> u32 {
        self.ceiling
    }

    /// By whatever rule.
    pub fn most(self) -> u32 {
        let rules = self.policy.rules.iter().filter(|rule| rule.action == Action::Rerun);
        rules.filter_map(|rule| Some(rule.max_reruns?.min(self.ceiling))).fold(self.file, u32::max)
    }

    /// How many re-runs of the run there can be in all if this one, of `attempt`, is by `rule_match`. Less than `attempt`:
    /// none any more.
    ///
    /// A rule's own limit counts the re-runs by that rule. If it is above the file's, it bounds the run's attempts, too.
    fn total(self, rule_match: &RuleMatch, attempt: RunAttempt, history: &History) -> u32 {
        let own = rule_match.rule.and_then(|rule| Some((rule, rule.max_reruns?.min(self.ceiling))));
        let Some((rule, max)) = own else { return self.file };
        let by_rule = history.attempts.iter().filter(|earlier| earlier.run_attempt < attempt);
        let used = by_rule.filter(|earlier| earlier.rules.contains(&rule.name)).count();
        let left = max.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
        (attempt.get() - 1).saturating_add(left).min(max.max(self.file))
    }
}

/// A failed attempt and all that is known of it.
pub struct FailedAttempt<'a> {
    settings: &'a RerunSettings,
    pub(super) policy: &'a Policy,
    pub(super) run: &'a Run,
    conclusion: Conclusion,
    history: &'a History,
    pub(super) evidence: &'a Evidence,
    limits: Limits<'a>,
    /// By name; at the end, where there are or may be others, one that stands for those that nothing is known of.
    pub(super) failed: Vec<(Option<&'a Job>, RuleMatches<'a>)>,
    /// Why there are or may be others.
    pub(super) unlisted: Option<&'a str>,
    /// The jobs that GitHub runs again, at the most.
    again: Vec<&'a Job>,
}

impl<'a> FailedAttempt<'a> {
    pub fn of(
        settings: &'a RerunSettings,
        policy: &'a Policy,
        run: &'a Run,
        conclusion: Conclusion,
        history: &'a History,
        evidence: &'a Evidence,
    ) -> Result<Self, Stop> {
        let (all, absent): (&[Job], _) = match &evidence.jobs {
            Fetched::NotYet => return Err(Stop::Need(Need::Jobs)),
            Fetched::Present(jobs) => (jobs, None),
            Fetched::Absent(why) => (&[], Some(why.as_str())),
        };
        let mut sorted: Vec<&Job> = all.iter().collect();
        sort_by(&mut sorted, |a, b| (&a.name, a.job_id).cmp(&(&b.name, b.job_id)));
        let listed = failed_jobs(&sorted, conclusion);
        let none = listed.is_empty().then_some("GitHub lists none that failed");
        let unlisted = absent.or(evidence.jobs_cut.as_deref()).or(none);
        let matched = |job| match_rules(policy, Subject { run, job, evidence });
        let others = unlisted.map(|why| (None, matched(Err(why))));
        let failed = listed.into_iter().map(|job| (Some(job), matched(Ok(job)))).chain(others).collect();
        let all_jobs = policy.may_rerun_all_jobs();
        let again = sorted.into_iter().filter(|job| all_jobs || !job.passed()).collect();
        let limits = Limits::of(settings, policy);
        Ok(Self { settings, policy, run, conclusion, history, evidence, limits, failed, unlisted, again })
    }

    pub fn by_its_jobs(&self) -> Result<Rerun, Stop> {
        self.may_still_be_rerun()?;
        if let Some(need) = self.matches().find_map(|matches| matches.need) {
            return Err(Stop::Need(need));
        }
        let by = self.jobs_to_rerun()?;
        self.is_not_repeated()?;
        let doubt = self.doubt();
        if let Some(doubt) = doubt.as_ref().filter(|_| self.policy.absent_evidence == LeaveOrRerun::Leave) {
            return Err(self.end(RunOutcome::Left, self.sentences().left_in_doubt(doubt)));
        }
        let total = by.iter().map(|rule_match| self.total(rule_match)).max().unwrap_or_default();
        self.is_within_budget()?;
        self.causes_for_outages()?;
        let delay = by.iter().map(|rule_match| self.delay(rule_match)).max().unwrap_or_default();
        let unseen = self.is_not_superseded(delay)?;
        if self.settings.dry_run {
            return Err(self.end(RunOutcome::Left, self.sentences().dry_run(total)));
        }
        let mut detail = self.detail();
        detail.absent.extend(unseen.map(|why| format!("pull request: {why}")));
        detail.rules = rule_names(by.iter().copied()).into_iter().map(str::to_owned).collect();
        let in_spite = doubt.map(|doubt| doubt.in_spite()).unwrap_or_default();
        let scopes = |rule_match: &RuleMatch| rule_match.rule.and_then(|rule| rule.scope).unwrap_or(self.policy.scope);
        let all = by.iter().any(|rule_match| scopes(rule_match) == Scope::AllJobs);
        Ok(Rerun {
            reason: self.sentences().rerun(total, &in_spite),
            in_short: self.sentences().rerun_in_short(total, &classes_of(&detail)),
            delay,
            scope: if all { Scope::AllJobs } else { Scope::FailedJobs },
            debug_logging: match self.policy.debug_logging {
                DebugLogging::Never => false,
                DebugLogging::Last => total <= self.run.run_attempt.get(),
                DebugLogging::Always => true,
            },
            detail,
        })
    }

    /// Whatever the rules say.
    pub fn by_command(&self, login: &str) -> Rerun {
        let (reason, detail) = (self.sentences().by_command(login), self.detail());
        let in_short = reason.trim_end_matches('.').to_owned();
        Rerun { reason, in_short, delay: Span::ZERO, scope: Scope::FailedJobs, debug_logging: false, detail }
    }

    /// What no further evidence can change.
    fn may_still_be_rerun(&self) -> Result<(), Stop> {
        if self.run.run_attempt.is_past(self.limits.most()) {
            return Err(self.end(RunOutcome::Exhausted, self.sentences().exhausted(self.limits.most(), None)));
        }
        let counted = self.matches().filter(|matches| !matches.can_be(Action::Ignore)).count();
        if let Some(most) = self.policy.max_failed_jobs.filter(|most| counted > *most as usize) {
            return Err(self.end(RunOutcome::Left, reason::too_many(counted, most)));
        }
        let stays = |rule_match: RuleMatch| rule_match.action == Action::Leave || self.is_spent(&rule_match);
        if self.policy.mixed == LeaveOrRerun::Leave && self.certain().any(stays) {
            return Err(self.left_by_rules());
        }
        Ok(())
    }

    /// What the jobs that are to be re-run are re-run by.
    fn jobs_to_rerun(&self) -> Result<Vec<RuleMatch<'a>>, Stop> {
        let wanted = self.certain().filter(|rule_match| rule_match.action == Action::Rerun);
        let rerun: Vec<RuleMatch> = wanted.filter(|rule_match| !self.is_spent(rule_match)).collect();
        if rerun.is_empty() { Err(self.left_by_rules()) } else { Ok(rerun) }
    }

    fn is_not_repeated(&self) -> Result<(), Stop> {
        let Some(most) = self.policy.stop_when_repeated else { return Ok(()) };
        if let Some(job) = self.jobs().find(|job| *self.evidence.annotations_of(job) == Fetched::NotYet) {
            return Err(Stop::Need(Need::Annotations(job.job_id)));
        }
        let Some(now) = self.detail().fingerprint else { return Ok(()) };
        let same = 1 + self.earlier_attempts().filter(|earlier| earlier.fingerprint.as_ref() == Some(&now)).count();
        if same < most as usize {
            return Ok(());
        }
        Err(self.end(RunOutcome::Left, self.sentences().repeated(same)))
    }

    /// Runs of which many fail with the same cause are known by the causes of their first jobs.
    fn causes_for_outages(&self) -> Result<(), Stop> {
        if self.policy.outage.is_none() {
            return Ok(());
        }
        let mut causes = self.jobs().take(JOBS_OF_AN_OUTAGE).map(|job| self.evidence.cause_of(job));
        let need = causes.find_map(|cause| if let CauseOf::Needs(need) = cause { Some(need) } else { None });
        need.map_or(Ok(()), |need| Err(Stop::Need(need)))
    }

    fn is_within_budget(&self) -> Result<(), Stop> {
        let History { spent, spent_by_forks, .. } = self.history;
        let mut over = self.over(self.policy.budget, spent);
        if over.is_none() && self.run.is_of_fork() {
            // Whoever has a fork uses up no more than that. Half of one is one.
            let half = |limit: Option<u32>| limit.map(|limit| limit.div_ceil(2));
            let Budget { reruns_per_hour, reruns_per_day, minutes_per_day } = self.policy.budget;
            let halves = Budget {
                reruns_per_hour: half(reruns_per_hour),
                reruns_per_day: half(reruns_per_day),
                minutes_per_day: half(minutes_per_day),
            };
            let of_forks = self.over(halves, spent_by_forks);
            over = of_forks.map(|limit| format!("{limit} for forks' runs, half of the whole,"));
        }
        over.map_or(Ok(()), |limit| Err(self.end(RunOutcome::Left, self.sentences().over_budget(&limit))))
    }

    /// Which limit another re-run would exceed.
    fn over(&self, budget: Budget, spent: &Spent) -> Option<String> {
        let Budget { reruns_per_hour, reruns_per_day, minutes_per_day } = budget;
        let cost = i64::try_from(self.detail().runner_seconds).unwrap_or(i64::MAX);
        let time = spent.runner_time_last_day.as_millis().saturating_add(cost.saturating_mul(1_000));
        let over = |limit: Option<u32>, used: u32| limit.filter(|limit| used >= *limit);
        if let Some(limit) = over(reruns_per_hour, spent.reruns_last_hour) {
            Some(format!("{} an hour", count(limit, "re-run")))
        } else if let Some(limit) = over(reruns_per_day, spent.reruns_last_day) {
            Some(format!("{} a day", count(limit, "re-run")))
        } else {
            let limit = minutes_per_day.filter(|limit| time > Span::minutes((*limit).into()).as_millis());
            limit.map(|limit| format!("{limit} runner minutes a day"))
        }
    }

    /// Why that could not be told, where it does not matter enough.
    fn is_not_superseded(&self, delay: Span) -> Result<Option<String>, Stop> {
        if !superseded::matters(self.policy, self.run) {
            return Ok(None);
        }
        if self.evidence.pulls == Fetched::NotYet {
            return Err(Stop::Need(Need::Pulls { delay }));
        }
        let standing = superseded::standing(self.run, &self.evidence.pulls);
        if let Some((outcome, reason)) = superseded::ending(self.run, &standing) {
            return Err(self.end(outcome, reason));
        }
        // What could not be read is on record by itself.
        let was_read = self.evidence.pulls.present().is_some();
        Ok(if let Standing::Unknown(why) = standing { Some(why).filter(|_| was_read) } else { None })
    }

    /// Not re-run, because of what the rules say of its jobs or because their re-runs are used up.
    fn left_by_rules(&self) -> Stop {
        let spent = self.certain().find(|rule_match| self.is_spent(rule_match));
        let leaves = self.certain().any(|rule_match| rule_match.action == Action::Leave);
        match spent {
            Some(rule_match) if !leaves => {
                self.end(RunOutcome::Exhausted, self.sentences().exhausted(self.total(&rule_match), rule_match.rule))
            }
            _ => self.end(RunOutcome::Left, self.sentences().left()),
        }
    }

    pub(super) fn earlier_attempts(&self) -> impl Iterator<Item = &'a EarlierAttempt> {
        self.history.attempts.iter().filter(|earlier| earlier.run_attempt < self.run.run_attempt)
    }

    pub(super) fn matches(&self) -> impl Iterator<Item = &RuleMatches<'a>> + Clone {
        self.failed.iter().map(|(_, matches)| matches)
    }

    fn certain(&self) -> impl Iterator<Item = RuleMatch<'a>> {
        self.matches().filter_map(RuleMatches::certain)
    }

    fn total(&self, rule_match: &RuleMatch) -> u32 {
        self.limits.total(rule_match, self.run.run_attempt, self.history)
    }

    /// Whether a re-run by it would be one too many.
    pub(super) fn is_spent(&self, rule_match: &RuleMatch) -> bool {
        rule_match.action == Action::Rerun && self.total(rule_match) < self.run.run_attempt.get()
    }

    fn delay(&self, rule_match: &RuleMatch) -> Span {
        let own = rule_match.rule.and_then(|rule| rule.delay).or(self.policy.delay).unwrap_or(self.settings.delay);
        let most = self.policy.max_delay.unwrap_or(MAX_DELAY).max(own);
        own.grown(self.policy.backoff, self.run.run_attempt.get() - 1, most)
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &'a Job> {
        self.failed.iter().filter_map(|(job, _)| *job)
    }

    pub(super) fn detail(&self) -> Detail {
        let listed = self.failed.iter().filter_map(|(job, matches)| Some(((*job)?, matches.certain())));
        let mut detail = Detail::of(&listed.collect::<Vec<_>>(), &self.again, self.evidence);
        if let Some(why) = self.unlisted.filter(|_| self.evidence.jobs.present().is_some()) {
            detail.absent.push(format!("failed jobs: {why}"));
        }
        detail.partial_fingerprint = self.unknown_of_fingerprint().is_some();
        detail.doubts = self.doubts_on_record();
        detail
    }

    fn sentences(&self) -> Sentences<'_> {
        let job = |(job, matches): &(Option<&'a Job>, RuleMatches<'a>)| MatchedJob {
            job: *job,
            rule_match: matches.certain(),
            interruption: job.and_then(|job| self.evidence.interruption_of(job)),
        };
        let jobs = self.failed.iter().map(job).collect();
        Sentences { origin: self.policy.origin, attempt: self.run.run_attempt, conclusion: self.conclusion, jobs }
    }

    fn end(&self, outcome: RunOutcome, reason: String) -> Stop {
        Stop::end(outcome, reason, self.detail())
    }
}

/// Of the causes that were found, each once.
fn classes_of(detail: &Detail) -> Vec<&'static str> {
    let mut classes: Vec<_> = detail.jobs.iter().filter_map(|job| Some(job.cause.as_ref()?.class.as_str())).collect();
    sort_by(&mut classes, Ord::cmp);
    classes.dedup();
    classes
}

/// The jobs by which a run failed. fail-fast cancels the siblings of a job that failed: they did not.
fn failed_jobs<'a>(jobs: &[&'a Job], run: Conclusion) -> Vec<&'a Job> {
    let concluded = |conclusions: &[Conclusion]| -> Vec<&'a Job> {
        jobs.iter().copied().filter(|job| job.conclusion.is_some_and(|is| conclusions.contains(&is))).collect()
    };
    use Conclusion::{Cancelled, Failure, StartupFailure, TimedOut};
    let failed = concluded(if run == Cancelled { &[Failure, TimedOut, Cancelled] } else { &[Failure, TimedOut] });
    // A job that took too long can be cancelled, and nothing else be wrong with the run.
    if failed.is_empty() { concluded(&[Cancelled, StartupFailure]) } else { failed }
}
