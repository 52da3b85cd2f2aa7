//! What searching costs, and what becomes of what is beyond the budget.

use super::*;
use crate::policy::file::Policy;
use crate::policy::patterns::{Automata, Collected, Where};
use crate::policy::run::Run;
use crate::policy::tests::{job as failed_job, policy, run as a_run};

fn run() -> Run {
    a_run(1, Conclusion::Failure)
}

fn job(id: u64) -> JobId {
    JobId::new(id).unwrap()
}

fn automata(log: &[&str], annotation: &[&str]) -> Automata {
    let mut collected = Collected::default();
    log.iter().for_each(|pattern| collected.push(pattern, Where::Log).unwrap());
    annotation.iter().for_each(|pattern| collected.push(pattern, Where::Annotation).unwrap());
    collected.compiled()
}

fn search(evidence: &mut Evidence, automata: Automata) {
    evidence.search(&Policy { automata, ..Policy::default() }, &run());
}

/// So much is accepted of a log: 500 lines of 2,000 characters.
fn log_of(line: impl Fn(usize) -> String) -> LogTail {
    LogTail { first_line: 1, lines: (0..500).map(|number| line(number).chars().take(2_000).collect()).collect() }
}

/// Characters as if by chance, of so many.
fn by_chance(seed: usize, of: &[u8]) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    (0..2_000).map(|_| char::from(of[random.usize(..of.len())])).collect()
}

fn logs(of: impl Fn(u64) -> LogTail, jobs: u64) -> Evidence {
    Evidence { logs: (1..=jobs).map(|id| (job(id), Fetched::Present(of(id)))).collect(), ..Evidence::default() }
}

#[test]
fn what_ordinary_patterns_cost() {
    // A look for each byte, and little else: however many patterns there are, and whatever they are.
    let words = |seed| by_chance(seed, b"abcdefghijklmnopqrstuvwxyz        ");
    let regexes: Vec<String> =
        (0..64).map(|n| format!("(?i)error {n}: (could not|cannot) connect to .*:{n}")).collect();
    let regexes: Vec<&str> = regexes.iter().map(String::as_str).collect();
    let mut evidence = logs(|id| log_of(|line| words(500 * id as usize + line)), 12);
    search(&mut evidence, automata(&regexes, &[]));
    let work = evidence.searched.work();
    assert!((12_000_000..14_000_000).contains(&work), "{work}");
    // The same again is not done again.
    search(&mut evidence, automata(&regexes, &[]));
    assert_eq!(evidence.searched.work(), work);
    // One that used to take half a minute.
    let mut evidence = logs(|_| log_of(words), 1);
    search(&mut evidence, automata(&[r"(?i)(\w+\s?){1,20}failed$"], &[]));
    let work = evidence.searched.work();
    assert!((1_000_000..4_000_000).contains(&work), "{work}");
}

#[test]
fn beyond_the_budget_evidence_is_absent() {
    // Each next step is a new one, of a program as large as there may be.
    let hostile: Vec<String> = (0..64).map(|n| format!("[ab]*a[ab]{{{}}}c", 50 + n)).collect();
    let hostile: Vec<&str> = hostile.iter().map(String::as_str).collect();
    let both = automata(&hostile[..32], &hostile[32..]);
    let mut evidence = logs(|id| log_of(|line| by_chance(500 * id as usize + line, b"ab")), 3);
    let message = by_chance(1, b"ab");
    evidence.annotations.insert(job(1), Fetched::Present(vec![message.clone()]));
    evidence.annotations.insert(job(2), Fetched::Present(vec![message; 1_000]));
    search(&mut evidence, both.clone());
    assert!(evidence.searched.is_spent() && evidence.searched.work() == WORK);
    // What outsiders write in annotations counts as well.
    assert!(matches!(evidence.annotations.get(&job(1)), Some(Fetched::Present(_))));
    let absent = Fetched::Absent(beyond_budget());
    assert_eq!(evidence.annotations.get(&job(2)), Some(&absent));
    // Nothing is searched any more, and all that is said so.
    let absent = Fetched::Absent(beyond_budget());
    assert!(evidence.logs.values().all(|read| *read == absent));
    evidence.logs.insert(job(4), Fetched::Present(log_of(|_| "short".to_owned())));
    search(&mut evidence, both.clone());
    assert_eq!(evidence.logs.get(&job(4)), Some(&absent));
    // Another policy does not have the budget anew.
    evidence.logs.insert(job(5), Fetched::Present(log_of(|_| "short".to_owned())));
    search(&mut evidence, automata(&["short"], &[]));
    assert_eq!(evidence.logs.get(&job(5)), Some(&absent));
}

#[test]
fn names_count_as_well() {
    let looked_at = |text: &str, jobs: u64, name: &str| {
        let jobs = (1..=jobs).map(|id| failed_job(id, name, name)).collect();
        let mut evidence = Evidence { jobs: Fetched::Present(jobs), ..Evidence::default() };
        let policy = policy(text);
        evidence.search(&policy, &run());
        let work = evidence.searched.work();
        assert!(evidence.is_searched(&policy, &run()));
        evidence.search(&policy, &run());
        assert_eq!(evidence.searched.work(), work, "once is enough");
        (work, evidence.jobs)
    };
    let rules = |n: u64, glob: &str, more: &str| -> String {
        let rule = |id| format!("  - {{ name: r{id}, then: leave, if: {{ job: \"{glob}\"{more} }} }}\n");
        format!("rules:\n{}", (0..n).map(rule).collect::<String>())
    };
    // Fifty rules, for a whole matrix that has failed.
    let (work, jobs) =
        looked_at(&rules(50, "build (*)", ", step: \"*test*\", log: x"), 256, "build (3.12, ubuntu-24.04)");
    assert!(work < WORK * 2 / 3 && matches!(jobs, Fetched::Present(_)), "{work}");
    // A name is as long as somebody likes, and so is a list of rules.
    let long = "a".repeat(10_000);
    let glob = format!("*{}b", "a".repeat(200));
    for (rules, jobs, name) in [
        (rules(100, &glob, ""), 100, long.as_str()),
        (rules(900, "x", ", exit_code: 1"), 1_000, "a"),
        (rules(900, "x", ", lost_runner: true"), 1_000, "a"),
    ] {
        let (work, jobs) = looked_at(&rules, jobs, name);
        assert_eq!((work, jobs), (WORK, Fetched::Absent(beyond_budget())));
    }
}
