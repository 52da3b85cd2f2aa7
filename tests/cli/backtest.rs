//! `backtest`: how runs are counted. What it finds in a month of them is in `tests/backtest.rs`.

use serde_json::json;

use super::{POLICY, job, rerunner, run};

#[test]
fn backtest_counts_what_would_have_been() {
    // Two answers one after the other, as `gh api --paginate` prints them; a page of jobs among them.
    let runs = [
        json!({ "total_count": 4, "workflow_runs": [run(1, 2, "success"), run(2, 2, "failure")] }),
        json!([{ "workflow_runs": [run(3, 1, "failure"), run(4, 1, "success"), run(5, 1, "failure")] }]),
        json!({ "jobs": [
            job(10, 1, 1, "build", "Fetch", "failure"),
            job(11, 1, 2, "build", "Fetch", "success"),
            job(20, 2, 1, "build", "Fetch", "failure"),
            job(21, 2, 2, "build", "Fetch", "failure"),
            job(50, 5, 1, "test", "Run tests", "failure"),
        ] }),
    ];
    let runs: String = runs.iter().map(|page| format!("{page:#}\n")).collect();
    let files = [("runs.json", runs.as_str()), ("p.yml", POLICY), ("once.yml", "budget: { reruns_per_day: 1 }")];
    let ran = rerunner(&files, "", &["backtest", "--policy", "p.yml", "runs.json", "--json"]);
    let json = ran.json();
    let expected = json!({
        "failed": 5, "rerun": 3, "later_passed": 1, "later_failed": 1, "not_known": 1, "left": 2, "runner_minutes": 12
    });
    assert_eq!((&json["total"], &json["workflows"]["ci"]), (&expected, &expected), "{json:#}");
    let ran = rerunner(&files, &runs, &["backtest", "--policy", "p.yml", "-", "--verbose"]);
    assert!(ran.out.contains("Of the 2 whose next attempts are known, 50% passed later."), "{}", ran.out);
    assert!(
        ran.out.contains("leave   5 attempt 1  ci: Left alone: job \"test\" failed at step \"Run tests\""),
        "{}",
        ran.out
    );
    // Of the third run, the jobs are not known, and one may be the author's.
    assert!(
        ran.out
            .contains("leave   3 attempt 1  ci: Left alone: attempt 1 failed, and rule \"tests\" may say to leave it"),
        "{}",
        ran.out
    );
    let line = ran.out.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(line, ["ci", "5", "3", "1", "1", "1", "2", "12"]);
    // The budget is kept over all of them.
    let ran = rerunner(&files, "", &["backtest", "--policy", "once.yml", "runs.json", "--json"]);
    assert_eq!(ran.json()["total"]["rerun"], 1);
}
