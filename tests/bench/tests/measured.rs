//! What `npm run bench` measures of decisions and pages is what it says, and rows read are bounded. The times of so short a turn
//! say nothing.

#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::Value;

fn measured(arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("result.json");
    let bench = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--rounds", "1", "--seconds", "0.05", "--only", "rerunner", "--json"])
        .arg(&result)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[bench.stdout, bench.stderr].concat()).into_owned();
    assert!(bench.status.success(), "{said}");
    serde_json::from_str(&std::fs::read_to_string(result).unwrap()).unwrap()
}

/// Rows that each page may read, however many runs are behind the repository. `None`: no Keeper is asked.
const ROWS: [(&str, Option<u64>); 12] = [
    ("overview of 100 repositories", None),
    ("a repository's page", Some(2_500)),
    ("the same, its rescued runs", Some(2_500)),
    ("a run's page", Some(6)),
    ("API: repositories", None),
    ("API: runs", Some(55)),
    ("API: 100 runs", Some(105)),
    ("API: rescued runs", Some(55)),
    ("API: a run", Some(6)),
    ("API: flaky jobs", Some(2_500)),
    ("API: precision", Some(70)),
    ("metrics", None),
];

/// One after the other, as each bundles the Worker anew. Seen to fail with a policy file that is in error, and
/// with 500 rows for a repository's page.
#[test]
fn decisions_and_pages() {
    let report = measured(&["--case", "annotation, log and cause"]);
    let decisions = report["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 1, "{report:#}");
    assert!(decisions[0]["cpu_milliseconds"][0].as_f64().unwrap() > 0.0, "{report:#}");

    let report = measured(&["--case", "pages", "--runs", "50000"]);
    let rows =
        report["pages"].as_array().unwrap().iter().map(|page| (page["page"].as_str(), page["rows_read"].as_u64()));
    let rows: Vec<_> = rows.map(|(page, rows)| (page.unwrap(), rows)).collect();
    assert_eq!(rows.len(), ROWS.len(), "{rows:?}");
    for ((page, most), (measured, rows)) in ROWS.into_iter().zip(rows) {
        assert_eq!(page, measured);
        assert_eq!(rows.is_some(), most.is_some(), "{page}");
        assert!(rows <= most, "{page}: {rows:?} rows, and {most:?} are allowed");
    }
}
