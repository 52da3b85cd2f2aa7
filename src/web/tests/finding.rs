//! Repositories are found by name and sorted; and all of them are seen as one.

use crate::keeper::insights::{CauseSums, Insights, JobSums};
use crate::keeper::store::statistics::Figures;
use crate::keeper::summary::Summary;
use crate::names::RepoName;
use crate::time::{Millis, Span};
use crate::web::backend::SummaryList;

use super::memory::{Memory, NOW};

/// Rescued and exhausted today; minutes since the last webhook and the last decision.
fn summary(name: &str, rescued: u64, exhausted: u64, webhook: Option<i64>, decision: Option<i64>) -> Summary {
    let figures = Figures { rescued, exhausted, ..Figures::default() };
    let ago = |minutes: Option<i64>| minutes.map(|minutes| NOW.minus(Span::minutes(minutes)));
    Summary {
        last_webhook: ago(webhook),
        last_decision: ago(decision),
        ..Summary::new(RepoName::parse(name).unwrap(), NOW, Default::default(), &[(NOW.day(), figures)])
    }
}

fn get(path: &str, summaries: &[Summary]) -> String {
    let memory = Memory::default();
    *memory.published.borrow_mut() = summaries.to_vec();
    let list = summaries.iter().map(Summary::metadata).collect();
    memory.lists.borrow_mut().push(Ok(SummaryList { summaries: list, cursor: None }));
    let response = memory.get(path);
    assert_eq!(response.status, 200, "{path}");
    response.text()
}

/// The repositories of the table, by their links.
fn rows(page: &str) -> Vec<&str> {
    let rows = page.split("<th class=\"wrap\" scope=\"row\"><a href=\"/overview/acme/").skip(1);
    rows.map(|row| row.split('"').next().unwrap()).collect()
}

/// Seen to fail when the fewest come first.
#[test]
fn repositories_are_found_and_sorted() {
    let all = [
        summary("acme/api", 5, 0, Some(60), Some(90)),
        summary("acme/book", 1, 7, Some(1), None),
        summary("acme/core", 9, 3, None, Some(2)),
        summary("acme/rapid", 0, 0, Some(30), None),
    ];
    for (query, expected) in [
        ("", &["api", "book", "core", "rapid"][..]),
        ("?name=&sort=", &["api", "book", "core", "rapid"]),
        ("?sort=name", &["api", "book", "core", "rapid"]),
        ("?sort=failures", &["book", "core", "api", "rapid"]),
        ("?sort=rescued", &["core", "api", "book", "rapid"]),
        ("?sort=webhook", &["book", "rapid", "api", "core"]),
        ("?sort=decision", &["core", "api", "book", "rapid"]),
        ("?name=API", &["api", "rapid"]),
        ("?name=acme%2Fa", &["api"]),
        ("?name=c*e&sort=rescued", &["core", "api", "book", "rapid"]),
        ("?name=nothing", &[]),
    ] {
        let page = get(&format!("/overview{query}"), &all);
        assert_eq!(rows(&page), expected, "{query}");
        // Its figures are of all repositories.
        assert!(page.contains("Rescued</a></dt><dd><span class=\"figure\">15</span>"), "{query}");
    }
    let page = get("/overview?name=%3Cscript%3E&sort=webhook", &all);
    assert!(page.contains("contains <bdi>&lt;script&gt;</bdi>") && page.contains("value=\"&lt;script&gt;\""), "{page}");
    assert!(page.contains("<option value=\"webhook\" selected>"), "{page}");
    for bad in ["sort=best", "name=%01"] {
        let refused = Memory::default().get(&format!("/overview?{bad}"));
        let named = refused.text().contains(bad.split('=').next().unwrap());
        assert_eq!((refused.status, named), (400, true), "{bad}");
    }
}

fn causes(of: &[(&str, &[u64])]) -> CauseSums {
    CauseSums(of.iter().map(|(cause, weeks)| ((*cause).to_owned(), weeks.to_vec())).collect())
}

fn job(name: &str, reruns: u64, passed: u64) -> JobSums {
    JobSums { job: name.to_owned(), failed: reruns, reruns, passed, last_seen: Millis(NOW.0 - 1), ..JobSums::default() }
}

/// Seen to fail when what is not known is sorted by its number, when a repository counts for weeks without a failure ("2 in 2
/// repositories"), when what failed most often is the first, and when one repository alone is read, and when weeks are counted from the oldest.
#[test]
fn all_are_seen_as_one() {
    let with = |summary: Summary, of: CauseSums, flaky: Vec<JobSums>, never_helped: Vec<JobSums>| Summary {
        causes: of,
        insights: Some(Insights { flaky, never_helped }),
        ..summary
    };
    let all = [
        with(
            summary("acme/api", 5, 0, None, None),
            causes(&[("network", &[40, 2]), ("test", &[2]), ("unknown", &[90])]),
            vec![job("browser", 12, 4)],
            vec![job("<b>deploy</b>", 6, 0)],
        ),
        with(
            summary("acme/book", 1, 7, None, None),
            causes(&[("network", &[1]), ("test", &[0, 3])]),
            vec![job("spell", 9, 8)],
            vec![],
        ),
        // By the version before.
        summary("acme/core", 9, 3, None, None),
    ];
    let page = get("/insights", &all);
    let text = page.replace("</span>", "").replace("<span class=\"small\">", "");
    let network = text.split("network ").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(
        network.contains(">41 in 2 repositories</td><td data-label=\"8 to 14 days ago\">2 in 1 repository</td>"),
        "{network}"
    );
    let test = text.split(">test<").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(test.contains(">2 in 1 repository</td>") && test.contains(">3 in 1 repository</td>"), "{test}");
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    assert!(
        place("network ") < place(">test<") && place(">test<") < place("not known"),
        "what is not known is the last"
    );
    assert!(place("<bdi>spell</bdi>") < place("<bdi>browser</bdi>"), "what passed most often is the first");
    assert!(place("8 of 9") < place("never-helped") && place("never-helped") < place("0 of 6"), "{text}");
    assert!(text.contains("<bdi>&lt;b&gt;deploy&lt;/b&gt;</bdi>"), "{text}");
    // The same as JSON.
    let json: serde_json::Value = serde_json::from_str(&get("/api/v1/insights", &all)).unwrap();
    let causes: Vec<_> = json["causes"].as_array().unwrap().iter().map(|it| &it["cause"]).collect();
    assert_eq!(causes, ["network", "test", "unknown"]);
    let week = |n: usize| {
        (json["causes"][0]["weeks"][n]["attempts"].as_u64(), json["causes"][0]["weeks"][n]["repositories"].as_u64())
    };
    assert_eq!((week(0), week(1), week(2)), ((Some(41), Some(2)), (Some(2), Some(1)), (Some(0), Some(0))));
    assert_eq!((&json["causes"][0]["infrastructure"], &json["repositories"]), (&true.into(), &3.into()));
    let flaky = &json["flaky_jobs"];
    assert_eq!((&flaky[0]["job"], &flaky[0]["repository"]), (&"spell".into(), &"acme/book".into()));
    assert_eq!((&flaky[1]["passed"], &json["never_helped"][0]["rescue_rate"]["permille"]), (&4.into(), &0.into()));
    let none = get("/insights", &[summary("acme/api", 0, 0, None, None)]);
    assert!(
        none.contains("No failed attempt was recorded in the last four weeks") && none.contains("No job passed on"),
        "{none}"
    );
}
