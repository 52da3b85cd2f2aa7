//! What all pages share: the frame, the style, and how text from outside gets into them.
//!
//! Markup is made by `maud`, which escapes every text that is put into it. Names that others chose (branches, jobs,
//! runners: anyone who opens a pull request can) go through [`Foreign`] on top: bounded in length, without invisible
//! characters, and isolated, so that what is written from right to left turns nothing around it ([`escape::html()`]).

use std::sync::LazyLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest, Sha256};

use crate::escape::{self, NAME_CHARS, SENTENCE_CHARS, bounded};
use crate::keeper::views::RunView;
use crate::policy::RunOutcome;
use crate::time::{Millis, Span};

use super::cards::labelled;
use super::words;

pub const OVERVIEW: &str = "/overview";
pub const INSIGHTS: &str = "/insights";

const STYLE: &str = include_str!("style.css");

const SCRIPT: &str = include_str!("page.js");

/// Two arrows around a dot. In the page, so that no request is made for it.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' \
    height='32' rx='7' fill='%230a5bb5'/%3E%3Cg fill='none' stroke='%23fff' stroke-width='3' stroke-linecap='round' \
    stroke-linejoin='round'%3E%3Cpath d='M25 16a9 9 0 0 1-16 5.6M7 16a9 9 0 0 1 16-5.6'/%3E%3Cpath d='M23 5v6h-6M9 27v-6h6'/%3E%3C/g%3E%3C/svg%3E";

/// Nothing from elsewhere, no script and no style but ours, no form that leads elsewhere, no frame around it.
pub fn content_security_policy(form_action: &str) -> String {
    fn hash(text: &str) -> String {
        BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
    }
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| hash(STYLE));
    static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hash(SCRIPT));
    let (style, script) = (&*STYLE_HASH, &*SCRIPT_HASH);
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action {form_action}; frame-ancestors 'none'"
    )
}

/// A name from outside.
pub struct Foreign<'a>(pub &'a str);

/// A sentence of ours that may hold names from outside.
pub struct Sentence<'a>(pub &'a str);

impl Render for Foreign<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape::html(self.0, NAME_CHARS, buffer);
    }
}

impl Render for Sentence<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape::html(self.0, SENTENCE_CHARS, buffer);
    }
}

/// A sentence in which code stands between backticks.
pub fn with_code(sentence: &str) -> Markup {
    html! {
        @for (place, part) in sentence.split('`').enumerate() {
            @if place % 2 == 1 { code { (Sentence(part)) } } @else if !part.is_empty() { (Sentence(part)) }
        }
    }
}

/// Something that is not as it should be, and what to do about it.
pub struct Alert {
    pub serious: bool,
    pub what: Markup,
    pub remedy: Markup,
}

pub struct Frame<'a> {
    /// Of the window, in front of the name of the program.
    pub title: &'a str,
    /// Links that lead here, outermost first.
    pub above: &'a [(&'a str, &'a str)],
    pub alerts: &'a [Alert],
    /// When what is shown was so.
    pub at: Option<Millis>,
}

pub fn page(frame: &Frame, body: &Markup) -> String {
    let Frame { title, above, alerts, at } = frame;
    let title = if title.is_empty() { "Rerunner".to_owned() } else { format!("{title} · Rerunner") };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(ICON);
                title { (bounded(&title, NAME_CHARS)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header.top {
                    nav aria-label="Breadcrumb" {
                        ol.crumbs {
                            li { a.brand href="/" { "Rerunner" } }
                            @for (href, name) in *above {
                                li { a href=(href) { (name) } }
                            }
                        }
                    }
                }
                main #content {
                    @for alert in *alerts {
                        div.alert.serious[alert.serious] role="note" {
                            p { strong { (alert.what) } }
                            p { (alert.remedy) }
                        }
                    }
                    (body)
                }
                footer {
                    p {
                        "Rerunner " (env!("CARGO_PKG_VERSION"))
                        @if let Some(at) = at {
                            " · as of " (exact(*at)) " · " a.reload href="" { "Reload" }
                        }
                        " · " a href="/glossary" { "Glossary" }
                    }
                }
                @if at.is_some() { script { (PreEscaped(SCRIPT)) } }
            }
        }
    };
    page.into_string()
}

/// A page that only says something.
pub fn message(title: &str, above: &[(&str, &str)], text: &Markup) -> String {
    page(&Frame { title, above, alerts: &[], at: None }, &html! { h1 { (title) } p.lead { (text) } })
}

/// A figure with its name, for a list of them.
pub fn tile(name: &str, figure: &str, more: &Markup) -> Markup {
    html! {
        div.tile { dt { (term(name)) } dd { span.figure { (figure) } @if !more.0.is_empty() { span.more { (more) } } } }
    }
}

/// A word of ours, with a link to what it means.
pub fn term(text: &str) -> Markup {
    match words::find(text) {
        Some(word) => html! { a.term href={ "/glossary#" (word.id) } { (text) } },
        None => html! { (text) },
    }
}

/// A table that can be scrolled sideways where there is little room, by keyboard too. On a phone its rows become cards.
pub fn scrollable(label: &str, table: &Markup) -> Markup {
    html! { div.scroll role="region" aria-label=(label) tabindex="0" { (PreEscaped(labelled(&table.0))) } }
}

pub fn outcome(outcome: RunOutcome) -> Markup {
    let sign = match outcome {
        RunOutcome::Waiting => "◷",
        RunOutcome::Rerunning => "↻",
        RunOutcome::Rescued => "✓",
        RunOutcome::Exhausted => "✗",
        RunOutcome::Left => "–",
        RunOutcome::Failed => "!",
        RunOutcome::Superseded => "»",
    };
    let meaning = words::find(name(outcome)).map(|word| word.meaning);
    html! {
        span class={ "outcome " (outcome.as_str()) } title=[meaning] { span aria-hidden="true" { (sign) } " " (name(outcome)) }
    }
}

/// A run's outcome; of one whose re-run is held, or that waits in a paused repository, that.
pub fn state(run: &RunView, is_paused: bool) -> Markup {
    match run.outcome {
        RunOutcome::Waiting if is_paused => {
            html! { span.outcome.waiting { span aria-hidden="true" { "‖" } " paused" } }
        }
        _ if run.held_since.is_some() => held(),
        other => outcome(other),
    }
}

/// The same, with a link to what it means.
pub fn state_link(run: &RunView, is_paused: bool) -> Markup {
    let word = match run.outcome {
        RunOutcome::Waiting if is_paused => "paused",
        _ if run.held_since.is_some() => "held",
        other => name(other),
    };
    let id = words::find(word).map_or("", |word| word.id);
    html! { a href={ "/glossary#" (id) } { (state(run, is_paused)) } }
}

pub fn held() -> Markup {
    html! { span.outcome.waiting { span aria-hidden="true" { "‖" } " held" } }
}

pub fn name(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Rerunning => "re-running",
        RunOutcome::Left => "left alone",
        other => other.as_str(),
    }
}

/// A point in time as it is seen from another: `3 min ago`, `in 20 s`. The exact time is with it.
pub fn when(time: Millis, now: Millis) -> Markup {
    let text = if time > now {
        format!("in {}", span(time - now))
    } else if now - time < Span::seconds(1) {
        "now".to_owned()
    } else if now - time < Span::days(14) {
        format!("{} ago", span(now - time))
    } else {
        date(time)
    };
    html! { time datetime=(time.to_rfc3339()) title=(time.in_words()) { (text) } }
}

/// A point in time, exactly. Where there is JavaScript it becomes the reader's own time, with this at hand.
pub fn exact(time: Millis) -> Markup {
    html! { time.exact datetime=(time.to_rfc3339()) title=(time.in_words()) { (time.in_words()) } }
}

/// The largest unit: `40 s`, `5 min`, `3 h`, `12 d`.
fn span(span: Span) -> String {
    match span.as_millis() / 1_000 {
        s @ ..60 => format!("{} s", s.max(1)),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// An amount of time, in its two largest units.
pub fn amount(seconds: u64) -> String {
    let two = |first: u64, unit: &str, second: u64, smaller: &str| match second {
        0 => format!("{first} {unit}"),
        second => format!("{first} {unit} {second} {smaller}"),
    };
    match seconds {
        s @ ..60 => format!("{s} s"),
        s @ 60..600 => two(s / 60, "min", s % 60, "s"),
        s @ 600..3_600 => format!("{} min", s / 60),
        s @ 3_600..36_000 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        s @ 36_000..86_400 => format!("{} h", s / 3_600),
        s @ 864_000.. => format!("{} d", s / 86_400),
        s => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// With thin spaces between thousands.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join("\u{202f}")
}

/// In whole per cent; the ends are only said where they are exact.
pub fn percent(permille: u32) -> String {
    match permille {
        0 => "0%".to_owned(),
        1..10 => "< 1%".to_owned(),
        991..1_000 => "> 99%".to_owned(),
        permille => format!("{}%", (permille + 5) / 10),
    }
}

pub fn date(time: Millis) -> String {
    time.to_rfc3339().get(..10).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_foreign_stays_text() {
        let shown = |text: &str| html! { (Foreign(text)) }.into_string();
        assert_eq!(shown("<script>alert(1)</script>"), "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>");
        assert_eq!(shown("a\"b'c&d"), "<bdi>a&quot;b'c&amp;d</bdi>");
        assert_eq!(shown("main\u{202e}gnp.exe\u{200b}\n"), "<bdi>maingnp.exe</bdi>");
        assert_eq!(shown("עברית"), "<bdi>עברית</bdi>");
        let long = shown(&"ü".repeat(10_000));
        assert_eq!(long.chars().count(), NAME_CHARS + "<bdi>…</bdi>".chars().count());
        let hidden = shown(&"\u{202e}".repeat(10_000));
        assert_eq!(hidden, "<bdi>…</bdi>");
    }

    #[test]
    fn amounts() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (600, "10 min"),
            (3_659, "1 h"),
            (3_660, "1 h 1 min"),
            (86_000, "23 h"),
            (90_000, "1 d 1 h"),
            (1_000_000, "11 d"),
        ] {
            assert_eq!(amount(seconds), text);
        }
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(999), "999");
        for (permille, text) in [(0, "0%"), (3, "< 1%"), (885, "89%"), (996, "> 99%"), (1_000, "100%")] {
            assert_eq!(percent(permille), text);
        }
    }

    #[test]
    fn every_outcome_is_in_the_glossary() {
        for outcome in RunOutcome::ALL {
            assert!(words::find(name(outcome)).is_some(), "{}", name(outcome));
        }
        assert!(term("Rescued").into_string().contains("href=\"/glossary#rescued\""));
        assert_eq!(term("Workflow").into_string(), "Workflow");
    }

    #[test]
    fn times_are_seen_from_now() {
        let now = Millis(1_795_446_245_000);
        let seen = |time| when(time, now).into_string();
        assert!(seen(now + Span::seconds(20)).contains(">in 20 s<"));
        assert!(seen(Millis(now.0 - 200_000)).contains(">3 min ago<"));
        assert!(seen(Millis(now.0 - Span::days(40).as_millis())).contains(">2026-10-14<"));
        assert!(seen(now).contains("2026-11-23 15:04:05 UTC"));
    }
}
