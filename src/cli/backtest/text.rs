//! A backtest for people. What could not be told is called unknown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rerunner::escape::line;

use super::figures::{Figures, ORDINALS};
use super::unfamiliar::{Hopeless, List, Row};
use super::{Difference, Past, Side, differences};

const UNKNOWN: &str = "unknown";
/// Of a list; all of it is in the JSON.
const SHOWN: usize = 20;
/// Of a name in a table.
const NAME: usize = 40;

pub(super) fn all(past: &Past, sides: &[Side], verbose: bool) -> String {
    let mut text = about(past);
    text.push_str(&totals(sides));
    for (side, what) in sides.iter().flat_map(|side| side.not_replayed.iter().map(move |what| (side, what))) {
        let _ = writeln!(
            text,
            "Not replayed for {}: {what}. What it would hold counts as re-run at once.",
            line(&side.name)
        );
    }
    for side in sides {
        if sides.len() > 1 {
            let _ = writeln!(text, "\n== {} ==", line(&side.name));
        }
        text.push_str(&of_one(side));
    }
    match sides {
        [_, _] => text.push_str(&differing(&differences(sides), verbose)),
        _ if verbose => sides.iter().for_each(|side| text.push_str(&attempts(side))),
        _ => {}
    }
    text
}

fn about(past: &Past) -> String {
    let counts = &past.counts;
    let mut text = format!(
        "{}, {} to {}: {} runs. {} failed in their newest attempt, {} had several attempts, {} passed at once, {} have not ended.\n",
        past.reader.repository,
        past.window.from,
        past.window.to,
        counts.listed,
        counts.failed,
        counts.reran,
        counts.passed,
        counts.running,
    );
    if past.not_read > 0 {
        let why = past.reader.stopped.as_deref().unwrap_or("GitHub did not return everything about them");
        let _ = writeln!(
            text,
            "{} of them were not read, and are not counted below: {}. The next call continues.",
            past.not_read,
            line(why)
        );
    }
    text + "\n"
}

/// What is told of a policy, line by line.
fn lines(figures: &Figures) -> [(&'static str, String, Option<f64>); 10] {
    let count = |name, n: u64| (name, n.to_string(), number(n));
    let known = figures.rescued + figures.wasted;
    let of = |what: Option<String>, n: u64, words: &str| {
        what.map_or_else(|| UNKNOWN.to_owned(), |what| format!("{what} ({words} {n})"))
    };
    let minutes = figures.runner_minutes.map(|minutes| match figures.minutes_not_known {
        0 => minutes.to_string(),
        n => format!("{minutes} (and {UNKNOWN} for {n})"),
    });
    [
        count("failed runs", figures.failed_runs),
        count("failed attempts", figures.failed_attempts),
        count("re-runs", figures.reruns),
        count("  rescued", figures.rescued),
        count("  wasted", figures.wasted),
        count("  not known", figures.not_known),
        ("precision", of(figures.precision.map(percent), known, "of"), figures.precision.map(|share| share * 100.0)),
        ("runner minutes", minutes.unwrap_or_else(|| UNKNOWN.to_owned()), figures.runner_minutes.and_then(number)),
        (
            "red for (median)",
            of(figures.red_seconds_median.map(duration), figures.red_known, "rescued:"),
            figures.red_seconds_median.and_then(number),
        ),
        count("missed rescues", figures.missed_rescues),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "it is shown as a difference of counts")]
fn number(n: u64) -> Option<f64> {
    Some(n as f64)
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{:.1} h", number(seconds).unwrap_or_default() / 3_600.0),
    }
}

fn totals(sides: &[Side]) -> String {
    let columns: Vec<_> = sides.iter().map(|side| lines(&side.tables.total)).collect();
    let mut rows =
        vec![std::iter::once(String::new()).chain(sides.iter().map(|side| shown(&side.name))).collect::<Vec<_>>()];
    if let [_, _] = sides
        && let Some(head) = rows.first_mut()
    {
        head.push("difference".to_owned());
    }
    let Some(first) = columns.first() else { return String::new() };
    for (at, (name, _, _)) in first.iter().enumerate() {
        let of = |column: &[(&str, String, Option<f64>); 10]| {
            column.get(at).map(|(_, text, number)| (text.clone(), *number))
        };
        let cells: Vec<(String, Option<f64>)> = columns.iter().filter_map(of).collect();
        let difference = match cells.as_slice() {
            [(_, one), (_, other)] => Some(difference(name, *one, *other)),
            _ => None,
        };
        rows.push(
            std::iter::once((*name).to_owned())
                .chain(cells.into_iter().map(|(text, _)| text))
                .chain(difference)
                .collect(),
        );
    }
    table(&rows)
}

fn difference(name: &str, one: Option<f64>, other: Option<f64>) -> String {
    let Some((one, other)) = one.zip(other) else { return UNKNOWN.to_owned() };
    let by = other - one;
    match name {
        _ if by == 0.0 => "=".to_owned(),
        "precision" => format!("{by:+.1} points"),
        "red for (median)" => format!("{by:+.0} s"),
        _ => format!("{by:+.0}"),
    }
}

fn of_one(side: &Side) -> String {
    let mut text = String::new();
    let sorted = |rows: &BTreeMap<String, Figures>| {
        let mut rows: Vec<(String, Figures)> = rows.iter().map(|(name, is)| (name.clone(), is.clone())).collect();
        rows.sort_by_key(|(_, figures)| std::cmp::Reverse((figures.reruns, figures.failed_attempts)));
        rows
    };
    let tables = &side.tables;
    let reruns = ORDINALS.iter().filter_map(|which| Some(((*which).to_owned(), tables.by_rerun.get(*which)?.clone())));
    for (what, rows) in
        [("workflow", sorted(&tables.by_workflow)), ("rule", sorted(&tables.by_rule)), ("re-run", reruns.collect())]
    {
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&by(what, &rows));
        }
    }
    let unfamiliar = &side.unfamiliar;
    text.push_str(&unknown(
        "Flaky: recognized by no rule and no catalogue entry, and fixed by a re-run",
        &unfamiliar.flaky,
    ));
    text.push_str(&unknown("Unrecognized, and never fixed by a re-run", &unfamiliar.never_helped));
    text.push_str(&unknown("Unrecognized, and never re-run", &unfamiliar.never_rerun));
    text.push_str(&never_passed(&side.hopeless));
    text
}

fn by(what: &str, rows: &[(String, Figures)]) -> String {
    let head = [what, "failed", "re-run", "rescued", "wasted", "not known", "precision", "minutes", "missed"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for (name, is) in rows.iter().take(SHOWN) {
        let unknown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
        let counts = [is.failed_attempts, is.reruns, is.rescued, is.wasted, is.not_known].map(|n| n.to_string());
        let mut row = vec![shown(name)];
        row.extend(counts);
        row.push(unknown(is.precision.map(percent)));
        row.push(unknown(is.runner_minutes.map(|minutes| minutes.to_string())));
        row.push(is.missed_rescues.to_string());
        cells.push(row);
    }
    table(&cells) + &more(rows.len().saturating_sub(SHOWN))
}

fn unknown(title: &str, list: &List<Row>) -> String {
    if list.rows.is_empty() {
        return String::new();
    }
    let head = ["workflow", "job", "step", "failed", "re-run passed", "failed again", "not known"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for row in list.rows.iter().take(SHOWN) {
        let place = &row.place;
        let mut cell =
            vec![shown(&place.workflow), shown(&place.job), shown(place.step.as_deref().unwrap_or("(no step)"))];
        cell.extend([row.failed, row.rerun_passed, row.rerun_failed, row.rerun_not_known].map(|n| n.to_string()));
        cells.push(cell);
    }
    format!("\n{title}:\n{}{}", table(&cells), more(list.more + list.rows.len().saturating_sub(SHOWN)))
}

fn never_passed(list: &List<Hopeless>) -> String {
    let mut text = String::new();
    for Hopeless { row, rule } in list.rows.iter().take(SHOWN) {
        let _ = write!(
            text,
            "\nJob \"{}\" of \"{}\" was re-run {} times and never passed.",
            shown(&row.place.job),
            shown(&row.place.workflow),
            row.rerun_failed,
        );
        match rule {
            None => text.push('\n'),
            Some(rule) => {
                text.push_str(" This rule leaves it:\n\n");
                text.extend(rule.lines().map(|rule| format!("    {rule}\n")));
            }
        }
    }
    text + &more(list.more + list.rows.len().saturating_sub(SHOWN))
}

fn differing(differences: &[Difference], verbose: bool) -> String {
    let mut text = format!("\nThe policies differ on {} of the attempts", differences.len());
    text.push_str(if differences.is_empty() || verbose { ".\n" } else { " (--verbose shows them).\n" });
    for Difference { first, second } in differences.iter().filter(|_| verbose) {
        let _ = writeln!(
            text,
            "{} attempt {}  {}, {}: {} -> {}\n  {}\n  {}",
            first.run_id,
            first.run_attempt,
            shown(&first.workflow),
            first.next_in_words(),
            first.then_in_words(),
            second.then_in_words(),
            line(&first.reason),
            line(&second.reason),
        );
    }
    text
}

fn attempts(side: &Side) -> String {
    let mut text = "\n".to_owned();
    for one in &side.decided {
        let (then, next) = (one.then_in_words(), one.next_in_words());
        let (run, attempt, workflow) = (one.run_id, one.run_attempt, shown(&one.workflow));
        let _ = writeln!(text, "{then:6}  {run} attempt {attempt}  {workflow}, {next}: {}", line(&one.reason));
    }
    text
}

/// A name of others, in one line and not too long.
fn shown(name: &str) -> String {
    let name = line(name);
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.into_owned(),
    }
}

fn more(more: usize) -> String {
    if more > 0 { format!("and {more} more\n") } else { String::new() }
}

/// The first column to the left, the others to the right.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let row = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => format!("{cell:width$}"),
            _ => format!("  {cell:>width$}"),
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_called_unknown() {
        let mut figures = super::super::Tables::of(&[]).total;
        let text = |figures: &Figures, at: usize| lines(figures)[at].1.clone();
        assert_eq!([6, 7, 8].map(|at| text(&figures, at)), ["unknown", "0", "unknown"]);
        figures = Figures { reruns: 2, minutes_not_known: 2, runner_minutes: None, ..figures };
        assert_eq!(text(&figures, 7), "unknown");
        figures = Figures { minutes_not_known: 1, runner_minutes: Some(4), ..figures };
        assert_eq!(text(&figures, 7), "4 (and unknown for 1)");
        figures = Figures {
            rescued: 2,
            wasted: 1,
            precision: Some(0.667),
            red_seconds_median: Some(130),
            red_known: 2,
            ..figures
        };
        assert_eq!([6, 8].map(|at| text(&figures, at)), ["66.7% (of 3)", "3 min (rescued: 2)"]);
    }

    #[test]
    fn differences() {
        for (name, one, other, expected) in [
            ("re-runs", Some(10.0), Some(7.0), "-3"),
            ("re-runs", Some(7.0), Some(7.0), "="),
            ("precision", Some(50.0), Some(66.7), "+16.7 points"),
            ("precision", None, Some(66.7), "unknown"),
            ("red for (median)", Some(60.0), Some(90.0), "+30 s"),
        ] {
            assert_eq!(difference(name, one, other), expected);
        }
    }

    #[test]
    fn names_of_others_are_harmless() {
        let hostile = format!("\u{1b}[2J\r\n{}", "x".repeat(100));
        assert!(shown(&hostile).chars().count() <= NAME + 1 && !shown(&hostile).contains(['\u{1b}', '\r', '\n']));
    }
}
