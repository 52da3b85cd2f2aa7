//! `catalogue` and `schema`: what is known of failures, and of policy files.

use serde_json::json;

use super::rerunner;

#[test]
fn schema_prints_the_one_in_the_repository() {
    let ran = rerunner(&[], "", &["schema"]);
    assert_eq!(ran.out, include_str!("../../docs/rerunner.schema.json"));
}

#[test]
fn the_catalogue_is_listed() {
    let ran = rerunner(&[], "", &["catalogue"]);
    assert!(
        ran.code == 0 && ran.out.contains("registry (infrastructure):\n") && ran.out.contains("npm-network"),
        "{}",
        ran.out
    );
    let json = rerunner(&[], "", &["catalogue", "--json"]).json();
    let entries = json["entries"].as_array().unwrap();
    assert!(entries.len() >= 150, "{} entries", entries.len());
    let entry = entries.iter().find(|entry| entry["id"] == "runner-lost").unwrap();
    let expected = json!({
        "id": "runner-lost",
        "class": "runner",
        "infrastructure": true,
        "tool": "GitHub Actions runner",
        "log": true,
        "annotation": true,
    });
    assert_eq!(*entry, expected);
}

#[test]
fn the_catalogue_is_measured() {
    let row = |id: &str, label: &str, hard: bool, log: &str| {
        json!({ "id": id, "label": label, "hard": hard, "log": log, "anything": 1 }).to_string()
    };
    let rows = [
        row("found", "infra", false, "npm error code ECONNRESET"),
        row("missed", "infra", false, "no luck today"),
        row("without a sign", "infra", true, "no luck today"),
        row("real", "real", false, "error[E0308]: mismatched types"),
        row("taken", "real", true, "Error: read ECONNRESET"),
        row("flaky", "flaky", false, "--- FAIL: TestTotal (0.00s)"),
    ];
    let rows = rows.join("\n\n") + "\n";
    let measured = rerunner(&[("rows.jsonl", &rows)], "", &["catalogue", "measure", "rows.jsonl", "--json"]).json();
    assert_eq!(measured["rows"], 6);
    assert_eq!(measured["infra"]["plain"], json!({ "rows": 2, "recall": 0.5, "precision": 1.0 }));
    assert_eq!(measured["infra"]["hard"], json!({ "rows": 1, "recall": 0.0, "precision": 0.0 }));
    assert_eq!(measured["real"]["plain"], json!({ "rows": 1, "taken_for_infrastructure": 0.0 }));
    assert_eq!(measured["real"]["hard"], json!({ "rows": 1, "taken_for_infrastructure": 1.0 }));
    assert_eq!(measured["flaky"]["hard"], json!({ "rows": 0, "taken_for_infrastructure": null }));
    assert_eq!(measured["classes"]["registry"], json!({ "infra": 1, "flaky": 0, "real": 0, "precision": 1.0 }));
    let wrong: Vec<_> = measured["wrong"].as_array().unwrap().iter().map(|row| (&row["id"], &row["cause"])).collect();
    assert_eq!(wrong, [(&json!("missed"), &json!(null)), (&json!("taken"), &json!("node-sockets"))]);

    let ran = rerunner(&[], &rows, &["catalogue", "measure", "-"]);
    assert!(
        ran.out.contains("50.0% (1 of 2)") && ran.out.contains("taken (real, hard): node-sockets at line 1"),
        "{}",
        ran.out
    );
}

#[test]
fn what_cannot_be_measured_is_named_by_its_line() {
    let row = r#"{"id":"a","label":"infra","log":"x"}"#;
    for (rows, said) in [
        (format!("{row}\n\n{{"), "error: rows.jsonl:3: not a failure with its kind: EOF"),
        (
            format!("{row}\n{}", row.replace("infra", "unsure")),
            "rows.jsonl:2: not a failure with its kind: unknown variant",
        ),
        (row.replace("log", "text"), "rows.jsonl:1: not a failure with its kind: missing field `log`"),
        ("\n".to_owned(), "rows.jsonl: has no line"),
    ] {
        let ran = rerunner(&[("rows.jsonl", &rows)], "", &["catalogue", "measure", "rows.jsonl"]);
        assert!(ran.code == 2 && ran.err.contains(said), "{} {}", ran.out, ran.err);
    }
    let ran = rerunner(&[], "", &["catalogue", "measure", "nothere.jsonl"]);
    assert!(ran.code == 2 && ran.err.contains("nothere.jsonl cannot be read"), "{}", ran.err);
}
