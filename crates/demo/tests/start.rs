//! What `npm start` runs, as a person would run it.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The simulated GitHub, also for those who have a token in their `.dev.vars`.
fn start(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.arg("--simulated").args(arguments).env_remove("PORT").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn a_failing_run_is_rescued() {
    let output = start(&["--port", "0", "--until-rescued"]).output().unwrap();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    // In this order: each is found behind the one before it.
    let mut rest = text.as_str();
    for expected in [
        "http://127.0.0.1:",
        "to stop          Ctrl-C",
        "with each webhook and each answer of GitHub's:",
        "✗ failed      attempt 1 on ",
        "webhook       202 scheduled: workflow run failed",
        "↻ re-run 1/3  \"all-green\" and \"browser tests\"",
        "GitHub        201 Created for POST …/rerun-failed-jobs",
        "✓ passed      attempt 2 on ",
        "webhook       202 recorded: a re-run succeeded",
        "✓ RESCUED     Attempt 2 succeeded.",
        "are only counted.",
        "Webhooks: ",
        " changed nothing: ",
        "Workers KV: ",
        "attempts/acme/",
        "So far: ",
        "1 rescued, 0 exhausted",
    ] {
        let (_, behind) =
            rest.split_once(expected).unwrap_or_else(|| panic!("{expected:?} is not where it should be:\n{text}"));
        rest = behind;
    }
    assert!(!text.contains('\u{1b}'), "colours, though this is no terminal:\n{text}");
}

/// A line that has all of these.
const WITHIN_TWO_MINUTES: [(&str, &[&str]); 17] = [
    ("an author's command", &["comment ", " passer-by ", "on #3: /rerun"]),
    ("that it is seen", &["reaction ", " eyes ", "to passer-by's /rerun"]),
    ("that it was done", &["reaction ", " rocket ", "to passer-by's /rerun"]),
    ("what it had re-run", &[" preview site #1 ", " attempt 2 ", "✓ passed"]),
    ("the merge queue's run", &[" queue #1 ", " attempt 1 ", "✗ failed"]),
    (
        "that it was removed",
        &["comment ", " rerunner ", "on #3: ", "removed from the merge queue, because of: `merge checks`"],
    ),
    ("a flaky job's issue", &["issue ", " opened ", "Flaky job: `search` of `end-to-end`"]),
    ("a re-run by the preset", &["  shop  ", " ↻ re-run 1/3 ", "rule \"infrastructure\": "]),
    (
        "a re-run by its cause",
        &[" queue #1 ", " ↻ re-run 1/3 ", "rule \"network\": \"merge checks\" at step \"Install\""],
    ),
    ("a run that is held", &["  shop  ", " ◦ held ", "≥ 3 runs failed with the same cause (npm-network)"]),
    ("that the registry is up again", &["  shop  ", " registry ", "is back up"]),
    (
        "the end of the command's story",
        &["■ Story 1: A rule left preview site #1 alone; re-run at its author's /rerun, it passed."],
    ),
    (
        "the end of the flaky job's",
        &["■ Story 2: The job passed when it was re-run, in 2 of 2 runs; issue #4 is about it."],
    ),
    (
        "the end of the outage's",
        &["■ Story 3: 5 runs were held until one that was tried passed; 5 of 5 passed, by ", " re-runs."],
    ),
    (
        "the end of the merge queue's",
        &["■ Story 4: queue #1 passed when it was re-run; a comment on #3 says why it left the queue."],
    ),
    ("the count of webhooks", &["Webhooks: ", " stored, ", " changed nothing: ", " workflow_job, "]),
    ("the address, again", &["  The overview: http://127.0.0.1:", "(any user name, and the password demo)"]),
];

/// It takes longest, and is named so that it is among the first.
///
/// Seen to fail without `commands` and `flaky_issues` in the policy file and without comments (each but the two that do
/// not hang on them is missing), when a commit without runs has no page, without `extends`, when the outage does not end, when
/// no run of a story ends, when webhooks are not counted, and when the address is said once.
#[tokio::test]
async fn all_that_people_see_comes_to_its_end_and_each_link_leads_to_a_page() {
    let (child, mut output, mut text) = introduced();
    let _child = Ended(child);
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).is_ok_and(|length| length > 0) {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    let since = Instant::now();
    let missing = |text: &str| -> Vec<&str> {
        let is_there = |parts: &[&str]| text.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        WITHIN_TWO_MINUTES.iter().filter(|(_, parts)| !is_there(parts)).map(|(what, _)| *what).collect()
    };
    while !missing(&text).is_empty() {
        let left = Duration::from_secs(120).saturating_sub(since.elapsed());
        match lines.recv_timeout(left) {
            Ok(line) => text += &line,
            Err(_) => panic!("{:?} were not seen within two minutes:\n{text}", missing(&text)),
        }
    }
    nothing_else(&text);
    is_in_readme(&text);
    let seen = follow(&text).await;
    for part in [
        "/pull/3",
        "/issues/4",
        "/actions",
        "/attempts/1",
        "/commit/",
        "/overview/acme/website/runs/",
        "/overview/acme/shop",
    ] {
        assert!(seen.keys().any(|url| url.contains(part)), "no link has {part}: {:?}", seen.keys());
    }
    let page = |end: &str| seen.iter().find(|(url, _)| url.ends_with(end)).map(|(_, html)| html.as_str()).unwrap();
    for (end, words) in [
        (
            "/acme/website/pull/3",
            &["removed from the merge queue", "infrastructure (", "🚀 rerunner-bot", "rerunner / preview site"][..],
        ),
        ("/acme/website/issues/4", &["of these, passed: 2 (100%)", "Open"][..]),
    ] {
        let missing: Vec<_> = words.iter().filter(|words| !page(end).contains(**words)).collect();
        assert!(missing.is_empty(), "{end} has no {missing:?}: {}", page(end));
    }
}

/// Once the first run has ended, no webhook and no answer has a line of its own; and that a repository has no policy file
/// is no trouble at all.
///
/// Seen to fail when each webhook is told, and when a 404 of a policy file is.
fn nothing_else(text: &str) {
    let lines: Vec<_> = text.lines().skip_while(|line| !line.contains("Ctrl-C")).collect();
    let is_how = |line: &&&str| [" webhook  ", " GitHub  "].iter().any(|what| line.contains(what));
    let how: Vec<_> = lines.iter().filter(is_how).collect();
    assert!(how.len() >= 4, "{how:#?}");
    let others: Vec<_> = how.iter().filter(|line| !line.contains("  website   tests #1  ")).collect();
    assert!(others.is_empty(), "{others:#?}");
    for word in ["ignored", "404", "Worker  "] {
        assert!(!lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
    }
}

/// Each line of its sample, but for the time.
///
/// Seen to fail with another step in it.
fn is_in_readme(text: &str) {
    let sample =
        include_str!("../../../README.md").split_once("```text\n").and_then(|(_, rest)| rest.split_once("```"));
    let (sample, _) = sample.expect("what README shows of it");
    assert!(sample.lines().count() >= 4, "{sample}");
    for line in sample.lines() {
        let said = line.get("23:59:59".len()..).expect("a time");
        assert!(text.lines().any(|line| line.ends_with(said)), "{said:?} is not in\n{text}");
    }
}

/// Every page that a link leads to, from those of the log on: addresses and HTML.
async fn follow(log: &str) -> BTreeMap<String, String> {
    let is_part = |part: &&str| part.starts_with("http://127.0.0.1:");
    let mut urls: Vec<String> =
        log.split([' ', '\n', '(', ')', ',']).filter(is_part).map(|url| url.trim_end_matches('/').to_owned()).collect();
    let origin = |url: &str| url.split('/').take(3).collect::<Vec<_>>().join("/");
    let (worker, github) = (origin(&urls[0]), origin(urls.iter().find(|url| origin(url) != origin(&urls[0])).unwrap()));
    let client = reqwest::Client::new();
    let mut seen = BTreeMap::new();
    while let Some(url) = urls.pop() {
        if seen.contains_key(&url) {
            continue;
        }
        assert!(origin(&url) == worker || origin(&url) == github, "{url} is neither the Worker's nor GitHub's");
        assert!(seen.len() < 2_000, "links without end: {:?}", seen.keys());
        let request = client.get(&url).header("accept", "text/html").basic_auth("anyone", Some("demo"));
        let answer = request.send().await.unwrap();
        let (status, html) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{url}: {html}");
        assert!(origin(&url) == worker || html.contains("Simulated GitHub"), "{url}: {html}");
        for link in html.split("href=\"").skip(1).filter_map(|rest| rest.split(['"', '#']).next()) {
            match link.strip_prefix('/') {
                Some(path) => urls.push(format!("{}/{path}", origin(&url)).replace("&amp;", "&")),
                None if link.is_empty() || link.starts_with("data:") => {}
                None => urls.push(link.to_owned()),
            }
        }
        seen.insert(url, html);
    }
    seen
}

#[test]
fn a_taken_port_is_said_plainly() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let expected = format!("Port {port} is taken by another program. Choose another one: npm start -- --port NUMBER\n");
    let by_argument = start(&["--port", &port]).output().unwrap();
    let by_environment = start(&[]).env("PORT", &port).output().unwrap();
    for output in [by_argument, by_environment] {
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output), expected);
    }
}

#[test]
fn it_ends_after_the_time_given() {
    let output = start(&["--port", "0", "--for", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
#[cfg(target_os = "linux")]
fn interruptions_end_every_process() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let (child, output) = started();
        let pid = i32::try_from(child.id()).unwrap();
        let processes = linux::descendants(pid);
        assert!(processes.len() >= 2, "wrangler and workerd run: {processes:?}");
        interrupted(child, output, signal, &processes);
    }
}

/// While wrangler is still starting.
#[test]
#[cfg(target_os = "linux")]
fn an_early_interruption_ends_every_process() {
    let mut child = start(&["--port", "0"]).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let pid = i32::try_from(child.id()).unwrap();
    let since = Instant::now();
    let mut processes = vec![];
    // wrangler would end by itself; what it starts would not.
    let workerd = |pid: &i32| linux::running(*pid).is_some_and(|(name, _)| name.contains("workerd"));
    while !processes.iter().any(workerd) {
        assert!(since.elapsed() < Duration::from_secs(30), "no workerd was started: {processes:?}");
        std::thread::sleep(Duration::from_millis(5));
        processes = linux::descendants(pid);
    }
    interrupted(child, output, Signal::SIGINT, &processes);
}

/// Runs, and has said so.
fn started() -> (Child, BufReader<ChildStdout>) {
    let (child, output, _) = introduced();
    (child, output)
}

/// With what it has said so far.
fn introduced() -> (Child, BufReader<ChildStdout>, String) {
    let mut child = start(&["--port", "0"]).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert_ne!(output.read_line(&mut text).unwrap(), 0, "it has ended: {text}");
    }
    (child, output, text)
}

/// Ends with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGINT);
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
fn interrupted(mut child: Child, mut output: BufReader<ChildStdout>, signal: Signal, processes: &[i32]) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{signal}: {rest}");
    let since = Instant::now();
    loop {
        let left: Vec<_> = processes.iter().filter_map(|pid| linux::running(*pid)).collect();
        if left.is_empty() {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(3), "{signal} left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    /// Name, state and parent of a process that has not ended.
    pub fn running(pid: i32) -> Option<(String, i32)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let mut rest = rest.split_whitespace();
        // A zombie has ended; whoever is its parent now has only not asked yet.
        let state = rest.next()?;
        let parent = rest.next()?.parse().ok()?;
        (state != "Z").then(|| (name.to_owned(), parent))
    }

    pub fn descendants(of: i32) -> Vec<i32> {
        let pids: Vec<i32> =
            fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        let children = pids.into_iter().filter(|pid| running(*pid).is_some_and(|(_, parent)| parent == of));
        children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
    }
}
