//! What a decision costs at the worst: a policy and logs that are as hard to search as those that are accepted can be. The first
//! decision of a process is measured: the webhooks, the reads, the search.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use simulator::{EventKinds, Job, Outcome, Workflow};

use crate::cases::Case;
use crate::decisions::{Decision, Scene};
use crate::requests::Template;
use crate::subject::{Place, Subject};

pub const NAME: &str = "worst-decision";

/// Lines of a log that are kept, and characters of each.
const LINES: usize = 500;
const CHARACTERS: usize = 2_000;
/// With the run, its jobs and the policy, there are 25 calls in a decision, and a log takes two.
const JOBS: usize = 12;
/// Of as many as are read, so that logs are read of some and annotations alone of others.
const MANY_JOBS: usize = 50;
/// What asks for everything that can be asked for, each in a rule of its own, and holds for none of these jobs.
const JUDGEMENT: [&str; 6] = [
    "cause: permission",
    "rescue_rate: '> 99'",
    "base_failed: true",
    "source_annotation: true",
    "annotation: 'no such annotation'",
    "lost_runner: true",
];

/// What is searched for and in what.
struct Attack {
    name: &'static str,
    regexes: fn() -> Vec<String>,
    /// Of rules beside the one with the regexes.
    conditions: &'static [&'static str],
    jobs: usize,
    /// What logs are made of.
    of: Text,
}

enum Text {
    /// These, as if by chance.
    Bytes(&'static [u8]),
    /// Again and again: words with which entries of the catalogue begin.
    Repeated(&'static str),
}

const WORDS: &[u8] = b"aabcdefghijklmnopqrstuvwxyz      ";

const ATTACKS: [Attack; 7] = [
    Attack { name: "no regex, 12 logs", regexes: Vec::new, conditions: &[], jobs: JOBS, of: Text::Bytes(WORDS) },
    Attack {
        name: "each condition, 50 jobs",
        regexes: all_but_one,
        conditions: &JUDGEMENT,
        jobs: MANY_JOBS,
        of: Text::Bytes(WORDS),
    },
    Attack {
        name: "each condition, 50 jobs, logs of words that the catalogue looks for",
        regexes: all_but_one,
        conditions: &JUDGEMENT,
        jobs: MANY_JOBS,
        of: Text::Repeated("Connection reset by peer "),
    },
    Attack {
        name: "one regex of repeated words, 1 log",
        regexes: || vec![r"(?i)(\w+\s?){1,20}failed$".to_owned()],
        conditions: &[],
        jobs: 1,
        of: Text::Bytes(b"abcdefghijklmnopqrstuvwxyz"),
    },
    Attack {
        name: "64 ordinary regexes, 12 logs",
        regexes: ordinary,
        conditions: &[],
        jobs: JOBS,
        of: Text::Bytes(WORDS),
    },
    Attack {
        name: "64 regexes of which each step is a new one, 12 logs",
        regexes: || (0..64).map(|n| format!("[ab]*a[ab]{{{}}}c", 50 + n)).collect(),
        conditions: &[],
        jobs: JOBS,
        of: Text::Bytes(b"ab"),
    },
    Attack {
        name: "one such regex, 12 logs",
        regexes: || vec!["[ab]*a[ab]{18}c".to_owned()],
        conditions: &[],
        jobs: JOBS,
        of: Text::Bytes(b"ab"),
    },
];

/// The annotation's is the last that a file may have.
fn all_but_one() -> Vec<String> {
    ordinary().split_off(1)
}

fn ordinary() -> Vec<String> {
    (0..64).map(|n| format!("(?i)error {n}: (could not|cannot) connect to .*:{n}$")).collect()
}

/// All of them, or one by its own name.
fn is_meant(attack: &Attack, which: &str) -> bool {
    NAME.contains(which) || attack.name.contains(which)
}

pub fn is_case(which: &str) -> bool {
    ATTACKS.iter().any(|attack| is_meant(attack, which))
}

/// Each attack on each of Rerunner's bundles, in turns.
pub async fn measure(
    first: (&Case, &Template),
    subjects: &[Subject],
    place: &Place,
    (rounds, which): (usize, &str),
) -> io::Result<Vec<Decision>> {
    let mut decisions = Vec::new();
    for attack in ATTACKS.iter().filter(|attack| is_meant(attack, which)) {
        eprintln!("{NAME}: {}", attack.name);
        for subject in subjects {
            let (mut cpu, mut wall) = (Vec::new(), Vec::new());
            for round in 0..rounds {
                let (spent, took) = decide(attack, first, subject, place, round).await?;
                cpu.push(spent.as_secs_f64() * 1_000.0);
                wall.push(took.as_secs_f64() * 1_000.0);
            }
            eprintln!("  {}: {cpu:.0?} ms of CPU", subject.name);
            decisions.push(Decision::new(NAME, attack.name, subject, cpu, wall));
        }
    }
    Ok(decisions)
}

/// One decision: the CPU time, and how long after the run's end it is re-run.
async fn decide(
    attack: &Attack,
    first: (&Case, &Template),
    subject: &Subject,
    place: &Place,
    round: usize,
) -> io::Result<(Duration, Duration)> {
    let scene = Scene::set(first, subject, place, EventKinds::ALL).await?;
    scene.repository.file(".github/rerunner.yml", &policy(&(attack.regexes)(), attack.conditions)).await;
    let mut workflow = Workflow::new("ci");
    for number in 0..attack.jobs {
        let log = log(&attack.of, number + round * attack.jobs);
        let job = Job::new(&format!("job {number}")).ends_first(1, Outcome::failure_with("Run tests", 1, &log));
        workflow = workflow.job(job);
    }
    let before = scene.cpu()?;
    let run = scene.repository.run(workflow).await;
    run.ends(1).await;
    let measured = scene.until_rerun(&run, before).await?;
    scene.end().await?;
    Ok(measured)
}

/// Nothing matches, so that all of every log is searched, and it is re-run in the end by no rule.
fn policy(regexes: &[String], conditions: &[&str]) -> String {
    if regexes.is_empty() {
        return String::new();
    }
    // What is not read of so many jobs is not what keeps it from being re-run.
    let mut text = "absent_evidence: rerun\nrules:\n".to_owned();
    for condition in conditions {
        let _ = writeln!(text, "  - name: \"{condition}\"\n    then: rerun\n    if: {{ {condition} }}");
    }
    text.push_str("  - name: worst\n    then: rerun\n    if:\n      log:\n");
    for regex in regexes {
        let _ = writeln!(text, "        - '{regex}'");
    }
    text
}

/// As large as is kept, and the same each time.
fn log(of: &Text, seed: usize) -> String {
    let of = match of {
        Text::Bytes(bytes) => bytes,
        Text::Repeated(words) => {
            let line: String = words.chars().cycle().take(CHARACTERS).chain(['\n']).collect();
            return line.repeat(LINES);
        }
    };
    let mut random = seed as u64 * 2 + 1;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    let mut text = String::with_capacity(LINES * (CHARACTERS + 1));
    for _ in 0..LINES {
        text.extend((0..CHARACTERS).filter_map(|_| of.get(next() % of.len()).copied().map(char::from)));
        text.push('\n');
    }
    text
}
