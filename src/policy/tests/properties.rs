//! What holds whatever the policy, the run and what can be read of it.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::policy::evidence::{EarlierAttempt, Spent};

const NAMES: [&str; 5] = ["build", "test (3.12)", "lint", "all-green", "deploy"];
const STEPS: [&str; 4] = ["", "Run tests", "Fetch", "Compile"];
const TEXTS: [&str; 4] = [
    "Process completed with exit code 1.",
    "Process completed with exit code 137.",
    "npm error code ETIMEDOUT",
    "lost",
];

fn conditions() -> impl Strategy<Value = String> {
    let one = select(vec![
        "job: build",
        "job: [lint, all-*]",
        "job: '*'",
        "step: '*test*'",
        "step: Fetch",
        "lost_runner: true",
        "lost_runner: false",
        "exit_code: 137",
        "exit_code: '< 100'",
        "annotation: lost",
        "log: ETIMEDOUT",
        "log: '.'",
        "attempt: '>= 2'",
        "branch: main",
        "conclusion: timed_out",
        "label: windows-*",
        "cause: infrastructure",
        "cause: [test, network]",
        "rescue_rate: '< 40'",
        "base_failed: true",
        "base_failed: false",
        "source_annotation: true",
    ]);
    prop::collection::vec(one, 1..3).prop_map(|mut all| {
        all.sort_unstable();
        all.dedup_by_key(|condition| condition.split(':').next());
        all.join(", ")
    })
}

fn rule(then: impl Strategy<Value = &'static str>) -> impl Strategy<Value = String> {
    let limit = prop::option::of(1_u32..8);
    (conditions(), then, limit, any::<bool>()).prop_map(|(conditions, then, limit, all_jobs)| {
        let limit = limit.filter(|_| then == "rerun").map(|limit| format!(", max_reruns: {limit}"));
        let scope = if all_jobs && then == "rerun" { ", scope: all_jobs" } else { "" };
        format!("if: {{ {conditions} }}, then: {then}{}{scope}", limit.unwrap_or_default())
    })
}

/// Everything but the rules, and the rules.
fn a_policy() -> impl Strategy<Value = (String, Vec<String>)> {
    let rules = prop::collection::vec(rule(select(vec!["rerun", "leave", "ignore"])), 0..5);
    let rest = (
        select(vec!["rerun", "leave", "ignore"]),
        select(vec!["leave", "rerun"]),
        prop::option::of(1_u32..5),
        prop::option::of(select(vec![2_u32, 2, 3])),
        prop::option::of(0_u32..6),
        select(vec!["failed_jobs", "all_jobs"]),
    );
    let rest = rest.prop_map(|(otherwise, mixed, most, repeated, max_reruns, scope)| {
        let line = |key: &str, value: Option<u32>| value.map(|n| format!("{key}: {n}\n")).unwrap_or_default();
        format!(
            "otherwise: {otherwise}\nmixed: {mixed}\nscope: {scope}\n{}{}{}budget: {{ minutes_per_day: 20 }}\n",
            line("max_failed_jobs", most),
            line("stop_when_repeated", repeated),
            line("max_reruns", max_reruns)
        )
    });
    (rest, rules)
}

fn text_of(rest: &str, rules: &[String]) -> String {
    let named = rules.iter().enumerate().map(|(index, rule)| format!("  - {{ name: r{index}, {rule} }}\n"));
    format!("{rest}rules:\n{}", named.collect::<String>())
}

fn policy_of(rest: &str, rules: &[String]) -> Policy {
    if rules.is_empty() { policy(rest) } else { policy(&text_of(rest, rules)) }
}

fn a_read<T: std::fmt::Debug + Clone>(there: impl Strategy<Value = T>) -> impl Strategy<Value = Fetched<T>> {
    prop_oneof![4 => there.prop_map(Fetched::Present), 1 => Just(Fetched::Absent("404".to_owned()))]
}

fn a_job() -> impl Strategy<Value = Job> {
    let conclusion = select(vec![
        Conclusion::Failure,
        Conclusion::Failure,
        Conclusion::TimedOut,
        Conclusion::Success,
        Conclusion::Cancelled,
    ]);
    (
        select(NAMES.to_vec()),
        select(STEPS.to_vec()),
        conclusion,
        0_i64..9,
        select(vec!["ubuntu-latest", "windows-2025", "self-hosted"]),
    )
        .prop_map(|(name, step, conclusion, minutes, label)| Job {
            conclusion: Some(conclusion),
            completed: Some(Millis(minutes * 60_000)),
            labels: vec![label.to_owned()],
            ..job(1, name, step)
        })
}

prop_compose! {
    fn a_world()(
        jobs in a_read(prop::collection::vec(a_job(), 0..7)),
        texts in prop::collection::vec(a_read(prop::collection::vec(select(TEXTS.to_vec()), 0..3)), 16),
        attempt in 1_u32..6,
        timed_out in any::<bool>(),
        earlier in prop::collection::vec((0_u32..3, 0_usize..5), 0..4),
        minutes in 0_i64..25,
        base in a_read(prop::collection::btree_set(select(NAMES.to_vec()), 0..3)),
        rate in a_read((0_u64..9, 0_u64..9)),
        at_source in prop::collection::vec(1_u64..8, 0..3),
    ) -> World {
        let jobs = match jobs {
            Fetched::Present(jobs) => Fetched::Present(jobs.into_iter().zip(1..).map(|(job, id)| Job { job_id: JobId::new(id).unwrap(), ..job }).collect()),
            other => other,
        };
        let messages = |read: &Fetched<Vec<&str>>| match read {
            Fetched::Present(texts) => Fetched::Present(texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()),
            _ => Fetched::Absent("404".to_owned()),
        };
        let tail = |read| match messages(read) {
            Fetched::Present(lines) => Fetched::Present(LogTail { first_line: 1, lines }),
            _ => Fetched::Absent("404".to_owned()),
        };
        let history = History {
            attempts: (1..).zip(earlier).take_while(|(n, _)| *n < attempt).map(|(n, (fingerprint, rule))| EarlierAttempt {
                run_attempt: RunAttempt::new(n).unwrap(),
                // Replaced by the present one where it is 0.
                fingerprint: (fingerprint > 0).then(|| format!("f{fingerprint}")),
                partial: false,
                rules: vec![format!("r{rule}")],
            }).collect(),
            spent: Spent { runner_time_last_day: Span::minutes(minutes), ..Spent::default() },
            spent_by_forks: Spent::default(),
        };
        World {
            settings: settings(),
            run: run(attempt, if timed_out { Conclusion::TimedOut } else { Conclusion::Failure }),
            workflow: Fetched::NotYet,
            jobs,
            annotations: (1..).zip(texts.iter().take(8).map(messages)).collect(),
            logs: (1..).zip(texts.iter().skip(8).map(tail)).collect(),
            pulls: Fetched::Absent("404".to_owned()),
            base: match base {
                Fetched::Present(names) => Fetched::Present(BaseRun {
                    failed_jobs: names.into_iter().map(str::to_owned).collect(), ..BaseRun::default()
                }),
                _ => Fetched::Absent("404".to_owned()),
            },
            rate: match rate {
                Fetched::Present((passed, others)) => Fetched::Present(RescueRate { passed, judged: passed + others }),
                _ => Fetched::Absent("not counted".to_owned()),
            },
            at_source,
            history,
        }
    }
}

fn is_rerun(decision: &Decision) -> bool {
    matches!(decision, Decision::Rerun(_))
}

proptest! {
    // Many: few of them come near a limit.
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_leave_rule_never_causes_more_re_runs(
        (rest, rules) in a_policy(), leave in rule(Just("leave")), place in any::<Index>(), mut world in a_world()
    ) {
        let without = policy_of(&rest, &rules);
        // Some earlier attempts failed in just this way.
        let first = World { history: History::default(), ..world.clone() };
        if let Decision::Rerun(Rerun { detail, .. }) = first.decide(&without).0 {
            for attempt in &mut world.history.attempts {
                attempt.fingerprint = attempt.fingerprint.take().or_else(|| detail.fingerprint.clone());
            }
        }
        // The new rule has a name of its own: what the others did before stays theirs.
        let mut with = without.clone();
        let added = policy(&format!("rules: [{{ name: new, {leave} }}]")).rules.remove(0);
        with.rules.insert(place.index(rules.len() + 1), added);
        if !is_rerun(&world.decide(&without).0) {
            let (decision, _) = world.decide(&with);
            prop_assert!(!is_rerun(&decision), "{decision:#?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_jobs_does_not_matter((rest, rules) in a_policy(), world in a_world(), order in any::<u64>()) {
        let policy = policy_of(&rest, &rules);
        let mut shuffled = world.clone();
        if let Fetched::Present(jobs) = &mut shuffled.jobs {
            fastrand::Rng::with_seed(order).shuffle(jobs);
        }
        prop_assert_eq!(world.decide(&policy), shuffled.decide(&policy));
    }

    #[test]
    fn a_run_that_always_fails_is_given_up((rest, rules) in a_policy(), mut world in a_world()) {
        let policy = policy_of(&rest, &rules);
        world.history = History::default();
        let mut used = std::collections::BTreeMap::<String, u32>::new();
        for attempt in 1.. {
            world.run.run_attempt = RunAttempt::new(attempt).unwrap();
            let Decision::Rerun(Rerun { detail, .. }) = world.decide(&policy).0 else { break };
            prop_assert!(attempt <= world.settings.max_reruns_ceiling);
            for rule in &detail.rules {
                *used.entry(rule.clone()).or_default() += 1;
            }
            world.history.attempts.push(EarlierAttempt {
                run_attempt: world.run.run_attempt,
                fingerprint: detail.fingerprint,
                partial: detail.partial_fingerprint,
                rules: detail.rules,
            });
        }
        for rule in policy.rules {
            let limit = rule.max_reruns.unwrap_or(u32::MAX);
            prop_assert!(used.get(&rule.name).is_none_or(|used| *used <= limit));
        }
    }

    #[test]
    fn budgets_are_kept_in_any_order_of_events(
        (hour, day, minutes) in (0_u32..5, 0_u32..8, 0_u32..60),
        events in prop::collection::vec((0_i64..200, a_world()), 0..40),
    ) {
        let text = format!("budget: {{ reruns_per_hour: {hour}, reruns_per_day: {day}, minutes_per_day: {minutes} }}");
        let policy = policy(&text);
        let (mut now, mut ledger) = (Millis(0), Vec::<(Millis, Span)>::new());
        for (wait, mut world) in events {
            now = now + Span::minutes(wait);
            let within = |span: Span| ledger.iter().filter(move |(at, _)| now - *at < span);
            let time: i64 = within(Span::days(1)).map(|(_, time)| time.as_millis()).sum();
            world.history.spent = Spent {
                reruns_last_hour: u32::try_from(within(Span::hours(1)).count()).unwrap(),
                reruns_last_day: u32::try_from(within(Span::days(1)).count()).unwrap(),
                runner_time_last_day: Span::millis(time),
            };
            if let Decision::Rerun(rerun) = world.decide(&policy).0 {
                ledger.push((now, Span::seconds(rerun.detail.runner_seconds.try_into().unwrap())));
            }
        }
        for (start, _) in &ledger {
            let window = |span: Span| ledger.iter().filter(move |(at, _)| at >= start && *at - *start < span);
            prop_assert!(window(Span::hours(1)).count() <= hour as usize);
            prop_assert!(window(Span::days(1)).count() <= day as usize);
            let time: i64 = window(Span::days(1)).map(|(_, time)| time.as_millis()).sum();
            prop_assert!(time <= Span::minutes(minutes.into()).as_millis());
        }
    }

    #[test]
    fn any_bytes_are_a_policy_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&String::from_utf8_lossy(&bytes), crate::settings::MAX_RERUNS_LIMIT);
    }

    #[test]
    fn a_file_with_a_typing_error_is_a_policy_or_errors_in_it(at in any::<Index>(), length in 0_usize..9, put in ".{0,4}") {
        let mut chars: Vec<char> = super::file::EVERY_KEY.chars().collect();
        let start = at.index(chars.len());
        chars.splice(start..(start + length).min(chars.len()), put.chars());
        let text: String = chars.into_iter().collect();
        if let Err(errors) = parse(&text, crate::settings::MAX_RERUNS_LIMIT) {
            let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap();
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(error.line >= 1 && error.column >= 1 && error.line <= lines + 1, "{}", error);
                prop_assert!(error.to_string().len() < 600);
            }
        }
    }
}
