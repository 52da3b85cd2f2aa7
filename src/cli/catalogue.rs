//! `rerunner catalogue`: lists the catalogue, and measures it on labelled failures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, Subcommand};
use rerunner::escape::line;
use rerunner::policy::catalogue::{Class, Finding, Log, entries, find};
use rerunner::policy::evidence::WORK;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failure, Format, Report, input};

/// Lists the catalogue's entries, or measures how well they recognize failures
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    Measure(Measure),
}

/// Finds the causes of failures whose kind is known, and says how often it is right
///
/// Exit code 0: it was measured. 2: the file could not be used.
#[derive(Debug, Args)]
struct Measure {
    /// One JSON object in each line: id, label (infra, flaky or real), hard (true or false), log, and annotations (a list
    /// of texts) if there are any; - for standard input
    file: String,
    #[command(flatten)]
    format: Format,
}

impl Arguments {
    pub fn format(&self) -> &Format {
        match &self.what {
            Some(What::Measure(Measure { format, .. })) => format,
            None => &self.format,
        }
    }
}

pub fn catalogue(arguments: &Arguments) -> Result<Report, Failure> {
    match &arguments.what {
        None => Ok(list()),
        Some(What::Measure(Measure { file, .. })) => Ok(measure(&rows(file)?)),
    }
}

fn list() -> Report {
    let mut text = String::new();
    let mut listed = Vec::new();
    for class in Class::ALL {
        let of_class: Vec<_> = entries().iter().filter(|entry| entry.class == class).collect();
        let kind = if class.is_infrastructure() { "infrastructure" } else { "a real failure" };
        let _ = writeln!(text, "{} ({kind}):", class.as_str());
        for entry in of_class {
            let _ = writeln!(text, "  {:26}  {}", entry.id, entry.tool);
            listed.push(json!({
                "id": entry.id,
                "class": class.as_str(),
                "infrastructure": class.is_infrastructure(),
                "tool": entry.tool,
                "log": entry.in_log,
                "annotation": entry.in_annotations,
            }));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{} entries. What each of them looks for is in docs/catalogue.md.", listed.len());
    Report { text, json: json!({ "entries": listed }), good: true }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Label {
    Infra,
    Flaky,
    Real,
}

/// A failure of which it is known whether a re-run helps.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    label: Label,
    /// The text speaks of infrastructure where it was none, or shows no sign of what it was.
    #[serde(default)]
    hard: bool,
    log: String,
    #[serde(default)]
    annotations: Vec<String>,
}

fn rows(file: &str) -> Result<Vec<Row>, Failure> {
    let text = input::text(file)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(at, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| {
            // The line's own number is that in the file.
            let error = error.to_string();
            let error = error.split(" at line ").next().unwrap_or_default();
            Failure(format!("{}:{}: not a failure with its kind: {error}", input::shown(file), at + 1))
        })
    };
    let rows: Vec<Row> = lines.map(row).collect::<Result<_, _>>()?;
    if rows.is_empty() { Err(Failure(format!("{}: has no line", input::shown(file)))) } else { Ok(rows) }
}

/// How many of so many.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    of: u64,
    are: u64,
}

impl Share {
    fn add(&mut self, is: bool) {
        self.of += 1;
        self.are += u64::from(is);
    }

    /// To four places; unknown of none.
    fn value(self) -> Option<f64> {
        (self.of > 0).then(|| (self.are as f64 / self.of as f64 * 10_000.0).round() / 10_000.0)
    }

    fn in_words(self) -> String {
        match self.value() {
            Some(share) => format!("{:5.1}% ({} of {})", share * 100.0, self.are, self.of),
            None => "unknown, as there are none".to_owned(),
        }
    }
}

/// Of rows that are plain or hard.
#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    /// Of infrastructure: found as such.
    recall: Share,
    /// Of what is found to be infrastructure: is it.
    precision: Share,
    real: Share,
    flaky: Share,
}

/// What was found with each class.
#[derive(Debug, Clone, Copy, Default)]
struct ByClass {
    infra: u64,
    flaky: u64,
    real: u64,
}

fn measure(rows: &[Row]) -> Report {
    let (mut plain, mut hard) = (Measured::default(), Measured::default());
    let mut classes = BTreeMap::<Class, ByClass>::new();
    let mut wrong = Vec::new();
    let mut most_work = 0;
    for row in rows {
        let lines: Vec<String> = row.log.lines().map(str::to_owned).collect();
        let mut left = WORK;
        let found = find(&row.annotations, Log { first_line: 1, lines: &lines }, &mut left).unwrap_or_default();
        most_work = most_work.max(WORK - left);
        let infrastructure = found.as_ref().is_some_and(|found| found.class.is_infrastructure());
        let measured = if row.hard { &mut hard } else { &mut plain };
        match row.label {
            Label::Infra => measured.recall.add(infrastructure),
            Label::Flaky => measured.flaky.add(infrastructure),
            Label::Real => measured.real.add(infrastructure),
        }
        if infrastructure {
            measured.precision.add(row.label == Label::Infra);
        }
        if let Some(found) = &found {
            let by_class = classes.entry(found.class).or_default();
            match row.label {
                Label::Infra => by_class.infra += 1,
                Label::Flaky => by_class.flaky += 1,
                Label::Real => by_class.real += 1,
            }
        }
        let is_wrong = match row.label {
            // Of a hard one nothing need be found, but nothing else either.
            Label::Infra => !infrastructure && (!row.hard || found.is_some()),
            Label::Flaky | Label::Real => infrastructure,
        };
        if is_wrong {
            wrong.push((row, found));
        }
    }
    let text = text(rows, [&plain, &hard], &classes, &wrong);
    let of = |measured: &Measured| {
        let Measured { recall, precision, real, flaky } = measured;
        let infra = json!({ "rows": recall.of, "recall": recall.value(), "precision": precision.value() });
        let taken = |share: &Share| json!({ "rows": share.of, "taken_for_infrastructure": share.value() });
        [infra, taken(real), taken(flaky)]
    };
    let ([infra, real, flaky], [hard_infra, hard_real, hard_flaky]) = (of(&plain), of(&hard));
    let classes: BTreeMap<&str, Value> =
        classes.iter().map(|(class, by_class)| (class.as_str(), class_json(*class, by_class))).collect();
    let wrong: Vec<Value> = wrong.iter().map(|(row, found)| wrong_json(row, found)).collect();
    let json = json!({
        "rows": rows.len(),
        "infra": { "plain": infra, "hard": hard_infra },
        "real": { "plain": real, "hard": hard_real },
        "flaky": { "plain": flaky, "hard": hard_flaky },
        "classes": classes,
        "most_work": most_work,
        "wrong": wrong,
    });
    Report { text, json, good: true }
}

/// Of what was found with a class: how often that is the kind of failure that it was. A flaky test may well be found to be
/// a failed test.
fn precision(class: Class, by_class: &ByClass) -> Share {
    let ByClass { infra, flaky, real } = *by_class;
    Share { of: infra + flaky + real, are: if class.is_infrastructure() { infra } else { flaky + real } }
}

fn class_json(class: Class, by_class: &ByClass) -> Value {
    let ByClass { infra, flaky, real } = by_class;
    json!({ "infra": infra, "flaky": flaky, "real": real, "precision": precision(class, by_class).value() })
}

fn wrong_json(row: &Row, found: &Option<Finding>) -> Value {
    json!({
        "id": row.id,
        "label": row.label,
        "hard": row.hard,
        "cause": found.as_ref().map(|found| &found.id),
        "class": found.as_ref().map(|found| found.class),
        "line": found.as_ref().and_then(|found| found.line),
    })
}

fn text(
    rows: &[Row],
    [plain, hard]: [&Measured; 2],
    classes: &BTreeMap<Class, ByClass>,
    wrong: &[(&Row, Option<Finding>)],
) -> String {
    let mut text = format!("{} rows\n\n", rows.len());
    for (name, of) in [("plain", plain), ("hard", hard)] {
        let Measured { recall, precision, real, flaky } = of;
        let _ = writeln!(text, "{name}:");
        let _ = writeln!(text, "  infrastructure failures recognized        {}", recall.in_words());
        let _ = writeln!(text, "  recognized as such, and rightly           {}", precision.in_words());
        let _ = writeln!(text, "  real failures taken for infrastructure    {}", real.in_words());
        let _ = writeln!(text, "  flaky failures taken for infrastructure   {}\n", flaky.in_words());
    }
    let _ = writeln!(text, "{:15}  infra  flaky   real  right", "found as");
    for (class, by_class) in classes {
        let ByClass { infra, flaky, real } = by_class;
        let right = precision(*class, by_class).in_words();
        let _ = writeln!(text, "{:15}  {infra:5}  {flaky:5}  {real:5}  {right}", class.as_str());
    }
    if !wrong.is_empty() {
        text.push_str("\nWrong:\n");
    }
    for (row, found) in wrong {
        let label = match row.label {
            Label::Infra => "infra",
            Label::Flaky => "flaky",
            Label::Real => "real",
        };
        let hard = if row.hard { ", hard" } else { "" };
        let cause = found.as_ref().map_or("nothing", |found| &found.id);
        let at = found.as_ref().and_then(|found| found.line).map(|line| format!(" at line {line}")).unwrap_or_default();
        let _ = writeln!(text, "  {} ({label}{hard}): {cause}{at}", line(&row.id));
    }
    text
}
