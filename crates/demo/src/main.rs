//! `npm start`: the Worker on this machine's workerd, and what happens, as it happens.
//!
//! | file | what is there |
//! |---|---|
//! | `main.rs` | starting, the loop, and ending |
//! | `arguments.rs` | the command line |
//! | `dev_vars.rs` | `.dev.vars`, which decides between the real GitHub and a simulated one |
//! | `stage.rs` | what runs: the Worker, and the simulated GitHub unless it is the real one |
//! | `scenes.rs` | stories within the first two minutes: a command, a flaky job, an outage, the merge queue |
//! | `tales.rs` | what each story is about, and how it came out |
//! | `story.rs` | what happened, as lines and counts |
//! | `told.rs` | what a line says of each kind of thing |
//! | `counts.rs` | the counts in Workers KV |
//! | `screen.rs` | columns, colours, the time |
//!
//! The exit code is 0 for any end that was asked for, Ctrl-C and SIGTERM among them, as that is how it is meant to be
//! ended; 1 if it could not start, or if `--until-rescued` saw no rescue; 2 for a wrong command line.

mod arguments;
mod counts;
mod dev_vars;
mod scenes;
mod screen;
mod stage;
mod story;
mod tales;
mod told;

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use nix::unistd::{Pid, getppid};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, interval_at, sleep};

use arguments::Arguments;
use counts::{Counts, Reader};
use screen::Screen;
use stage::Stage;
use story::Story;

const CATCH_UP_EVERY: Duration = Duration::from_millis(100);
const ORPHANED_EVERY: Duration = Duration::from_millis(500);
const COUNTS_EVERY: Duration = Duration::from_secs(10);
const SUMMARY_EVERY: Duration = Duration::from_secs(20);
const ADDRESS_EVERY: Duration = Duration::from_secs(60);
const RESCUED_WITHIN: Duration = Duration::from_secs(60);

/// Why it ends.
enum End {
    /// It was asked to, or its time is over.
    Asked,
    Rescued,
    NoRescue,
    /// wrangler or the Worker ended by itself.
    WorkerEnded,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// An error is a message that says what to do.
async fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let mut interruption = Interruption::new().map_err(|error| format!("Signals cannot be received: {error}"))?;
    let mut stage = tokio::select! {
        started = Stage::start(arguments.port, arguments.simulated) => started?,
        () = interruption.comes() => return Ok(ExitCode::SUCCESS),
    };
    let told = tell(&mut stage, arguments, &mut interruption).await;
    let log = stage.worker.log().clone();
    stage.worker.stop().await;
    match told {
        Ok(End::Asked | End::Rescued) => Ok(ExitCode::SUCCESS),
        Ok(End::NoRescue) => Err(format!("No run was rescued within {} s.", RESCUED_WITHIN.as_secs())),
        Ok(End::WorkerEnded) => {
            let lines = log.lines();
            let last = lines.get(lines.len().saturating_sub(10)..).unwrap_or_default();
            Err(format!("The local Worker has ended by itself. Its last lines:\n{}", last.join("\n")))
        }
        // As of `npm start | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(format!("Nothing can be printed: {error}")),
    }
}

/// Prints what happens until the end.
async fn tell(stage: &mut Stage, arguments: &Arguments, interruption: &mut Interruption) -> io::Result<End> {
    let mut story = Story::new(Screen::new(), stage.simulation.is_on());
    story.text(&stage.introduction)?;
    let Stage { worker, simulation, addresses, .. } = stage;
    let mut log = worker.log().subscribe();
    let reader = Reader::new(&worker.url);
    let mut counts = follow(reader.clone());
    let (mut catch_up, mut summary) =
        (interval(CATCH_UP_EVERY), interval_at(Instant::now() + SUMMARY_EVERY, SUMMARY_EVERY));
    let mut again = interval_at(Instant::now() + ADDRESS_EVERY, ADDRESS_EVERY);
    let (time_over, no_rescue) = (after(arguments.for_time), after(arguments.until_rescued.then_some(RESCUED_WITHIN)));
    tokio::pin!(time_over, no_rescue);
    let end = loop {
        tokio::select! {
            biased;
            () = interruption.comes() => break End::Asked,
            () = &mut time_over => break End::Asked,
            () = &mut no_rescue => break End::NoRescue,
            event = simulation.next() => simulation.tell(event, &mut story).await?,
            line = log.recv() => if let Ok(line) = line { story.logged(&line)? },
            Some(counts) = counts.recv() => story.counts(counts),
            _ = catch_up.tick() => story.catch_up(false)?,
            _ = summary.tick() => story.summary(false)?,
            _ = again.tick() => story.address(addresses)?,
            () = worker.ended() => break End::WorkerEnded,
        }
        if arguments.until_rescued && story.has_rescued() {
            break End::Rescued;
        }
    };
    story.catch_up(true)?;
    if let Ok(counts) = reader.read().await {
        story.counts(counts);
    }
    story.summary(true)?;
    Ok(end)
}

/// Reads the counts beside all else. A read that fails is left out: the next one has all that it would have had.
fn follow(reader: Reader) -> mpsc::Receiver<Counts> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            sleep(COUNTS_EVERY).await;
            if let Ok(counts) = reader.read().await
                && sender.send(counts).await.is_err()
            {
                break;
            }
        }
    });
    receiver
}

/// Never, if there is no such time.
async fn after(time: Option<Duration>) {
    match time {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C and its like.
struct Interruption {
    signals: [Signal; 3],
    /// npm, if that started this: it does not pass on every signal, and its end is the end of all.
    parent: Option<Pid>,
}

impl Interruption {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        let parent = std::env::var_os("npm_lifecycle_event").map(|_| getppid());
        Ok(Self { signals: [interrupt?, terminate?, hangup?], parent })
    }

    async fn comes(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        let orphaned = async {
            while self.parent.is_none_or(|parent| parent == getppid()) {
                sleep(ORPHANED_EVERY).await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            () = orphaned => {}
        }
    }
}
