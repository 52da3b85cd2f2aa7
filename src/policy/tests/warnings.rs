use crate::policy::{parse, warnings};

#[track_caller]
fn all(text: &str) -> Vec<String> {
    let policy = parse(text, 10).unwrap_or_else(|errors| panic!("{errors:#?}"));
    warnings(text, &policy).iter().map(ToString::to_string).collect()
}

/// Of a rule with these conditions.
#[track_caller]
fn of(conditions: &str) -> Vec<String> {
    all(&format!("rules: [{{ name: x, then: leave, if: {{ {conditions} }} }}]"))
}

/// Of two rules with these conditions, whether the second can never match.
#[track_caller]
fn is_covered(first: &str, second: &str) -> bool {
    let text = format!(
        "rules:\n  - {{ name: a, then: rerun, if: {{ {first} }} }}\n  - {{ name: b, then: leave, if: {{ {second} }} }}\n"
    );
    let said = all(&text);
    let expected =
        "line 3, column 13: rules[1]: can never match: rule \"a\" in line 2 takes every job that this one could";
    assert!(said.is_empty() || said == [expected], "{said:?}");
    !said.is_empty()
}

/// Seen to fail when only equal conditions are covered, and, each at its own row, when those of one key are only if equal.
#[test]
fn a_rule_after_one_that_takes_all_of_it() {
    for (first, second) in [
        ("job: test", "job: Test"),
        ("job: test*", "job: [test-*, 'testing?']"),
        ("job: '*'", "step: build"),
        ("workflow: '*'", "log: x"),
        ("branch: main*", "branch: [main, 'main-?']"),
        ("event: pull_request*", "event: pull_request_target"),
        ("actor: [ann, bob]", "actor: bob"),
        ("step: '*test*'", "step: run tests"),
        ("runner: 'big-*'", "runner: big-1"),
        ("label: 'ubuntu-*'", "label: ubuntu-latest"),
        ("annotation: [x, y]", "annotation: y"),
        ("log: [x, y]", "log: y, branch: main"),
        ("attempt: '>= 2'", "attempt: [2, 5]"),
        ("attempt: '> 1'", "attempt: '> 2'"),
        ("exit_code: '!= 1'", "exit_code: '> 1'"),
        ("rescue_rate: '>= 30'", "rescue_rate: '> 30'"),
        ("cause: infrastructure", "cause: [network, git]"),
        ("cause: [network, lint]", "cause: lint"),
        ("conclusion: [failure, timed_out]", "conclusion: timed_out"),
        ("fork: true", "fork: true, event: pull_request"),
    ] {
        assert!(is_covered(first, second), "{first} | {second}");
    }
}

/// Seen to fail when `?` counts as `*`, and, each at its own row, when the first's condition of one key is not looked at.
#[test]
fn a_rule_after_one_that_takes_some_of_it() {
    for (first, second) in [
        ("job: test", "job: test*"),
        ("job: 'test?'", "job: 'test*'"),
        ("job: test", "step: test"),
        ("job: test, log: x", "job: test"),
        ("step: '*'", "job: test"),
        ("label: '*'", "job: test"),
        ("runner: '*'", "job: test"),
        ("log: x", "log: [x, y]"),
        ("annotation: x", "log: x"),
        ("attempt: '> 2'", "attempt: '>= 2'"),
        ("attempt: '<= 3'", "attempt: '>= 2'"),
        ("exit_code: '!= 1'", "exit_code: '!= 2'"),
        // Percent have decimals.
        ("rescue_rate: '>= 31'", "rescue_rate: '> 30'"),
        ("cause: network", "cause: infrastructure"),
        ("cause: lint", "cause: network"),
        ("conclusion: failure", "conclusion: [failure, cancelled]"),
        ("lost_runner: true", "lost_runner: false"),
        ("fork: true", "fork: false"),
        ("source_annotation: true", "base_failed: true"),
        ("base_failed: true", "source_annotation: true"),
        ("workflow: ci, branch: main", "workflow: ci"),
        ("workflow: ci, branch: main", "branch: main"),
        ("event: push", "event: schedule"),
        ("actor: ann", "actor: [ann, bob]"),
    ] {
        assert!(!is_covered(first, second), "{first} | {second}");
    }
}

/// Seen to fail when the preset's rules are not looked at, and when they are the ones to warn of.
#[test]
fn rules_of_what_a_file_extends() {
    let replaces = "extends: careful\nrules: [{ name: mine, if: { job: '*' }, then: leave }]\n";
    assert_eq!(all(replaces), [""; 0]);
    let file = include_str!("../../../docs/policies/careful.yml");
    let name = parse(file, 10).unwrap().rules.last().unwrap().name.clone();
    // It stands in the place of the preset's last, after all others.
    let text = format!(
        "extends: careful\nrules: [{{ name: \"{name}\", if: {{ event: merge_group, job: a }}, then: leave }}]\n"
    );
    let expected = " of what the file extends takes every job that this one could";
    assert!(matches!(all(&text).as_slice(), [only] if only.ends_with(expected)), "{:?}", all(&text));
}

/// Seen to fail when rules are not looked for behind it, with a workflow's own condition, and with a rule that leaves them first.
#[test]
fn rules_before_what_leaves_deployments() {
    let of = |rules: &str| all(&format!("extends: careful\nrules:\n{rules}"));
    let rerun = "  - { name: net, if: { log: x }, then: rerun }\n";
    let expected = "line 3, column 13: rules[0]: comes before \"deployments and releases run once\" of what the file extends, so \
                    jobs of the workflows `deploy*`, `release*`, `publish*` that it matches are re-run; add `workflow:` to it \
                    (`workflow: \"*\"` if this is meant)";
    assert_eq!(of(rerun), [expected]);
    for fine in [
        "  - { name: net, if: { log: x, workflow: '*' }, then: rerun }\n",
        "  - { name: net, if: { log: x }, then: leave }\n",
        "  - { name: deployments and releases run once, if: { workflow: cd }, then: leave }\n  - { name: n, if: { log: x }, then: rerun }\n",
        &format!(
            "  - {{ name: no, if: {{ workflow: ['deploy*', 'release*', 'publish*', cd] }}, then: leave }}\n{rerun}"
        ),
    ] {
        assert_eq!(of(fine), [""; 0], "{fine}");
    }
    assert_eq!(all(&format!("extends: infrastructure\nrules:\n{rerun}")), [""; 0]);
}

/// Seen to fail when what is not matched, and what another rule knows, is not asked.
#[test]
fn network_without_registries() {
    let of = |cause: &str, rest: &str| {
        all(&format!("rules:\n  - {{ name: net, if: {{ cause: {cause} }}, then: rerun }}\n{rest}"))
    };
    let expected = "line 2, column 31: rules[0].if.cause: network alone misses npm, pip, Maven, Docker and Git, which have classes \
                    of their own; for all failures of the network write [network, registry, container, git, github], for all \
                    that no code is to blame for infrastructure";
    assert_eq!(of("network", "otherwise: leave\n"), [expected]);
    assert_eq!(of("[network, git]", "otherwise: leave\n"), [expected]);
    for (cause, rest) in [
        ("network", ""),
        ("[network, registry]", "otherwise: leave\n"),
        ("infrastructure", "otherwise: leave\n"),
        ("network", "  - { name: b, if: { cause: registry }, then: leave }\notherwise: leave\n"),
        ("network", "extends: infrastructure\n"),
    ] {
        assert_eq!(of(cause, rest), [""; 0], "{cause} {rest}");
    }
}

/// Seen to fail when an event is compared without regard to globs, and when `workflow_call` is taken for one of a run.
#[test]
fn events_that_github_does_not_have() {
    let no = |place: &str, said: &str| vec![format!("line 1, column {place}: {said}")];
    assert_eq!(
        of("event: pull_reqest"),
        no("46", "rules[0].if.event: GitHub has no event `pull_reqest`; did you mean pull_request?")
    );
    assert_eq!(of("event: [push, deploy-day]"), no("53", "rules[0].if.event[1]: GitHub has no event `deploy-day`"));
    assert_eq!(
        of("event: workflow_call"),
        no("46", "rules[0].if.event: no run has the event workflow_call: a called workflow's run has its caller's")
    );
    for event in ["push", "PUSH", "pull_request*", "'*'", "dynamic", "merge_group", "workflow_dispatch"] {
        assert_eq!(of(&format!("event: {event}")), [""; 0], "{event}");
    }
    assert_eq!(
        all("events: { include: [push, shedule], exclude: cron }"),
        [
            "line 1, column 27: events.include[1]: GitHub has no event `shedule`; did you mean schedule?",
            "line 1, column 46: events.exclude: GitHub has no event `cron`",
        ]
    );
}

/// Seen to fail when the bounds are not looked at, and when `!=` is taken to hold for that number alone.
#[test]
fn numbers_that_nothing_has() {
    for (conditions, path, said) in [
        ("attempt: 0", "rules[0].if.attempt", "an attempt is a number from 1 to 50"),
        ("attempt: [2, '> 50']", "rules[0].if.attempt[1]", "an attempt is a number from 1 to 50"),
        ("attempt: '< 1'", "rules[0].if.attempt", "an attempt is a number from 1 to 50"),
        ("rescue_rate: '> 100'", "rules[0].if.rescue_rate", "a rescue rate is a number of percent from 0 to 100"),
        ("exit_code: 4294967296", "rules[0].if.exit_code", "an exit code is a number from -2147483648 to 4294967295"),
    ] {
        let expected = format!("{path}: never holds: {said}");
        assert!(matches!(of(conditions).as_slice(), [only] if only.ends_with(&expected)), "{:?}", of(conditions));
    }
    for fine in ["attempt: '> 49'", "attempt: '!= 0'", "rescue_rate: [0, 100]", "exit_code: [-1073741819, 3221225477]"]
    {
        assert_eq!(of(fine), [""; 0], "{fine}");
    }
}

/// Seen to fail, each time at its own row, when one question is left out of `contradiction` or `never_asked`.
#[test]
fn conditions_that_no_run_meets() {
    #[track_caller]
    fn never(file: &str, conditions: &str, why: &str) {
        let text = format!("{file}\nrules: [{{ name: x, then: leave, if: {{ {conditions} }} }}]");
        let expected = format!("line 2, column 37: rules[0].if: can never match: {why}");
        assert_eq!(all(&text), [expected]);
    }
    never("", "fork: true, branch: [main, dev]", "a fork's branch is written owner:branch");
    never("", "fork: true, event: [push, schedule]", "runs of these events are never of a fork's branch");
    never("", "fork: false, branch: 'ann:*'", "only a fork's branch is written owner:branch");
    never("forks: leave", "fork: true", "`forks: leave` leaves forks' runs alone");
    never("events: { exclude: [merge_group] }", "event: merge_group", "such runs are in the file's events.exclude");
    never("events: { include: push }", "event: schedule", "such runs are not in the file's events.include");
    never("branches: { include: [main, 'v*'] }", "branch: dev", "such runs are not in the file's branches.include");
    never("branches: { exclude: 'v*' }", "branch: v1", "such runs are in the file's branches.exclude");
    never("workflows: { exclude: 'deploy*' }", "workflow: deploy-*", "such runs are in the file's workflows.exclude");
    never("actors: { exclude: bot }", "actor: bot, job: a", "such runs are in the file's actors.exclude");
    for (file, fine) in [
        ("", "fork: true, branch: 'main*'"),
        ("", "fork: true, branch: [main, '*:main']"),
        ("", "fork: true, event: pull_request"),
        ("branches: { include: main }", "branch: m*"),
        ("workflows: { include: ci.yml }", "workflow: ci"),
        ("actors: { include: ann }", "actor: bob"),
        ("actors: { exclude: bot }", "actor: [bot, ann]"),
    ] {
        let text = format!("{file}\nrules: [{{ name: x, then: leave, if: {{ {fine} }} }}]");
        assert_eq!(all(&text), [""; 0], "{file} {fine}");
    }
    assert_eq!(
        all("branches: { include: [main], exclude: ['m*'] }"),
        ["line 1, column 11: branches: no run is left: all that is included is excluded as well"]
    );
}

/// Ours are meant as they are.
#[test]
fn presets_and_examples_are_without() {
    for text in [
        super::file::EVERY_KEY.to_owned(),
        include_str!("../../../docs/policies/careful.yml").to_owned(),
        include_str!("../../../docs/policies/everything.yml").to_owned(),
        include_str!("../../../docs/policies/infrastructure.yml").to_owned(),
    ] {
        assert_eq!(all(&text), [""; 0]);
    }
}

/// Seen to fail without `too_late`.
#[test]
fn attempts_that_are_not_rerun() {
    let of =
        |head: &str, rule: &str| all(&format!("{head}rules: [{{ name: late, if: {{ attempt: '>= 3' }}, {rule} }}]\n"));
    let expected = "line 2, column 38: rules[0].if.attempt: never re-runs anything: max_reruns is 2, and no attempt after number 2 \
                    is re-run";
    assert_eq!(of("max_reruns: 2\n", "then: rerun"), [expected]);
    assert_eq!(of("max_reruns: 3\n", "then: rerun, max_reruns: 2"), [expected]);
    assert_eq!(of("max_reruns: 2\n", "then: rerun, max_reruns: 3"), [""; 0]);
    assert_eq!(of("max_reruns: 3\n", "then: rerun"), [""; 0]);
    assert_eq!(of("max_reruns: 2\n", "then: leave"), [""; 0]);
    assert_eq!(of("", "then: rerun"), [""; 0], "what the Worker allows is not known here");
}

/// Seen to fail without the first question of `never_asked`.
#[test]
fn cancelled_jobs_that_do_not_count() {
    let of = |head: &str, conclusion: &str| {
        all(&format!("{head}rules: [{{ name: gone, if: {{ conclusion: {conclusion} }}, then: rerun }}]\n"))
    };
    let expected = "line 1, column 27: rules[0].if: can never match: cancelled jobs count only if the file's conclusions include \
                    cancelled";
    assert_eq!(of("", "cancelled"), [expected]);
    assert_eq!(of("", "[cancelled, failure]"), [""; 0]);
    assert_eq!(of("conclusions: [failure, cancelled]\n", "cancelled"), [""; 0]);
}
