//! What `npm start` runs, as a person would run it.

#![cfg(unix)]

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
        "Ctrl-C ends all of it",
        "attempt 1  ✗ failed",
        "webhook    202 scheduled  workflow_run: workflow run failed",
        "decision   rerunning      Attempt 1 failed in job",
        ": re-run 1 of at most 3.",
        "GitHub     201 Created    POST …/runs/",
        "✓ passed",
        "webhook    202 recorded   workflow_run: a re-run succeeded",
        "decision   ✓ RESCUED      Attempt ",
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
    let mut child = start(&["--port", "0"]).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C") {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    (child, output)
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
