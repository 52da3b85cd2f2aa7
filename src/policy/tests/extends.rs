//! What a file begins with: presets and the organization's file, and what the presets do.

use super::*;
use crate::policy::file::{Base, Given, Organization, PolicyOrigin};
use crate::settings::{MAX_RERUNS_LIMIT, Preset};

const EXIT: &str = "Process completed with exit code 1.";
const RESET: [&str; 3] =
    ["##[group]Run npm ci", "npm error code ECONNRESET", "##[error]Process completed with exit code 1."];
const COMPILER: [&str; 3] = [
    "##[group]Run cargo build",
    "error[E0425]: cannot find value `x` in this scope",
    "##[error]Process completed with exit code 101.",
];

fn names(policy: &Policy) -> Vec<&str> {
    policy.rules.iter().map(|rule| rule.name.as_str()).collect()
}

fn preset(name: &str) -> Policy {
    Policy::preset(Preset::parse(name).unwrap(), MAX_RERUNS_LIMIT)
}

#[track_caller]
fn error(text: &str, organization: Organization, expected: &str) {
    let given = Given { organization, ..Given::from(MAX_RERUNS_LIMIT) };
    let errors = parse(text, given).unwrap_err();
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors, [expected], "{text}");
}

#[test]
fn each_preset_is_a_valid_file() {
    for known in Preset::ALL {
        let text = std::fs::read_to_string(format!("docs/policies/{}.yml", known.as_str())).unwrap();
        let policy = parse(&text, MAX_RERUNS_LIMIT).unwrap_or_else(|errors| panic!("{errors:#?}"));
        let origin = PolicyOrigin::Preset(known);
        assert_eq!(Policy::preset(known, MAX_RERUNS_LIMIT), Policy { origin, ..policy });
        assert!(policy_of(known).broken.is_none());
        assert!(Base::parse(known.as_str()).is_some());
    }
    let everything = Policy { origin: PolicyOrigin::Repository, ..preset("everything") };
    assert_eq!(everything, Policy::default());
}

fn policy_of(known: Preset) -> Policy {
    Policy::preset(known, 3)
}

#[test]
fn the_files_own_keys_replace_and_its_rules_come_first() {
    let rule = "rules: [{ name: mine, if: { job: a }, then: rerun }]";
    let own = policy(&format!("extends: careful\nstop_when_repeated: 5\noutage: {{ runs: 9 }}\n{rule}"));
    let careful = preset("careful");
    assert_eq!(names(&own), [&["mine"], &names(&careful)[..]].concat());
    assert_eq!((own.stop_when_repeated, own.otherwise), (Some(5), Action::Leave));
    // The whole key: the rest of it is not the preset's.
    let outage = own.outage.unwrap();
    assert_eq!((outage.runs, outage.for_at_most), (9, Span::hours(6)));
    let filters = parse(
        "extends: organization\nbranches: { exclude: [x] }",
        Given {
            organization: Organization::Policy(&policy("branches: { include: [main] }\nmax_failed_jobs: 4")),
            ..Given::from(9)
        },
    );
    let filters = filters.unwrap();
    assert_eq!((filters.branches.include.is_none(), filters.max_failed_jobs), (true, Some(4)));
    // A key with its default is a key all the same.
    assert_eq!(policy("extends: careful\notherwise: rerun").otherwise, Action::Rerun);
    assert_eq!(policy("extends: everything"), Policy { extends: vec![Base::Everything], ..Policy::default() });
}

#[test]
fn a_rule_with_the_name_of_a_presets_takes_its_place() {
    let rules = "[{ name: mine, if: { job: a }, then: rerun }, { name: lost runners, if: { job: b }, then: leave }]";
    let own = policy(&format!("extends: infrastructure\nrules: {rules}"));
    let before: Vec<String> = names(&preset("infrastructure")).iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&own)[0], "mine");
    assert_eq!(names(&own)[1..], before);
    let lost = own.rules.iter().find(|rule| rule.name == "lost runners").unwrap();
    assert_eq!((lost.action, lost.conditions.job.is_some()), (Action::Leave, true));
}

#[test]
fn of_a_list_what_comes_later_wins() {
    let organization =
        policy("otherwise: rerun\nmax_reruns: 2\nrules: [{ name: theirs, if: { job: a }, then: leave }]");
    let given = Given { organization: Organization::Policy(&organization), ..Given::from(9) };
    let later = parse("extends: [infrastructure, organization]", given).unwrap();
    assert_eq!((later.otherwise, later.max_reruns), (Action::Rerun, Some(2)));
    assert_eq!(names(&later)[0], "theirs");
    let earlier = parse("extends: [organization, infrastructure]", given).unwrap();
    assert_eq!((earlier.otherwise, earlier.max_reruns), (Action::Leave, Some(2)));
    assert_eq!(names(&earlier).last(), Some(&"theirs"));
}

#[test]
fn what_a_presets_rules_allow_is_bounded_by_what_the_file_does() {
    let often = |policy: &Policy| policy.rules.iter().find(|rule| rule.name == "often rescued").unwrap().max_reruns;
    assert_eq!(often(&preset("careful")), Some(1));
    assert_eq!(often(&policy("extends: careful\nmax_reruns: 0")), Some(0));
    let without = Given { max_reruns: 0, ..Given::from(9) };
    assert_eq!(often(&parse("extends: careful", without).unwrap()), Some(0));
    assert_eq!(often(&parse("extends: careful\nmax_reruns: 5", without).unwrap()), Some(1));
    assert_eq!(often(&Policy::preset(Preset::Careful, 0)), Some(0));
    // The organization's rules may do more than its file, unless this file says how much.
    let theirs = policy("rules: [{ name: theirs, if: { job: a }, then: rerun, max_reruns: 6 }]");
    let given = Given { organization: Organization::Policy(&theirs), max_reruns: 3, ceiling: 9 };
    for (text, expected) in [("extends: organization", 6), ("extends: organization\nmax_reruns: 2", 2)] {
        assert_eq!(parse(text, given).unwrap().rules[0].max_reruns, Some(expected), "{text}");
    }
}

#[test]
fn what_is_wrong_has_its_place() {
    let expected = "expected one or more of everything, infrastructure, careful, organization";
    let none = Organization::None;
    error(
        "extends: carefull",
        none,
        &format!("line 1, column 10: extends: {expected}; found `carefull`; did you mean careful?"),
    );
    error("version: 1\nextends: [careful, x]", none, &format!("line 2, column 20: extends[1]: {expected}; found `x`"));
    error("extends: []", none, &format!("line 1, column 10: extends: {expected}; found an empty list"));
    error("extends: [careful, careful]", none, "line 1, column 20: extends[1]: the same name twice");
    let by_organization = |organization, expected: &str| {
        error("extends: [careful, organization]", organization, &format!("line 1, column 20: extends[1]: {expected}"));
    };
    by_organization(none, "there is no organization's policy file: OWNER/.github has none");
    by_organization(Organization::NotGiven, "the organization's file is not at hand; give it with --organization FILE");
    by_organization(Organization::Itself, "this is the organization's own file");
    by_organization(Organization::Off, "ORGANIZATION_POLICY is off, so that there is no organization's file");
    let errors = parse("version: 1\nmax_rerun: 2", 9).unwrap_err();
    by_organization(
        Organization::Invalid(&errors),
        "the organization's policy file, in OWNER/.github, is not valid: line 2, column 1: max_rerun: no such key; did \
         you mean max_reruns?",
    );
}

#[test]
fn regexes_of_both_files_count() {
    let rules = |name: &str, count: usize| {
        let patterns: Vec<String> = (0..count).map(|n| format!("{name}{n}")).collect();
        format!("rules: [{{ name: {name}, if: {{ log: [{}] }}, then: rerun }}]", patterns.join(", "))
    };
    let theirs = policy(&rules("theirs", 40));
    let given = Given { organization: Organization::Policy(&theirs), ..Given::from(9) };
    let own = |count| parse(&format!("extends: organization\n{}", rules("mine", count)), given);
    let both = own(24).unwrap();
    assert_eq!(both.automata.log.as_ref().map(|set| set.texts.len()), Some(64));
    assert!(own(25).unwrap_err()[0].to_string().contains("more than 64 regexes in one file and what it extends"));
    // They are searched for.
    let world = failed([job(1, "build", "Build")]).annotated(1, &[EXIT]).logged(1, &["theirs39"]);
    assert_eq!(world.reruns(&both).detail.rules, ["theirs"]);
}

#[test]
fn which_files_need_the_organizations() {
    for (text, expected) in [
        ("extends: organization", true),
        ("version: 1\nextends: [careful, 'organization']", true),
        ("extends: careful", false),
        ("rules: [{ name: organization, if: { job: organization }, then: rerun }]", false),
        ("extends: [", false),
        ("", false),
    ] {
        assert_eq!(extends_organization(text), expected, "{text}");
    }
}

fn network() -> World {
    failed([job(1, "test", "Run tests")]).annotated(1, &[EXIT]).logged(1, &RESET)
}

fn with_base(world: &World, fails: bool) -> World {
    let failed_jobs = if fails { ["test".to_owned()].into() } else { [].into() };
    let base = BaseRun { run_id: RunId::new(3), failed_jobs, cut: None };
    World { base: Fetched::Present(base), ..world.clone() }
}

fn rate(world: World, passed: u64, judged: u64) -> World {
    World { rate: Fetched::Present(RescueRate { passed, judged }), ..world }
}

#[track_caller]
fn leaves(world: &World, preset_name: &str, rule: &str) {
    let ending = world.ends(&preset(preset_name));
    let by = ending.detail.jobs.first().and_then(|job| job.rule.as_deref());
    assert_eq!((by.unwrap_or("otherwise"), ending.detail.policy.as_deref()), (rule, Some(preset_name)), "{ending:#?}");
}

#[track_caller]
fn reruns(world: &World, preset_name: &str, rule: &str) {
    let rerun = world.reruns(&preset(preset_name));
    assert_eq!((&rerun.detail.rules[..], rerun.detail.policy.as_deref()), (&[rule.to_owned()][..], Some(preset_name)));
}

#[test]
fn the_preset_infrastructure() {
    reruns(&network(), "infrastructure", "infrastructure");
    let lost = failed([job(1, "test", "Run tests")])
        .annotated(1, &["The hosted runner lost communication with the server. Anything in your workflow that ..."]);
    let rerun = lost.reruns(&preset("infrastructure"));
    assert_eq!(rerun.detail.policy.as_deref(), Some("infrastructure"));
    let compiler = failed([job(1, "test", "Build")]).annotated(1, &[EXIT]).logged(1, &COMPILER);
    leaves(&compiler, "infrastructure", "otherwise");
    leaves(&rate(compiler, 9, 9), "infrastructure", "otherwise");
    // A gate that fails because another job did is not in the way.
    let gate =
        failed([job(1, "test", "Run tests"), job(2, "all-green", "Check")]).annotated(1, &[EXIT]).logged(1, &RESET);
    reruns(&gate, "infrastructure", "infrastructure");
}

#[test]
fn the_preset_careful() {
    let world = with_base(&network(), false);
    reruns(&world, "careful", "infrastructure");
    for (workflow, event, rule) in [
        ("Deploy to production", "push", "deployments and releases run once"),
        ("publish-crate", "push", "deployments and releases run once"),
        ("CI", "merge_group", "the merge queue"),
    ] {
        let mut world = world.clone();
        (world.run.workflow, world.run.event) = (Some(workflow.to_owned()), event.to_owned());
        leaves(&world, "careful", rule);
    }
    // In an outage the base fails as well.
    reruns(&with_base(&world, true), "careful", "infrastructure");
    // A network failure stays one where a tool has put it down to a file.
    let at_source = |world: &World| World { at_source: vec![1], ..world.clone() };
    reruns(&at_source(&world), "careful", "infrastructure");
    let unknown =
        with_base(&failed([job(1, "test", "Run tests")]).annotated(1, &[EXIT]).logged(1, &["what a day"]), false);
    leaves(&unknown, "careful", "otherwise");
    let often = rate(unknown.clone(), 3, 10);
    reruns(&often, "careful", "often rescued");
    leaves(&at_source(&often), "careful", "a compiler or linter spoke");
    leaves(&with_base(&often, true), "careful", "often rescued, but the base fails too");
    leaves(&rate(unknown, 29, 100), "careful", "otherwise");
    let compiler = with_base(&failed([job(1, "test", "Build")]).annotated(1, &[EXIT]).logged(1, &COMPILER), false);
    leaves(&rate(compiler, 9, 9), "careful", "compilers and linters");
}

#[test]
fn careful_reruns_what_is_often_rescued_once() {
    let unknown = failed([job(1, "test", "Run tests")]).annotated(1, &[EXIT]).logged(1, &["what a day"]);
    let mut world = rate(with_base(&unknown, false), 9, 10).attempt(2);
    world.history.attempts = vec![EarlierAttempt {
        run_attempt: RunAttempt::FIRST,
        fingerprint: None,
        partial: false,
        rules: vec!["often rescued".to_owned()],
    }];
    let (decision, _) = world.decide(&preset("careful"));
    assert!(matches!(decision, Decision::End(_)), "{decision:#?}");
}

#[test]
fn careful_reads_the_base_only_for_what_it_would_rerun_for_its_record() {
    let unknown = failed([job(1, "test", "Run tests")]).annotated(1, &[EXIT]).logged(1, &["what a day"]);
    let asks = |world: &World| world.decide(&preset("careful")).1.contains(&Need::Base);
    assert!(!asks(&with_base(&network(), false)));
    assert!(!asks(&with_base(&rate(unknown.clone(), 0, 9), false)));
    assert!(asks(&with_base(&rate(unknown, 8, 9), false)));
}

#[test]
fn a_base_that_cannot_be_read_keeps_nothing_from_being_rerun_that_the_infrastructure_broke() {
    assert!(matches!(network().base, Fetched::Absent(_)));
    reruns(&network(), "careful", "infrastructure");
    // What has no reason to be re-run is not, whatever could not be read.
    let blind = failed([job(1, "test", "Run tests")]);
    leaves(&blind, "careful", "otherwise");
}

#[test]
fn a_decision_says_whose_policy_it_was_made_by() {
    let world = failed([job(1, "test", "Run tests")]);
    assert_eq!(world.reruns(&Policy::default()).detail.policy.as_deref(), Some("repository"));
    let of = |origin| Policy { origin, ..Policy::default() };
    assert_eq!(world.reruns(&of(PolicyOrigin::Organization)).detail.policy.as_deref(), Some("organization"));
    let preset = of(PolicyOrigin::Preset(Preset::Everything));
    assert_eq!(world.reruns(&preset).detail.policy.as_deref(), Some("everything"));
    let mut over = world.clone();
    over.run.conclusion = Some(Conclusion::Success);
    assert_eq!(over.ends(&preset).detail.policy, None, "no policy decided that");
    let broken =
        PolicyState::Invalid { errors: parse("max_rerun: 2", 9).unwrap_err(), origin: PolicyOrigin::Organization };
    let ending = world.ends(&broken.policy());
    assert_eq!(ending.detail.policy.as_deref(), Some("organization"));
    assert!(
        ending.reason.contains("the organization's policy file, in OWNER/.github, is not valid"),
        "{}",
        ending.reason
    );
    assert!(ending.reason.contains("line 1, column 1"), "{}", ending.reason);
}
