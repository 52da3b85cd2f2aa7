use crate::names::Conclusion;
use crate::policy::file::Comparison;
use crate::policy::{Action, Commanders, Policy, PolicyOrigin, PolicyState, parse};
use crate::settings::MAX_RERUNS_LIMIT;
use crate::time::Span;

/// The example of the design, with every key.
pub const EVERY_KEY: &str = r#"
version: 1
max_reruns: 3              # for one run; 0 to 49
delay: 5s                  # before a re-run
backoff: 2                 # each further re-run waits this many times longer
max_delay: 10m
conclusions: [failure, timed_out]        # cancelled may be added
actors: { exclude: ["dependabot[bot]"] }
branches: { include: ["*"], exclude: [] }
events: { exclude: [merge_group] }
skip_superseded: true      # a pull request's run whose head has moved on is left alone
max_failed_jobs: 20        # more than this failed at once: a real break or an outage
stop_when_repeated: 3      # the same jobs failed at the same steps in this many attempts: real
budget: { reruns_per_hour: 30, reruns_per_day: 200, minutes_per_day: 3000 }
rules:                     # each failed job takes the first rule that matches it
  - name: lost runners
    if:
      annotation: ["lost communication with the server", "received a shutdown signal"]
    then: rerun
    max_reruns: 6
    delay: 1m
  - name: network
    if: { log: "ECONNRESET|ETIMEDOUT|Could not resolve host" }
    then: rerun
  - name: gates fail because others did
    if: { job: ["all-green", "ci-ok"] }
    then: ignore
  - name: deployments run once
    if: { workflow: ["deploy*", "release*"] }
    then: leave
  - name: a failed test step is the author's
    if: { step: "*test*" }
    then: leave
otherwise: rerun           # a failed job that no rule matched
mixed: leave               # some failed jobs say rerun and some say leave: leave | rerun
debug_logging: last        # never | last | always: runner debug logging on the re-run
scope: failed_jobs         # failed_jobs | all_jobs
commands: { who: authors, workflows: { exclude: ["deploy*"] }, per_hour: 5 }
"#;

#[track_caller]
fn valid(text: &str) -> Policy {
    parse(text, 10).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[track_caller]
fn errors(text: &str) -> Vec<String> {
    parse(text, 10).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_key() {
    let policy = valid(EVERY_KEY);
    assert_eq!(policy.max_reruns, Some(3));
    assert_eq!(policy.delay, Some(Span::seconds(5)));
    assert_eq!((policy.backoff, policy.max_delay), (2.0, Some(Span::minutes(10))));
    assert_eq!(policy.conclusions, [Conclusion::Failure, Conclusion::TimedOut]);
    assert_eq!(policy.budget.minutes_per_day, Some(3000));
    assert_eq!(policy.rules.len(), 5);
    assert_eq!((policy.rules[0].max_reruns, policy.rules[0].delay), (Some(6), Some(Span::minutes(1))));
    assert_eq!(policy.rules[2].action, Action::Ignore);
    assert_eq!((policy.commands.who, policy.commands.per_hour), (Commanders::Authors, 5));
    assert!(policy.commands.workflows.exclude.unwrap().matches("Deploy it"));
}

#[test]
fn nothing_is_the_same_as_no_file() {
    for text in ["", "\n", "# only a comment\n", "---\n", "{}", "null", "\u{feff}", "version: 1"] {
        assert_eq!(valid(text), Policy::default(), "{text:?}");
    }
}

#[test]
fn conditions() {
    let policy = valid(
        r#"
rules:
  - name: all
    if:
      workflow: ci
      branch: [main, "release/*"]
      event: push
      actor: ann
      attempt: [1, ">= 3"]
      job: "test (*)"
      step: run*
      runner: rack-?
      label: windows-*
      conclusion: timed_out
      lost_runner: false
      exit_code: [137, "!= 1", -1073741819]
      annotation: '(?i)lost'
      log: ["a", "b"]
    then: ignore
"#,
    );
    let conditions = &policy.rules[0].conditions;
    assert_eq!(conditions.branch.as_ref().unwrap().texts().collect::<Vec<_>>(), ["main", "release/*"]);
    assert_eq!(conditions.attempt.as_ref().unwrap().0, [Comparison::is(1), Comparison::parse(">=3").unwrap()]);
    assert_eq!(conditions.exit_code.as_ref().unwrap().0[2], Comparison::is(-1_073_741_819));
    assert_eq!(conditions.lost_runner, Some(false));
}

#[test]
fn all_errors_at_once_each_with_its_place() {
    let text = r#"version: 2
max_rerun: 3
delay: 5
delay: 5s
backoff: fast
conclusions: [failure, startup_failure]
actors: { exclude: bob, only: ann }
max_failed_jobs: 0
rules:
  - name: network
    if: { log: "(" }
    then: retry
  - name: network
    if: {}
    then: leave
    delay: 1m
  - if: { step: 3, exit_code: ">> 2" }
    then: rerun
    max_reruns: 11
otherwise: [rerun]
"#;
    assert_eq!(
        errors(text),
        [
            "line 1, column 10: version: expected 1, the only version there is; found `2`",
            "line 2, column 1: max_rerun: no such key; did you mean max_reruns?",
            "line 3, column 8: delay: expected a duration such as 0s, 90s, 5m or 2h, up to 24h; found `5`; did you mean 5s?",
            "line 4, column 1: delay: the same key twice",
            "line 5, column 10: backoff: expected a number from 1 to 10, such as 2 or 1.5; found `fast`",
            "line 6, column 24: conclusions[1]: expected one or more of failure, timed_out, cancelled; \
             found `startup_failure`",
            "line 7, column 25: actors.only: no such key; expected one of include, exclude",
            "line 8, column 18: max_failed_jobs: expected a whole number from 1 to 1000000; found `0`",
            "line 11, column 16: rules[0].if.log: not a regex: unclosed group at its character 1",
            "line 12, column 11: rules[0].then: expected rerun, leave or ignore; found `retry`; did you mean rerun?",
            "line 13, column 11: rules[1].name: another rule has this name",
            "line 14, column 9: rules[1].if: expected at least one of workflow, branch, fork, event, actor, attempt, job, step, \
             runner, label, conclusion, lost_runner, exit_code, source_annotation, annotation, rescue_rate, base_failed, cause, log; \
             found an empty map",
            "line 16, column 12: rules[1].delay: only a rule with `then: rerun` has this",
            "line 17, column 5: rules[2]: the key name is missing",
            "line 17, column 17: rules[2].if.step: expected a name or a list of names, in which * stands for anything; \
             quote what looks like a number; found `3`; did you mean \"3\"?",
            "line 17, column 31: rules[2].if.exit_code: expected a whole number, a comparison such as \">= 2\", or a \
             list of them; found `\">> 2\"`",
            "line 19, column 17: rules[2].max_reruns: expected a whole number from 1 to 10, the Worker's \
             MAX_RERUNS_CEILING; found `11`",
            "line 20, column 12: otherwise: expected rerun, leave or ignore; found a list",
        ]
    );
}

#[test]
fn what_is_not_a_policy_file() {
    #[track_caller]
    fn says(text: &str, expected: &str) {
        let errors = errors(text);
        assert!(errors[0].contains(expected), "{}: {errors:?}", text.get(..80).unwrap_or(text));
    }
    says("- a", "line 1, column 1: expected a map with the keys version, extends, max_reruns");
    says("3", "expected a map");
    says("max_reruns: [", "not YAML");
    says("max_reruns: 3\n delay: 5s", "not YAML");
    says("a: &x 1\nmax_reruns: *x", "line 2, column 13: aliases are not supported");
    says("max_reruns: !!int 3", "tags are not supported");
    says("max_reruns: 3\n---\nmax_reruns: 3", "line 2, column 1: a second document");
    says("? [a]\n: 3", "a key must be a word");
    says(&format!("max_reruns: {}", "[".repeat(30_000)), "not YAML: recursion limit exceeded");
    says("a: { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: { a: 1", "nested more than 12 deep");
    says(&"- ".repeat(30_000), "nested more than 12 deep");
    says(&format!("# {}", "x".repeat(64 * 1024)), "larger than 64 KiB");
    says("max_reruns:", "line 1, column 11: max_reruns: expected a whole number from 0 to 10");
    says("max_reruns: 3.0", "expected a whole number");
    says("max_reruns: \"3\"", "expected a whole number");
    says("max_reruns: 11", "from 0 to 10, the Worker's MAX_RERUNS_CEILING");
    says("delay: 25h", "expected a duration");
    says("delay: 20m\nmax_delay: 10m", "line 2, column 12: max_delay: expected 20m, which delay is, or more");
    says("flaky_issues: { close_after: 24h }", "expected a number of days such as 14d, from 1d to 30d");
    says(
        "flaky_issues: { label: 'a,b' }",
        "flaky_issues.label: expected a label of up to 50 characters without a comma",
    );
    says("flaky_issues: { after: 1 }", "flaky_issues.after: expected a whole number from 2 to 100");
    says("branches: { include: [] }", "expected a name or a list of names");
    says("stop_when_repeated: 1", "from 2 to 50");
    says("commands: authors", "commands: expected a map with the keys who, workflows, per_hour");
    says("commands: { who: author }", "commands.who: expected nobody, collaborators or authors");
    says("commands: { who: authors, per_hour: 0 }", "commands.per_hour: expected a whole number from 1 to 100");
    says("commands: { workflow: ci }", "did you mean workflows");
    says("rules: { name: x }", "rules: expected a list");
    says("rules: [x]", "rules[0]: expected a map with the keys name, if, then");
    says("rules: [{ name: 'a\tb', if: { job: a }, then: leave }]", "text of up to 100 characters in one line");
    let many: String = (0..65).map(|n| format!("r{n}, ")).collect();
    says(&format!("rules: [{{ name: x, then: leave, if: {{ log: [{many}] }} }}]"), "more than 64 regexes");
    says("rules: [{ name: x, then: leave, if: { log: '((a{100}){100}){100}' } }]", "the regexes are too large");
    says(&format!("rules: [{{ name: x, then: leave, if: {{ log: '{}' }} }}]", "(".repeat(10_000)), "not a regex");
}

#[test]
fn a_broken_file_says_where() {
    let state = PolicyState::new(parse("max_reruns: x\ndelay: y", MAX_RERUNS_LIMIT), PolicyOrigin::Repository);
    let policy = state.policy();
    assert_eq!(policy.max_reruns, Some(0));
    let broken = policy.broken.as_deref().unwrap();
    assert_eq!(broken, "line 1, column 13: max_reruns: expected a whole number from 0 to 49; found `x`; and 1 more");
}

/// Seen to fail when a key that was probably meant is missing as well, each missing key is an error of its own, an action that
/// is none counts as `leave`, or each regex too many is an error.
#[test]
fn one_mistake_is_one_error() {
    #[track_caller]
    fn one(text: &str, expected: &str) {
        assert_eq!(errors(text), [expected]);
    }
    one(
        "rules: [{ nam: x, if: { job: a }, then: leave }]",
        "line 1, column 11: rules[0].nam: no such key; did you mean name?",
    );
    one("rules: [{ name: x }]", "line 1, column 9: rules[0]: the keys if and then are missing");
    one(
        "rules: [{ name: x, if: { job: a }, then: re-run, max_reruns: 2, delay: 1m }]",
        "line 1, column 42: rules[0].then: expected rerun, leave or ignore; found `re-run`; did you mean rerun?",
    );
    let many: String = (0..80).map(|n| format!("r{n}, ")).collect();
    one(
        &format!("rules: [{{ name: x, then: leave, if: {{ log: [{many}] }} }}]"),
        "line 1, column 355: rules[0].if.log[64]: more than 64 regexes in one file and what it extends",
    );
}

/// Seen to fail when the words from elsewhere are not known, and when a value is compared as it is written (`Off`, `RERUN`).
#[test]
fn what_was_meant_by_a_value() {
    #[track_caller]
    fn meant(text: &str, found: &str, meant: Option<&str>) {
        let said = errors(text);
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        assert!(said.len() == 1 && said[0].ends_with(&format!("; found {found}{hint}")), "{said:?}");
    }
    meant("skip_superseded: yes", "`yes`", Some("true"));
    meant("skip_superseded: Off", "`Off`", Some("false"));
    meant("skip_superseded: ture", "`ture`", Some("true"));
    meant("skip_superseded: sometimes", "`sometimes`", None);
    meant("otherwise: retry", "`retry`", Some("rerun"));
    meant("otherwise: RERUN", "`RERUN`", Some("rerun"));
    meant("scope: failed", "`failed`", Some("failed_jobs"));
    meant("scope: all-jobs", "`all-jobs`", Some("all_jobs"));
    meant("conclusions: [failed]", "`failed`", Some("failure"));
    meant("conclusions: canceled", "`canceled`", Some("cancelled"));
    meant("commands: { who: colaborators }", "`colaborators`", Some("collaborators"));
    meant("extends: carefull", "`carefull`", Some("careful"));
    meant("delay: 10 min", "`10 min`", Some("10m"));
    meant("delay: 1d", "`1d`", Some("24h"));
    meant("delay: 2d", "`2d`", None);
    meant("delay: 30h", "`30h`", None);
    meant("delay:", "nothing", None);
    meant("delay: ''", "empty text", None);
    meant("flaky_issues: { close_after: 2w }", "`2w`", Some("14d"));
    meant("flaky_issues: { close_after: 7 }", "`7`", Some("7d"));
    meant("flaky_issues: { close_after: 70 }", "`70`", None);
    meant("rules: [{ name: x, then: leave, if: { attempt: '=> 2' } }]", "`\"=> 2\"`", Some("\">= 2\""));
    meant("rules: [{ name: x, then: leave, if: { attempt: 2+ } }]", "`2+`", Some("\">= 2\""));
    meant("rules: [{ name: x, then: leave, if: { cause: newtork } }]", "`newtork`", Some("network"));
    meant("rules: [{ name: x, then: leave, if: { branch: [1.0] } }]", "`1.0`", None);
    meant("rules: [{ name: x, then: leave, if: { branch: {} } }]", "an empty map", None);
    meant("max_reruns: []", "an empty list", None);
    let long = format!("mixed: {}", "x".repeat(100));
    meant(&long, &format!("`{}…`", "x".repeat(40)), None);
}

/// Seen to fail when the parser's own words are taken: "mapping values are not allowed", in another line.
#[test]
fn tabs_are_named() {
    for (text, line, column) in [
        ("rules:\n\t- name: x\n", 2, 1),
        ("rules:\n  - name: x\n\tif: { job: a }\n", 3, 1),
        ("rules:\n  - name: x\n  \t  if: { job: a }\n    then: leave\n", 3, 3),
        ("budget:\n\treruns_per_hour: 3\n\treruns_per_day: 4\n", 2, 1),
    ] {
        let expected = format!("line {line}, column {column}: a tab: YAML is indented with spaces alone");
        assert_eq!(errors(text), [expected], "{text:?}");
    }
    // Where YAML allows them.
    valid("max_reruns: 3\t# often\n");
    assert_eq!(errors("max_reruns:\t3\n"), ["line 1, column 13: a tab: put a space in its place"]);
    assert!(errors("max_reruns: [3\n")[0].contains("not YAML"));
}

/// Seen to fail when keys that are there are offered, and when `when` is no word for `if`.
#[test]
fn what_was_meant_by_a_key() {
    for (rule, said) in [
        ("name: x, when: { job: a }, then: rerun", "rules[0].when: no such key; did you mean if?"),
        ("name: x, if: { job: a }, action: rerun", "rules[0].action: no such key; did you mean then?"),
        (
            "name: x, if: { job: a }, then: rerun, them: leave",
            "expected one of name, if, then, max_reruns, delay, scope",
        ),
    ] {
        let all = errors(&format!("rules: [{{ {rule} }}]"));
        assert!(matches!(all.as_slice(), [only] if only.ends_with(said)), "{all:?}");
    }
}
