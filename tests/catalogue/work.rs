//! How much work it takes.

use std::time::Instant;

use rerunner::policy::catalogue::{Log, entries, find};
use rerunner::policy::evidence::WORK;

/// Of the logs that one decision reads.
const LOGS: usize = 12;
const LINES: usize = 500;
const LINE_BYTES: usize = 2_000;

/// What is left of a decision's work after so many logs, each with these lines.
fn left_after(logs: usize, mut line: impl FnMut(usize) -> String) -> Option<u64> {
    let mut left = WORK;
    for log in 0..logs {
        let lines: Vec<String> = (0..LINES).map(|at| line(log * LINES + at)).collect();
        find(&[], Log { first_line: 1, lines: &lines }, &mut left).ok()?;
    }
    Some(left)
}

fn characters(random: &mut fastrand::Rng) -> String {
    (0..LINE_BYTES).map(|_| random.char(' '..='~')).collect()
}

/// As logs have: words with numbers and signs between them.
fn words(random: &mut fastrand::Rng) -> String {
    let words = [
        "error",
        "build",
        "test",
        "Running",
        "src/main.rs:",
        "failed",
        "to",
        "connection",
        "0x",
        "WARN",
        "npm",
        "the",
        "download",
        "->",
        "{",
        "}",
        "exit",
        "code",
        "http",
        "status",
        "timeout",
        "at",
        "in",
        "FAILED",
        "[INFO]",
    ];
    let mut line = String::new();
    while line.len() < LINE_BYTES {
        line.push_str(words[random.usize(..words.len())]);
        line.push_str(&random.u32(..100_000).to_string());
        line.push(' ');
    }
    line.truncate(LINE_BYTES);
    line
}

/// The largest logs of varied text leave the greater part of a decision's work to its policy; also if every second word is
/// one that errors are told with.
#[test]
fn the_largest_logs() {
    for (what, line, part) in [("characters", characters as fn(&mut _) -> _, 8), ("words", words, 2)] {
        let mut random = fastrand::Rng::with_seed(7);
        let began = Instant::now();
        let left = left_after(LOGS, |_| line(&mut random)).unwrap();
        println!("{what}: {} steps, {:?} with making the text", WORK - left, began.elapsed());
        assert!(WORK - left < WORK / part, "{what}: {} steps", WORK - left);
    }
}

/// Whatever stands in a log, the work ends with what may be spent, and in the time that it stands for.
#[test]
fn text_that_is_made_to_be_slow() {
    let table = include_str!("../../src/policy/catalogue/table.txt");
    let patterns: Vec<&str> = table.lines().filter(|line| line.contains(['*', '{'])).collect();
    let began = Instant::now();
    // Much of many patterns in each line, without most of the ends that would make it a match.
    let line = |at: usize| {
        let some = patterns.iter().cycle().skip(at * 37 % patterns.len()).take(60);
        let mut line: String = some.flat_map(|pattern| pattern.split(['*', '#', '{', '}', '|', '^', '$'])).collect();
        while !line.is_char_boundary(LINE_BYTES.min(line.len())) {
            line.pop();
        }
        line.truncate(LINE_BYTES);
        line
    };
    let left = left_after(LOGS, line);
    println!("made to be slow: {:?} left, {:?}", left, began.elapsed());
    assert!(began.elapsed().as_secs() < 60);
}

#[test]
fn nothing_is_found_in_nothing() {
    let mut left = WORK;
    assert_eq!(find(&[String::new()], Log { first_line: 1, lines: &[] }, &mut left), Ok(None));
    assert!(!entries().is_empty());
}
