//! The organization's policy file: where it holds, when it is read, and what its faults come to.

use super::*;
use crate::policy::PolicyState;
use crate::settings::Preset;

/// In a repository with this file, or none, of an organization with this one.
fn play(own: Option<&str>, organizations: Option<&str>) -> Play {
    let play = Play::with_policy("");
    play.github.borrow_mut().file = own.map(str::to_owned);
    play.github.borrow_mut().organizations_file = organizations.map(str::to_owned);
    play.keeper.set_repository(&repository()).unwrap();
    play
}

fn reads(play: &Play) -> usize {
    let github = play.github.borrow();
    github.calls.iter().filter(|call| matches!(call, Call::ReadOrganizationPolicy { .. })).count()
}

fn fails(play: &Play, attempt: u32) {
    play.ends(Conclusion::Failure);
    play.on_webhook(RunEventKind::RunFailed, Some(attempt));
    play.pass_working(Span::seconds(6));
}

fn by(play: &Play) -> Option<String> {
    let (_, records) = play.keeper.run(run_id()).unwrap().unwrap();
    records.last().unwrap().detail.clone().unwrap_or_default().policy
}

#[test]
fn it_holds_where_the_repository_has_none_or_extends_it() {
    for (own, reruns, whose, asked) in [
        (None, &[][..], "organization", 1),
        (Some("extends: organization\n"), &[], "repository", 1),
        (Some("extends: organization\nmax_reruns: 2\n"), &[1], "repository", 1),
        (Some("max_reruns: 2\n"), &[1], "repository", 0),
        (Some(""), &[1], "repository", 0),
    ] {
        let play = play(own, Some("max_reruns: 0\n"));
        fails(&play, 1);
        play.reruns(reruns);
        assert_eq!((by(&play).as_deref(), reads(&play)), (Some(whose), asked), "{own:?}");
        assert!(play.warnings.borrow().is_empty(), "{:?}", play.warnings.borrow());
    }
}

#[test]
fn without_any_file_the_preset_of_the_settings_holds() {
    for (preset, expected) in [(Preset::Everything, &[1][..]), (Preset::Infrastructure, &[])] {
        let mut play = play(None, None);
        play.settings.default_policy = preset;
        fails(&play, 1);
        play.pass_working(Span::minutes(20));
        play.reruns(expected);
        assert_eq!(by(&play).as_deref(), Some(preset.as_str()));
    }
}

#[test]
fn it_is_read_every_five_minutes_and_a_change_holds_then() {
    let play = play(None, Some("max_reruns: 1\n"));
    fails(&play, 1);
    play.github.borrow_mut().organizations_file = Some("max_reruns: 2 # more\n".to_owned());
    play.pass_working(Span::minutes(4));
    assert_eq!(reads(&play), 1);
    play.pass_working(Span::minutes(1));
    fails(&play, 2);
    play.reruns(&[1, 2]);
    let github = play.github.borrow();
    let etags: Vec<bool> = (github.calls.iter())
        .filter_map(
            |call| if let Call::ReadOrganizationPolicy { etag, .. } = call { Some(etag.is_some()) } else { None },
        )
        .collect();
    assert_eq!(etags, [false, true], "GitHub is asked whether it has changed");
}

#[test]
fn that_there_is_none_is_not_asked_for_each_time() {
    let play = play(None, None);
    for attempt in 1..=3 {
        fails(&play, attempt);
    }
    assert_eq!(reads(&play), 1);
}

#[test]
fn a_broken_one_reruns_nothing_where_it_would_hold_and_says_whose_it_is() {
    for own in [None, Some("extends: organization\n")] {
        let play = play(own, Some("version: 1\nmax_rerun: 3\n"));
        fails(&play, 1);
        play.reruns(&[]);
        let reason = play.tracked().reason;
        for part in ["the organization's policy file, in OWNER/.github,", "line 2, column 1", "max_reruns?"] {
            assert!(reason.contains(part), "{reason}");
        }
        let warnings = play.warnings.take();
        assert!(warnings.len() == 1 && warnings[0].contains("OWNER/.github"), "{warnings:?}");
        let view = play.keeper.policy(&play.settings).unwrap();
        assert!(view.stops(&play.settings).unwrap().contains("OWNER/.github"));
    }
    // Where it would not hold, nobody hears of it.
    let play = play(Some("max_reruns: 1\n"), Some("max_rerun: 3\n"));
    fails(&play, 1);
    play.reruns(&[1]);
    assert!(play.warnings.borrow().is_empty());
}

#[test]
fn extending_one_that_is_not_there_is_an_error() {
    let play = play(Some("version: 1\nextends: organization\n"), None);
    fails(&play, 1);
    play.reruns(&[]);
    let reason = play.tracked().reason;
    assert!(reason.contains("line 2, column 10") && reason.contains("OWNER/.github has none"), "{reason}");
    // It comes into being.
    play.github.borrow_mut().organizations_file = Some("max_reruns: 3\n".to_owned());
    play.github.borrow_mut().attempt = 2;
    play.pass(Span::minutes(5));
    fails(&play, 2);
    play.reruns(&[2]);
}

#[test]
fn organizations_can_be_switched_off() {
    let mut play = play(None, Some("max_reruns: 0\n"));
    play.settings.organization_policy = false;
    fails(&play, 1);
    play.reruns(&[1]);
    assert_eq!(reads(&play), 0);
}

#[test]
fn the_organizations_repository_has_it_as_its_own() {
    let play = Play::with_policy("max_reruns: 0\n");
    play.keeper.set_repository(&RepoName::parse("octo/.github").unwrap()).unwrap();
    fails(&play, 1);
    play.reruns(&[]);
    assert_eq!((by(&play).as_deref(), reads(&play)), (Some("repository"), 0));
    play.github.borrow_mut().file = Some("extends: organization\n".to_owned());
    play.github.borrow_mut().attempt = 2;
    play.pass(Span::minutes(5));
    fails(&play, 2);
    assert!(play.tracked().reason.contains("the organization's own file"), "{}", play.tracked().reason);
}

#[test]
fn nothing_is_decided_without_it_because_of_a_fault_that_passes() {
    for problem in [lost(), github::Error::RateLimited { wait: Some(Span::minutes(1)) }] {
        let play = play(None, Some("max_reruns: 0\n"));
        play.github.borrow_mut().organizations_answers = vec![Err(problem); 3];
        play.on_webhook(RunEventKind::RunFailed, Some(1));
        play.pass_working(Span::seconds(6));
        assert_eq!(play.github.borrow().reads, 0, "it waits");
        play.pass_working(Span::hours(2));
        play.reruns(&[]);
        play.stands(RunOutcome::Left, 0);
    }
}

#[test]
fn what_is_known_of_it_holds_while_github_does_not_answer_and_over_a_restart() {
    let first = play(None, Some("max_reruns: 1\n"));
    fails(&first, 1);
    let Play { keeper, now, github, settings, .. } = first;
    let keeper = Keeper { policy_path: Some(policy_path()), ..Keeper::open(keeper.store.sql).unwrap() };
    let policy = keeper.policy(&settings).unwrap();
    assert!(matches!(&policy.state, PolicyState::Valid(policy) if policy.max_reruns == Some(1)));
    let play = Play { keeper, now, github, settings, ..Play::new() };
    play.pass(Span::minutes(6));
    play.github.borrow_mut().organizations_answers = vec![Err(lost()); 10];
    fails(&play, 2);
    play.stands(RunOutcome::Exhausted, 1);
}

#[test]
fn where_it_may_not_be_read_there_is_none() {
    let denied = github::Error::Refused { message: "403 no".to_owned() };
    let no_repository = github::Error::Repository { message: "451 gone".to_owned() };
    for problem in [denied, no_repository] {
        let play = play(None, Some("max_reruns: 0\n"));
        play.github.borrow_mut().organizations_answers = vec![Err(problem)];
        fails(&play, 1);
        play.reruns(&[1]);
        assert!(play.keeper.trouble().unwrap().is_none());
        let warnings = play.warnings.borrow();
        assert!(warnings.len() == 1 && warnings[0].contains("OWNER/.github"), "{warnings:?}");
    }
}

#[test]
fn one_that_vanishes_holds_until_it_was_missing_twice() {
    let play = play(None, Some("max_reruns: 1\n"));
    fails(&play, 1);
    play.pass_working(Span::minutes(6));
    play.github.borrow_mut().organizations_file = None;
    fails(&play, 2);
    play.stands(RunOutcome::Exhausted, 1);
    // It was only not shown.
    play.github.borrow_mut().organizations_file = Some("max_reruns: 1\n".to_owned());
    play.github.borrow_mut().attempt = 3;
    play.pass_working(Span::minutes(2));
    fails(&play, 3);
    play.github.borrow_mut().organizations_file = None;
    for (attempt, gap, reruns) in
        [(4, Span::minutes(6), &[1][..]), (5, Span::minutes(4), &[1]), (6, Span::minutes(2), &[1])]
    {
        play.pass_working(gap);
        play.github.borrow_mut().attempt = attempt;
        fails(&play, attempt);
        play.reruns(reruns);
    }
    let mut play = play;
    play.settings.max_reruns = 9;
    play.github.borrow_mut().attempt = 7;
    play.pass_working(Span::minutes(1));
    fails(&play, 7);
    play.reruns(&[1, 7]);
    assert_eq!(by(&play).as_deref(), Some("everything"));
}

#[test]
fn its_answer_says_nothing_of_the_repository() {
    assert!(!Response::OrganizationPolicy(Ok(FetchedPolicy::NotModified)).shows_repository());
    assert!(Response::Policy(Ok(FetchedPolicy::NotModified)).shows_repository());
}
