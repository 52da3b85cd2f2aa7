//! How often, how much, how long after.

use super::*;

#[test]
fn limits_of_rules() {
    let text = r#"
max_reruns: 3
rules:
  - { name: lost, if: { lost_runner: true }, then: rerun, max_reruns: 6 }
  - { name: once, if: { step: Fetch }, then: rerun, max_reruns: 1 }
"#;
    let (lost, once, other) = (job(1, "a", ""), job(2, "b", "Fetch"), job(3, "c", "x"));
    let at = |attempt, jobs: &[&Job], history| World {
        history,
        ..failed(jobs.iter().map(|job| (*job).clone())).attempt(attempt)
    };
    let none = History::default;
    // More than the file's.
    reruns(&at(6, &[&lost], none()), text);
    ends(&at(7, &[&lost], none()), text, RunOutcome::Exhausted);
    let six = (1..=6).map(|attempt| (attempt, None, &["lost"][..])).collect::<Vec<_>>();
    reruns(&at(6, &[&lost], earlier(&six[..5])), text);
    // A job that no rule matches has the file's limit.
    reruns(&at(3, &[&other], none()), text);
    ends(&at(4, &[&other], none()), text, RunOutcome::Exhausted);
    // Fewer than the file's, counted by the rule's own re-runs.
    reruns(&at(3, &[&once], earlier(&[(1, None, &["lost"]), (2, None, &[])])), text);
    ends(&at(2, &[&once], earlier(&[(1, None, &["once"])])), text, RunOutcome::Exhausted);
    ends(&at(3, &[&once], earlier(&[(1, None, &["lost", "once"]), (2, None, &[])])), text, RunOutcome::Exhausted);
    ends(&at(4, &[&once], none()), text, RunOutcome::Exhausted);
    // One job that is out of re-runs is one that is left.
    let spent = earlier(&[(1, None, &["once"])]);
    ends(&at(2, &[&lost, &once], spent.clone()), text, RunOutcome::Exhausted);
    let mixed = reruns(&at(2, &[&lost, &once], spent), &format!("{text}\nmixed: rerun"));
    assert_eq!(mixed.detail.rules, ["lost"]);
}

#[test]
fn guards() {
    let jobs = |n: u64| failed((1..=n).map(|id| job(id, &format!("j{id}"), "x")));
    reruns(&jobs(5), "max_failed_jobs: 5");
    ends(&jobs(6), "max_failed_jobs: 5", RunOutcome::Left);
    let gates = "max_failed_jobs: 5\nrules: [{ name: g, if: { job: [j5, j6] }, then: ignore }]";
    reruns(&jobs(6), gates);

    let with = |budget: &str, spent| {
        let world = World { history: History { spent, ..History::default() }, ..jobs(2) };
        matches!(world.decide(&policy(&format!("budget: {{ {budget} }}"))).0, Decision::Rerun(_))
    };
    let spent = evidence::Spent { reruns_last_hour: 2, reruns_last_day: 9, runner_time_last_day: Span::minutes(8) };
    assert!(with("reruns_per_hour: 3", spent) && !with("reruns_per_hour: 2", spent));
    assert!(with("reruns_per_day: 10", spent) && !with("reruns_per_day: 9", spent));
    assert!(with("minutes_per_day: 10", spent) && !with("minutes_per_day: 9", spent));
    assert!(!with("reruns_per_hour: 0", evidence::Spent::default()));
}

/// Seen to fail when forks' runs may take all (`reruns_per_hour: 5`), when half of one is none, and when the repository's own may
/// take half.
#[test]
fn forks_take_half_of_the_budget() {
    let spent = evidence::Spent { reruns_last_hour: 3, reruns_last_day: 4, runner_time_last_day: Span::minutes(8) };
    let none = evidence::Spent::default();
    let with = |budget: &str, spent, spent_by_forks, is_of_fork: bool| {
        let mut world = failed((1..=2).map(|id| job(id, &format!("j{id}"), "x")));
        world.history = History { spent, spent_by_forks, ..History::default() };
        if is_of_fork {
            world.run.origin = Origin::Fork(None);
        }
        match world.decide(&policy(&format!("skip_superseded: false\nbudget: {{ {budget} }}"))).0 {
            Decision::Rerun(_) => None,
            Decision::End(ending) => Some(ending.reason),
            Decision::Await => panic!("it has ended"),
        }
    };
    // The two jobs took two minutes.
    for (budget, used_up) in [
        ("reruns_per_hour: 5", "budget of 3 re-runs an hour for forks' runs, half of the whole, is used up."),
        ("reruns_per_day: 8", "budget of 4 re-runs a day for forks' runs, half of the whole, is used up."),
        ("minutes_per_day: 18", "budget of 9 runner minutes a day for forks' runs, half of the whole, is used up."),
    ] {
        assert!(with(budget, spent, spent, true).is_some_and(|reason| reason.ends_with(used_up)), "{budget}");
        assert_eq!(with(budget, spent, none, true), None, "{budget}: the repository's own have taken it");
        assert_eq!(with(budget, spent, spent, false), None, "{budget}: the repository's own may take the whole");
    }
    for budget in ["reruns_per_hour: 7", "reruns_per_day: 9", "minutes_per_day: 19"] {
        assert_eq!(with(budget, spent, spent, true), None, "{budget}");
    }
    let used_up = "budget of 3 re-runs an hour is used up.";
    assert!(with("reruns_per_hour: 3", spent, none, true).is_some_and(|reason| reason.ends_with(used_up)));
    assert_eq!(with("reruns_per_hour: 1", none, none, true), None, "half of one is one");
    assert!(with("reruns_per_hour: 0", none, none, true).is_some());
}

#[test]
fn what_fails_in_the_same_way_again_is_real() {
    let text = "max_reruns: 10\nstop_when_repeated: 3";
    let first = failed([job(1, "a", "x"), job(2, "b", "y")]).annotated(1, &["died after 12 s"]).annotated(2, &[]);
    let (decision, needs) = first.decide(&policy(text));
    assert_eq!(needs.len(), 3, "the annotations of both are read");
    let Decision::Rerun(rerun) = decision else { panic!() };
    let same = rerun.detail.fingerprint.unwrap();
    let again = |attempt, history| World {
        history,
        ..failed([job(4, "b", "y"), job(3, "a", "x")])
            .annotated(3, &["died after 7 s"])
            .annotated(4, &[])
            .attempt(attempt)
    };
    reruns(&again(2, earlier(&[(1, Some(&same), &[])])), text);
    reruns(&again(3, earlier(&[(1, Some(&same), &[]), (2, Some("other"), &[])])), text);
    reruns(&again(3, earlier(&[(1, Some(&same), &[]), (2, None, &[])])), text);
    ends(&again(3, earlier(&[(1, Some(&same), &[]), (2, Some(&same), &[])])), text, RunOutcome::Left);
    let other_step =
        World { jobs: Fetched::Present(vec![job(3, "a", "z"), job(4, "b", "y")]), ..again(3, earlier(&[])) };
    assert_ne!(reruns(&other_step, text).detail.fingerprint, Some(same));
    // Whatever the rules make of its jobs: a rule that is added does not make it look new.
    let print = |then: &str| {
        let rule = format!("{text}\nmixed: rerun\nrules: [{{ name: b, if: {{ job: b }}, then: {then} }}]");
        reruns(&first, &rule).detail.fingerprint
    };
    assert_eq!(print("ignore"), print("leave"));
    assert_eq!(print("ignore"), print("rerun"));
}

#[test]
fn minutes_that_are_not_known_are_not_spent() {
    let unread = World { jobs: Fetched::Absent("GitHub did not answer".to_owned()), ..failed([]) };
    for world in [unread, failed([])] {
        ends(&world, "budget: { minutes_per_day: 3000 }", RunOutcome::Left);
        reruns(&world, "budget: { reruns_per_day: 200 }");
    }
}

#[test]
fn another_exit_code_is_another_failure() {
    let text = "max_reruns: 10\nstop_when_repeated: 2";
    let exits = |code: u32| {
        failed([job(1, "a", "x")]).annotated(1, &[&format!("Process completed with exit code {code}.")]).attempt(2)
    };
    let first = reruns(&exits(1), text).detail.fingerprint.unwrap();
    let again = |code| World { history: earlier(&[(1, Some(&first), &[])]), ..exits(code) };
    ends(&again(1), text, RunOutcome::Left);
    reruns(&again(137), text);
}

#[test]
fn delays_and_debug_logging() {
    let delay = |text: &str, attempt| reruns(&failed([job(1, "a", "x")]).attempt(attempt), text).delay;
    assert_eq!(delay("", 3), Span::seconds(5));
    assert_eq!(delay("delay: 1m\nbackoff: 2", 1), Span::minutes(1));
    assert_eq!(delay("delay: 1m\nbackoff: 2", 3), Span::minutes(4));
    assert_eq!(delay("delay: 1m\nbackoff: 2\nmax_delay: 3m", 3), Span::minutes(3));
    assert_eq!(delay("delay: 1h\nbackoff: 2", 3), Span::hours(1));
    let rule = "delay: 1m\nrules: [{ name: r, if: { job: a }, then: rerun, delay: 5m, scope: all_jobs }]";
    assert_eq!(delay(rule, 1), Span::minutes(5));
    assert_eq!(reruns(&failed([job(1, "a", "x")]), rule).scope, Scope::AllJobs);
    // The longest of them.
    assert_eq!(reruns(&failed([job(1, "a", "x"), job(2, "b", "x")]), rule).delay, Span::minutes(5));

    let debug = |text: &str, attempt| reruns(&failed([job(1, "a", "x")]).attempt(attempt), text).debug_logging;
    assert!(!debug("", 3));
    assert!(debug("debug_logging: always", 1));
    assert!(!debug("debug_logging: last", 2) && debug("debug_logging: last", 3));
    assert!(debug(&format!("{}\ndebug_logging: last", rule.replace("delay: 5m", "max_reruns: 1")), 1));
}
