//! What failed and how, so that two attempts can be told to have failed in the same way.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::policy::evidence::{Evidence, Job, exit_code};

/// Of one job.
const MOST_ANNOTATIONS: usize = 20;
const LONGEST_ANNOTATION: usize = 500;

/// The same for the same jobs that failed at the same steps with the same exit codes and annotations, whatever numbers,
/// hashes, paths and times the annotations speak of.
pub fn fingerprint(failed: &[&Job], evidence: &Evidence) -> String {
    let jobs: BTreeSet<Vec<String>> = failed.iter().map(|job| of_job(job, evidence)).collect();
    let mut hash = Sha256::new();
    for part in jobs.iter().flat_map(|job| job.iter().map(String::as_str).chain(["\u{1}"])) {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut hex = hex::encode(hash.finalize());
    hex.truncate(16);
    hex
}

fn of_job(job: &Job, evidence: &Evidence) -> Vec<String> {
    let messages = evidence.messages_of(job);
    let mut parts = vec![job.name.clone()];
    parts.extend(job.failed_steps().map(|step| format!("step {}", step.name)));
    parts.extend(exit_code(messages).map(|code| format!("exit {code}")));
    let normal: BTreeSet<String> = messages.iter().take(MOST_ANNOTATIONS).map(|text| normalise(text)).collect();
    parts.extend(normal);
    parts
}

/// Puts `#` for what differs from one time to the next: numbers with their units, hashes, ids, paths and addresses.
fn normalise(message: &str) -> String {
    let message: String = message.chars().take(LONGEST_ANNOTATION).collect();
    message.split_whitespace().map(normal_word).collect::<Vec<_>>().join(" ")
}

fn normal_word(word: &str) -> String {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '\\' | '.' | '~'));
    let is_path = inner.chars().any(|c| matches!(c, '/' | '\\')) && inner.chars().count() > 1;
    let is_id = inner.len() >= 8
        && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        && inner.bytes().any(|b| b.is_ascii_digit());
    if is_path || is_id {
        return word.replacen(inner, "#", 1);
    }
    let mut normal = String::new();
    let mut run = String::new();
    for c in word.chars().chain(['\0']) {
        if c.is_alphanumeric() {
            run.push(c);
            continue;
        }
        normal.push_str(if varies(&run) { "#" } else { &run });
        run.clear();
        // 1.5, 12:30 and 1-2 are one number.
        if c != '\0' && !(normal.ends_with('#') && matches!(c, '.' | ':' | '-' | ',')) {
            normal.push(c);
        }
    }
    while normal.contains("##") {
        normal = normal.replace("##", "#");
    }
    normal
}

/// Whether a run of letters and digits is a number, a duration or a hash rather than a word.
fn varies(run: &str) -> bool {
    let has_digit = run.chars().any(|c| c.is_ascii_digit());
    let is_hex = run.len() >= 8 && run.bytes().all(|b| b.is_ascii_hexdigit());
    let starts_with_digit = run.starts_with(|c: char| c.is_ascii_digit());
    is_hex || starts_with_digit || (has_digit && run.len() >= 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_time_to_time_is_left_out() {
        for (one, other) in [
            ("Timed out after 12 minutes", "Timed out after 7 minutes"),
            ("took 1m30s, limit 1.5s", "took 59s, limit 12.25s"),
            ("at 0x7ffe12a4", "at 0xdeadbeef"),
            ("container 3f2a9b1c77de exited", "container a81b0c22fe01 exited"),
            ("no file '/home/runner/work/a/b.rs'", "no file '/tmp/x/y'"),
            (r"C:\a\b.txt is missing", r"D:\tmp\c is missing"),
            ("id 6ba7b810-9dad-11d1-80b4-00c04fd430c8", "id 123e4567-e89b-12d3-a456-426614174000"),
            ("2026-11-24T10:00:00Z boom", "2026-11-24T11:59:59.123Z boom"),
        ] {
            assert_eq!(normalise(one), normalise(other));
        }
        for (one, other) in [
            ("Timed out after 12 minutes", "Killed after 12 minutes"),
            ("test_login failed", "test_logout failed"),
            ("utf8 error", "utf16 error"),
        ] {
            assert_ne!(normalise(one), normalise(other));
        }
        assert_eq!(normalise("job on x86 took 3 s (limit: 2.5)"), "job on x86 took # s (limit: #)");
    }
}
