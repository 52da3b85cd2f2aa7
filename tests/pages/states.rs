//! Further states of the pages: what is refused, what is not found, what is held, and all repositories seen as one.

use rerunner::keeper::insights::{CauseSums, Insights, JobSums};
use rerunner::keeper::run_filter::RunFilter;
use rerunner::keeper::run_page::RunPageView;
use rerunner::keeper::views::{DecisionView, RepositoryView};
use rerunner::names::{RepoName, RunAttempt};
use rerunner::policy::{Detail, RunOutcome};
use rerunner::settings::Settings;
use rerunner::time::Span;
use rerunner::web::Rejection;
use rerunner::web::insights::{AllInsights, Jobs};
use rerunner::web::pages::{self, RunList};
use rerunner::web::rejection::{Form, Meant};

use super::{NOW, ago, dry, entry, find, fine, list, one_run, repository, run};

pub fn pages() -> Vec<(&'static str, String)> {
    let refused = RepositoryView {
        credentials_refused: Some("401 Bad credentials".to_owned()),
        repository_problem: Some("404 not found: the token has no access to acme/website".to_owned()),
        ..repository(2, 9)
    };
    let found_none =
        RepositoryView { runs: vec![], looked_through: Some(1_234), next_cursor: None, ..repository(2, 0) };
    let filter = RunFilter {
        workflow: Some("release*".to_owned()),
        branch: Some("main".to_owned()),
        cause: Some("network".to_owned()),
        since: Some(NOW.day() - 7),
        ..RunFilter::default()
    };
    let filtered = RunList { outcome: Some(RunOutcome::Exhausted), filter, ..list() };
    let found_some =
        RepositoryView { looked_through: Some(1_000), next_cursor: Some("1".to_owned()), ..repository(2, 12) };
    let none = Jobs { of: vec![], more: 0 };
    let entries = [entry("acme/handbook", 0)];
    let by_name = pages::Find { name: Some("web".to_owned()), ..find() };
    let no_name = pages::Find { name: Some("nobody".to_owned()), ..find() };
    let all =
        [("acme/website", 3), ("acme/database", 1), ("acme/compiler", 12)].map(|(name, scale)| entry(name, scale));
    let mut pages = vec![
        ("overview-dry", pages::overview(&left_alone(), &dry(), &find(), None, NOW)),
        ("repository-dry", pages::repository(&repository(2, 9), &list(), &dry())),
        ("run-dry", pages::run(&one_run(), &dry())),
        ("home-not-set-up", pages::home(&Settings::read(|_| None))),
        ("overview-found", pages::overview(&all, &fine(), &by_name, None, NOW)),
        ("overview-not-found", pages::overview(&all, &fine(), &no_name, None, NOW)),
        ("repository-refused", pages::repository(&refused, &list(), &fine())),
        ("repository-found", pages::repository(&found_some, &filtered, &fine())),
        ("repository-not-found", pages::repository(&found_none, &filtered, &fine())),
        ("run-rescued", pages::run(&rescued_run(), &fine())),
        ("run-held", pages::run(&held_run(), &fine())),
        ("insights", insights()),
        ("insights-empty", pages::insights(&AllInsights::of(&entries, &none, None), NOW)),
    ];
    let rejections = [
        ("error-400", Rejection::BadRequest("unknown parameter: colour (expected: cursor, name, sort)".to_owned())),
        ("error-400-value", Rejection::BadRequest("since: expected a date such as 2026-11-23".to_owned())),
        ("error-401", Rejection::NoCredentials),
        ("error-401-wrong", Rejection::WrongCredentials),
        ("error-403", Rejection::NoAdminToken),
        ("error-403-access", Rejection::WrongAssertion),
        ("error-403-site", Rejection::CrossSite),
        ("error-404", Rejection::NoSuchPath(Meant::Path("/overview/acme/website".to_owned()))),
        ("error-404-nothing", Rejection::NotFound("there is nothing at this path; webhooks go to /")),
        ("error-429", Rejection::too_many_attempts(Span::seconds(272))),
        ("error-502", Rejection::BadGateway("GitHub did not answer within 10 s".to_owned())),
        ("error-503", Rejection::unavailable("the Keeper", "overloaded")),
    ];
    for (name, rejection) in rejections {
        pages.push((name, String::from_utf8(rejection.response(Form::Page).body).unwrap()));
    }
    pages
}

/// As it is some days after a dry run has begun.
fn left_alone() -> [rerunner::web::repositories::RepositoryEntry; 3] {
    let mut entries = ["acme/website", "acme/database", "acme/handbook"].map(|name| entry(name, 0));
    entries[0].totals.left = 3;
    entries[1].totals.left = 4;
    entries
}

fn rescued_run() -> RunPageView {
    let mut view = one_run();
    view.one.run = run(2);
    let decided = ago(Span::minutes(40));
    view.one.decisions.truncate(1);
    view.one.decisions.push(DecisionView {
        run_attempt: RunAttempt::new(2),
        decided,
        outcome: RunOutcome::Rescued,
        reason: "Attempt 2 succeeded.".to_owned(),
        detail: Detail::default(),
    });
    view
}

fn held_run() -> RunPageView {
    let mut view = one_run();
    view.one.run = run(9);
    view.one.run.reason = "Held: many runs fail with npm-network. A probe is under way.".to_owned();
    view.one.decisions.truncate(1);
    view.one.decisions[0].outcome = RunOutcome::Waiting;
    view.one.decisions[0].reason.clone_from(&view.one.run.reason);
    view
}

fn insights() -> String {
    let mut entries = [("acme/website", 3), ("acme/database", 1), ("acme/compiler", 12), ("acme/handbook", 0)]
        .map(|(name, scale)| entry(name, scale));
    let causes = |all: &[(&str, &[u64])]| {
        CauseSums(all.iter().map(|(name, weeks)| ((*name).to_owned(), weeks.to_vec())).collect())
    };
    entries[0].causes = causes(&[("network", &[41, 12, 3]), ("rate_limit", &[2]), ("unknown", &[30, 28, 31, 20])]);
    entries[1].causes = causes(&[("network", &[9, 0, 1, 2]), ("test", &[12, 9, 14, 10])]);
    entries[2].causes = causes(&[("network", &[7]), ("resources", &[0, 0, 5])]);
    let job = |job: &str, step: &str, failed: u64, reruns: u64, passed: u64| JobSums {
        workflow: "tests".to_owned(),
        job: job.to_owned(),
        step: step.to_owned(),
        failed,
        reruns,
        passed,
        last_seen: ago(Span::hours(3)),
        last_run_id: 19_400_000_000,
    };
    let of = |name: &str, flaky, never_helped| (RepoName::parse(name).unwrap(), Insights { flaky, never_helped });
    let jobs = Jobs {
        of: vec![
            of(
                "acme/website",
                vec![
                    job("browser tests", "Run browser tests", 40, 38, 31),
                    job("test (ubuntu-24.04, 3.12, postgres)", "Run pytest", 12, 9, 4),
                ],
                vec![job("lint", "Check the formatting", 17, 14, 0)],
            ),
            of("acme/compiler", vec![job("replication", "", 3, 3, 1)], vec![job("docs", "Build", 9, 9, 0)]),
        ],
        more: 7,
    };
    pages::insights(&AllInsights::of(&entries, &jobs, Some("AAAA".to_owned())), NOW)
}
