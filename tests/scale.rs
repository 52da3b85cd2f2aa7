//! docs/scale.md: its tables of results are what comes of its tables of numbers. `BLESS=1 cargo test --test scale` writes them.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const START: &str = "<!-- tables -->";
const END: &str = "<!-- end of tables -->";

const REPOSITORIES: [f64; 3] = [10.0, 1_000.0, 20_000.0];
const DELIVERIES: [f64; 4] = [1e4, 1e5, 1e6, 1e7];
/// Minutes between two sweeps, to choose from.
const INTERVALS: [(f64, &str); 5] = [(15.0, "15m"), (60.0, "1h"), (180.0, "3h"), (720.0, "12h"), (1_440.0, "24h")];
/// An object is billed for 128 MB, in GB.
const OBJECT_GB: f64 = 0.128;
const DOLLARS: f64 = 5.0;
const MINUTES: f64 = 1_440.0;

/// In the order of the page's columns.
const REQUESTS: usize = 0;
const OBJECTS: usize = 1;
const KV_READS: usize = 2;
const KV_WRITES: usize = 3;
const ROWS_READ: usize = 4;
const ROWS_WRITTEN: usize = 5;
const CALLS: usize = 6;
const CPU: usize = 7;

/// What something costs.
#[derive(Debug, Clone, Copy, Default)]
struct Cost([f64; 8]);

impl Cost {
    fn times(self, factor: f64) -> Self {
        Self(self.0.map(|of| of * factor))
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }
}

/// A table's rows below its head, by their first cells.
#[track_caller]
fn table(page: &str, head: &str) -> BTreeMap<String, Vec<String>> {
    let start = page.find(head).unwrap_or_else(|| panic!("the page has no table {head}"));
    let rows = page[start..].lines().take_while(|line| line.starts_with('|')).skip(2);
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
    cells.map(|cells: Vec<String>| (cells[0].clone(), cells)).collect()
}

/// The number that a cell begins with. `None`: it is one for something else, such as a request.
fn number(cell: &str) -> Option<f64> {
    let (first, rest) = cell.split_once(' ').unwrap_or((cell, ""));
    if !rest.is_empty() && rest != "at any time" {
        return None;
    }
    first.replace(',', "").parse().ok()
}

/// The row whose name begins so.
#[track_caller]
fn row<'t>(table: &'t BTreeMap<String, Vec<String>>, name: &str) -> &'t [String] {
    let mut rows = table.iter().filter(|(key, _)| key.starts_with(name));
    let (Some((_, row)), None) = (rows.next(), rows.next()) else { panic!("not one row {name}") };
    row
}

/// What the plans count, by the names in the page's table.
const COUNTED: [&str; 10] = [
    "Worker requests",
    "CPU time",
    "object requests",
    "duration",
    "rows read",
    "rows written",
    "stored",
    "KV reads",
    "KV writes",
    "log events",
];
/// On the free plan these end, and nothing is lost: counts in Workers KV lag, and the log has gaps.
const LAGS: [&str; 2] = ["KV writes", "log events"];

struct Limit {
    free: Option<f64>,
    included: f64,
    dollars_a_million: f64,
}

struct Model {
    parts: BTreeMap<String, Vec<String>>,
    assumed: BTreeMap<String, Vec<String>>,
    limits: Vec<Limit>,
    github: BTreeMap<String, Vec<String>>,
    /// What people and Prometheus read.
    reads: BTreeMap<String, Vec<String>>,
    /// Of Workers KV, a day on the free plan.
    lists: f64,
}

/// What a day is.
struct Day {
    runs: f64,
    failed: f64,
    rescued: f64,
    given_up: f64,
    left: f64,
    /// Repositories that are swept.
    active: f64,
    calls_of_runs: f64,
    calls_of_policies: f64,
    calls_of_sweeps: f64,
    /// Those of [`COUNTED`].
    counted: [f64; 10],
}

impl Model {
    fn read(page: &str) -> Self {
        let limits = table(page, "| what | free plan, a day |");
        let limit = |name: &&str| {
            let row = row(&limits, name);
            let number = |at: usize| number(&row[at]).unwrap_or_else(|| panic!("{name}: {}", row[at]));
            Limit { free: self::number(&row[1]), included: number(2), dollars_a_million: number(3) }
        };
        Self {
            parts: table(page, "| part | Worker requests |"),
            assumed: table(page, "| assumption | number |"),
            limits: COUNTED.iter().map(limit).collect(),
            github: table(page, "| credentials | calls |"),
            reads: table(page, "| what is read | KV lists |"),
            lists: number(&row(&limits, "KV lists")[1]).expect("a number"),
        }
    }

    #[track_caller]
    fn part(&self, name: &str) -> Cost {
        let row = row(&self.parts, name);
        Cost(std::array::from_fn(|at| number(&row[at + 1]).unwrap_or_else(|| panic!("{name}: {row:?}"))))
    }

    #[track_caller]
    fn assumed(&self, name: &str) -> f64 {
        number(&row(&self.assumed, name)[1]).unwrap_or_else(|| panic!("{name} is no number"))
    }

    #[track_caller]
    fn github(&self, name: &str) -> f64 {
        number(&row(&self.github, name)[1]).unwrap_or_else(|| panic!("{name} is no number"))
    }

    /// With so many minutes between two sweeps.
    fn day(&self, repositories: f64, deliveries: f64, interval: f64) -> Day {
        let share = |name| self.assumed(name) / 100.0;
        let failing = share("runs that fail");
        let (rescued, left) = (share("of them rescued"), share("of them left"));
        let given_up = 1.0 - rescued - left;
        let jobs = self.assumed("jobs of a run") * self.assumed("deliveries of each job");
        let of_an_attempt = self.assumed("deliveries of a run's attempt") + jobs;
        let attempts = 1.0 + failing * (rescued + 3.0 * given_up);
        let runs = deliveries / (of_an_attempt * attempts);
        let failed = runs * failing;
        let (rescued, given_up, left) = (failed * rescued, failed * given_up, failed * left);

        let lives = self.part("a run rescued").times(rescued);
        let lives = lives.plus(self.part("a run given up").times(given_up));
        let lives = lives.plus(self.part("a failed run that the policy leaves").times(left));
        // Each attempt that fails has jobs that do, if their webhooks come at all.
        let failed_jobs = if jobs > 0.0 { self.assumed("jobs that fail") } else { 0.0 };
        let failed_attempts = rescued + 4.0 * given_up + left;
        let lives = lives.plus(self.part("a failed job").times(failed_attempts * failed_jobs));
        // All other deliveries come to nothing.
        let lives = lives.plus(self.part("a delivery that").times(deliveries - lives.0[REQUESTS]));

        let active = repositories.min(failed * self.assumed("days that a repository is swept"));
        let sweeps = self.part("a sweep").times(active * MINUTES / interval);
        let decisions = rescued + 4.0 * given_up + left;
        let reads = decisions.min(active * MINUTES / self.assumed("minutes that a copy"));
        let calls_of_policies = reads * self.assumed("calls to GitHub that look after the policy");

        let all = lives.plus(sweeps).0;
        let calls = all[CALLS] + calls_of_policies;
        let seconds =
            calls * self.assumed("seconds that a call") + all[OBJECTS] * self.assumed("seconds that an object");
        let stored = failed * self.assumed("days that it is stored") * self.assumed("kB that are stored") / 1e3;
        let logged = (all[REQUESTS] + all[OBJECTS]) * self.assumed("log events of a request");
        let counted = [
            all[REQUESTS],
            all[CPU],
            all[OBJECTS],
            seconds * OBJECT_GB,
            all[ROWS_READ],
            all[ROWS_WRITTEN],
            stored,
            all[KV_READS],
            all[KV_WRITES],
            logged,
        ];
        let calls_of_sweeps = sweeps.0[CALLS];
        let calls_of_runs = lives.0[CALLS];
        Day {
            runs,
            failed,
            rescued,
            given_up,
            left,
            active,
            calls_of_runs,
            calls_of_policies,
            calls_of_sweeps,
            counted,
        }
    }

    /// Of the free plan's limits how much is used.
    fn of_free(&self, day: &Day) -> Vec<(&'static str, f64)> {
        let limits = COUNTED.iter().zip(&self.limits).zip(day.counted);
        limits.filter_map(|((name, limit), used)| Some((*name, used / limit.free?))).collect()
    }

    /// What is billed in a month beyond the plan's own price, the most first.
    fn bill(&self, day: &Day) -> Vec<(&'static str, f64)> {
        let days = self.assumed("days in a month");
        let items = COUNTED.iter().zip(&self.limits).zip(day.counted).map(|((name, limit), used)| {
            let used = if *name == "stored" { used } else { used * days };
            (*name, (used - limit.included).max(0.0) * limit.dollars_a_million / 1e6)
        });
        let mut items: Vec<_> = items.filter(|(_, dollars)| *dollars >= 0.005).collect();
        items.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        items
    }

    /// In the busiest hour. Sweeps and what is busy come evenly and in bursts.
    fn busiest_hour(&self, day: &Day) -> f64 {
        let busy = self.assumed("of a day's deliveries") / 100.0;
        (day.calls_of_runs + day.calls_of_policies) * busy + day.calls_of_sweeps / 24.0
    }

    /// Calls in an hour of an App in one organization.
    fn of_app(&self, repositories: f64) -> f64 {
        let more = self.github("and for each of its repositories") * (repositories - 20.0).max(0.0);
        (self.github("an App, for each organization") + more).min(self.github("up to"))
    }

    /// Deliveries a day with which none of these limits of the free plan is exceeded, and which is the next.
    fn free_until(&self, repositories: f64, interval: f64, counts: impl Fn(&str) -> bool) -> (f64, &'static str) {
        let first = |deliveries: f64| {
            let day = self.day(repositories, deliveries, interval);
            let limits = self.of_free(&day).into_iter().filter(|(name, _)| counts(name));
            limits.max_by(|(_, one), (_, other)| one.total_cmp(other)).expect("some limit")
        };
        let (mut carried, mut exceeded) = (0.0, 1e9);
        for _ in 0..100 {
            let middle = f64::midpoint(carried, exceeded);
            if first(middle).1 <= 1.0 { carried = middle } else { exceeded = middle }
        }
        (carried, first(exceeded).0)
    }

    fn tables(&self) -> String {
        let usual = self.assumed("minutes between two sweeps");
        let mut text = String::new();
        self.write(&mut text, usual).expect("a string takes all");
        text
    }

    fn write(&self, text: &mut String, usual: f64) -> std::fmt::Result {
        writeln!(text, "**What a day brings**\n")?;
        writeln!(text, "| deliveries | runs | fail | rescued | given up | left |\n|---|---|---|---|---|---|")?;
        for deliveries in DELIVERIES {
            let Day { runs, failed, rescued, given_up, left, .. } = self.day(1.0, deliveries, usual);
            let cells = [deliveries, runs, failed, rescued, given_up, left].map(whole);
            writeln!(text, "| {} |", cells.join(" | "))?;
        }

        writeln!(text, "\n**A day on the free plan**: percent of each limit\n")?;
        let names: Vec<&str> = self.of_free(&self.day(1.0, 1.0, usual)).into_iter().map(|(name, _)| name).collect();
        writeln!(text, "| repositories, of them swept | deliveries | {} | reached first |", names.join(" | "))?;
        writeln!(text, "|---|---|{}---|", "---|".repeat(names.len()))?;
        for (repositories, deliveries) in grid() {
            let day = self.day(repositories, deliveries, usual);
            let used = self.of_free(&day);
            let percents: Vec<String> = used.iter().map(|(_, share)| percent(*share)).collect();
            let first = |lags| {
                let ended = used.iter().filter(|(name, share)| LAGS.contains(name) == lags && *share > 1.0);
                ended.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(name, _)| *name)
            };
            let ends = match (first(false), first(true)) {
                (Some(stops), _) => format!("**{stops}**"),
                (None, Some(lags)) => format!("{lags}, which stops nothing"),
                (None, None) => "nothing".to_owned(),
            };
            let (of, active, deliveries) = (whole(repositories), whole(day.active), whole(deliveries));
            writeln!(text, "| {of}, {active} | {deliveries} | {} | {ends} |", percents.join(" | "))?;
        }

        writeln!(text, "\n**How many deliveries a day the free plan carries**\n")?;
        writeln!(
            text,
            "| repositories | `SWEEP_INTERVAL` | deliveries | reached then | counts in Workers KV are complete up to |"
        )?;
        writeln!(text, "|---|---|---|---|---|")?;
        for repositories in REPOSITORIES {
            for (interval, name) in [INTERVALS[0], INTERVALS[4]] {
                let (carried, ends) = self.free_until(repositories, interval, |name| !LAGS.contains(&name));
                let (complete, _) = self.free_until(repositories, interval, |name| name == "KV writes");
                let (of, carried, complete) = (whole(repositories), rounded(carried), rounded(complete));
                writeln!(text, "| {of} | `{name}` | {carried} | {ends} | {complete} |")?;
            }
        }

        self.write_reads(text)?;

        writeln!(text, "\n**A month on the paid plan**\n")?;
        writeln!(
            text,
            "| repositories | deliveries a day | $ a month | most of it | with `SWEEP_INTERVAL` `24h`, and 1% of the requests in the log |\n|---|---|---|---|---|"
        )?;
        for (repositories, deliveries) in grid() {
            let bill = self.bill(&self.day(repositories, deliveries, usual));
            let sum = |bill: &[(&str, f64)]| bill.iter().map(|(_, dollars)| dollars).sum::<f64>() + DOLLARS;
            let items: Vec<String> =
                bill.iter().take(3).map(|(name, dollars)| format!("{name} {dollars:.2}")).collect();
            let items = if items.is_empty() { "the plan's own price".to_owned() } else { items.join(", ") };
            let mut rare = self.day(repositories, deliveries, MINUTES);
            rare.counted[9] /= 100.0;
            let (of, deliveries) = (whole(repositories), whole(deliveries));
            let (all, least) = (sum(&bill), sum(&self.bill(&rare)));
            writeln!(text, "| {of} | {deliveries} | {all:.2} | {items} | {least:.2} |")?;
        }

        writeln!(text, "\n**GitHub: calls in the busiest hour**, and percent of each limit\n")?;
        writeln!(
            text,
            "| repositories, of them swept | deliveries a day | for runs | for policies | for sweeps | a token | an App | an App in Enterprise Cloud | points in a minute | shortest `SWEEP_INTERVAL`: token, App, App in Enterprise Cloud |"
        )?;
        writeln!(text, "|---|---|---|---|---|---|---|---|---|---|")?;
        for (repositories, deliveries) in grid() {
            let day = self.day(repositories, deliveries, usual);
            let busy = self.assumed("of a day's deliveries") / 100.0;
            let calls = self.busiest_hour(&day);
            let limits = [self.github("a token"), self.of_app(repositories), self.github("an App in an organization")];
            let reruns = (day.rescued + 3.0 * day.given_up) * busy;
            let points = (calls + 4.0 * reruns) / 60.0 / self.github("points in a minute");
            let shortest = limits.map(|limit| {
                let lasts = |(interval, _): &&(f64, &str)| {
                    self.busiest_hour(&self.day(repositories, deliveries, *interval)) <= limit
                };
                INTERVALS.iter().find(lasts).map_or("none".to_owned(), |(_, name)| format!("`{name}`"))
            });
            let cells = [day.calls_of_runs * busy, day.calls_of_policies * busy, day.calls_of_sweeps / 24.0].map(whole);
            let shares = limits.map(|limit| percent(calls / limit));
            writeln!(
                text,
                "| {}, {} | {} | {} | {} | {} | {} |",
                whole(repositories),
                whole(day.active),
                whole(deliveries),
                cells.join(" | "),
                shares.join(" | "),
                percent(points),
                shortest.join(", "),
            )?;
        }
        Ok(())
    }
}

/// How many repositories one list of Workers KV has.
const LISTED: f64 = 1_000.0;

impl Model {
    fn write_reads(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\n**How often `/metrics` can be read on the free plan**, if nothing else lists Workers KV\n")?;
        writeln!(text, "| repositories | KV lists each time | times a day | minutes between them, at least |")?;
        writeln!(text, "|---|---|---|---|")?;
        for repositories in REPOSITORIES {
            let lists = (repositories / LISTED).ceil();
            let times = (self.lists / lists).floor();
            let minutes = (MINUTES / times).ceil();
            let cells = [repositories, lists, times, minutes].map(whole);
            writeln!(text, "| {} |", cells.join(" | "))?;
        }
        writeln!(
            text,
            "\n**How often people can look on the free plan**, if nothing else reads rows or takes requests\n"
        )?;
        writeln!(text, "| what is read | rows read | times a day |\n|---|---|---|")?;
        let limit = |name| {
            let limit = COUNTED.iter().zip(&self.limits).find(|(known, _)| **known == name);
            limit.and_then(|(_, limit)| limit.free).expect("a limit")
        };
        let (rows, requests) = (limit("rows read"), limit("Worker requests"));
        let mut reads: Vec<_> = self.reads.values().map(|row| (&row[0], number(&row[4]).expect("a number"))).collect();
        reads.retain(|(_, read)| *read > 0.0);
        reads.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        for (what, read) in reads {
            writeln!(text, "| {what} | {} | {} |", whole(read), rounded((rows / read).min(requests)))?;
        }
        Ok(())
    }
}

fn grid() -> impl Iterator<Item = (f64, f64)> {
    REPOSITORIES.into_iter().flat_map(|repositories| DELIVERIES.map(|deliveries| (repositories, deliveries)))
}

fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    groups.join(",")
}

/// To two digits, as more would be more than is known.
fn rounded(number: f64) -> String {
    if number < 1.0 {
        return "none".to_owned();
    }
    let step = 10_f64.powf(number.log10().floor() - 1.0);
    whole((number / step).floor() * step)
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        percent if percent >= 10.0 => whole(percent),
        percent if percent >= 0.1 => format!("{percent:.1}"),
        _ => "0".to_owned(),
    }
}

/// Seen to fail with a row less written in the page's parts.
#[test]
fn the_tables_are_what_comes_of_the_numbers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(START).expect("a place for tables");
    let (tables, after) = rest.split_once(END).expect("the end of the place");
    let expected = Model::read(before).tables();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{before}{START}\n\n{expected}\n{END}{after}")).expect("the page is written");
    } else {
        assert_eq!(tables.trim(), expected.trim(), "BLESS=1 cargo test --test scale");
    }
}

/// What of the model can be reckoned by hand.
#[test]
fn a_day_by_hand() {
    let page = include_str!("../docs/scale.md");
    let mut model = Model::read(page);
    let mut assume = |name: &str, number: &str| {
        let key = row(&model.assumed, name)[0].clone();
        model.assumed.insert(key.clone(), vec![key, number.to_owned()]);
    };
    for (name, number) in [
        ("runs that fail", "50"),
        ("of them rescued", "100"),
        ("of them left", "0"),
        ("deliveries of a run's attempt", "3"),
        ("deliveries of each job", "0"),
        ("days that a repository is swept", "7"),
        ("minutes that a copy", "5"),
    ] {
        assume(name, number);
    }
    // Two runs, three attempts, nine deliveries; one run is rescued.
    let day = model.day(1.0, 9.0, 720.0);
    assert_eq!([day.runs, day.failed, day.rescued, day.given_up, day.active], [2.0, 1.0, 1.0, 0.0, 1.0]);
    let (rescued, sweep) = (model.part("a run rescued"), model.part("a sweep"));
    assert_eq!(day.counted[0], 9.0, "each delivery is a request");
    assert_eq!(day.counted[5], rescued.0[ROWS_WRITTEN] + 2.0 * sweep.0[ROWS_WRITTEN], "two sweeps");
    assert_eq!(day.calls_of_runs, rescued.0[CALLS]);
    assert_eq!(day.calls_of_sweeps, 2.0 * sweep.0[CALLS]);
}
