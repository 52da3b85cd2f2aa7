//! Charts as SVG within the page. None of them is the only place where its figures are told.
//!
//! A bar's length is its number times one factor, which is the same for all bars of a chart, upwards and downwards. So a small
//! number beside a large one is a short bar, and never a longer one to be seen better.

use std::fmt;

use maud::{Markup, Render, html};

use crate::keeper::store::statistics::Figures;
use crate::time::Millis;

use super::html::date;

/// In hundredths, of the picture's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Length(u64);

impl Length {
    const fn units(units: u64) -> Self {
        Self(units * 100)
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (units, 0) => write!(f, "{units}"),
            (units, hundredths) => write!(f, "{units}.{hundredths:02}"),
        }
    }
}

impl Render for Length {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str(&self.to_string());
    }
}

/// So many take so much room.
#[derive(Debug, Clone, Copy)]
struct Scale {
    most: u64,
    room: Length,
}

impl Scale {
    fn length(self, value: u64) -> Length {
        let hundredths = u128::from(value) * u128::from(self.room.0) / u128::from(self.most.max(1));
        Length(u64::try_from(hundredths).unwrap_or_default().min(self.room.0))
    }
}

/// Rescued runs upwards and exhausted ones downwards, a bar for each day. `none`: what is said where there are none.
pub fn sparkline(id: &str, days: &[Figures], none: &str) -> Markup {
    const ROOM: Length = Length::units(26);
    let (rescued, exhausted) = sums(days);
    let (up, down) = most(days);
    if (up, down) == (0, 0) {
        return html! { span.small { (none) } };
    }
    let scale = Scale { most: up + down, room: ROOM };
    let zero = Length::units(1).plus(scale.length(up));
    let width = days.len() * 4;
    html! {
        svg.spark role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width) " 28" }
            preserveAspectRatio="none" {
            title id={ (id) "-title" } { "Last " (days.len()) " days" }
            desc id={ (id) "-desc" } { (rescued) " rescued, " (exhausted) " exhausted" }
            line.base x1="0" y1=(zero) x2=(width) y2=(zero) {}
            @for (day, figures) in days.iter().enumerate() {
                @let (up, down) = (scale.length(figures.rescued), scale.length(figures.exhausted));
                @if figures.rescued > 0 { rect.good x=(day * 4) y=(zero.minus(up)) width="3" height=(up) {} }
                @if figures.exhausted > 0 { rect.bad x=(day * 4) y=(zero) width="3" height=(down) {} }
            }
        }
    }
}

/// At most so many ticks beside zero, as they need room.
const STEPS: u64 = 5;

/// How many runs there are between two ticks: 1, 2 or 5 of a power of ten.
fn step(up: u64, down: u64) -> u64 {
    let steps = |step: u64| up.div_ceil(step) + down.div_ceil(step);
    let powers = (0..18).map(|power| 10_u64.pow(power));
    let mut candidates = powers.flat_map(|power| [power, 2 * power, 5 * power]);
    candidates.find(|step| steps(*step) <= STEPS).unwrap_or(u64::MAX)
}

/// The same with room: a scale, dates, and what each day brought.
pub fn days(id: &str, days: &[Figures], today: Millis) -> Markup {
    const TOP: Length = Length::units(12);
    const ROOM: Length = Length::units(110);
    let (rescued, exhausted) = sums(days);
    let (up, down) = most(days);
    if (up, down) == (0, 0) {
        return html! { p.empty { "No run was rescued or exhausted in the last " (days.len()) " days." } };
    }
    let date_of = |place: usize| {
        let ago = i64::try_from(days.len() - 1 - place).unwrap_or_default();
        date(Millis::of_day(today.day() - ago))
    };
    let step = step(up, down);
    let (steps_up, steps_down) = (up.div_ceil(step), down.div_ceil(step));
    let scale = Scale { most: (steps_up + steps_down).saturating_mul(step), room: ROOM };
    let zero = TOP.plus(scale.length(steps_up * step));
    let ticks = (1..=steps_up).map(|n| (n * step, zero.minus(scale.length(n * step))));
    let ticks = ticks.chain((1..=steps_down).map(|n| (n * step, zero.plus(scale.length(n * step)))));
    let width = days.len() * 24;
    html! {
        svg.days role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width + 44) " 148" } {
            title id={ (id) "-title" } { "Runs by day, last " (days.len()) " days" }
            desc id={ (id) "-desc" } {
                (rescued) " rescued, upwards, at most " (up) " in a day; " (exhausted) " exhausted, downwards, at most " (down)
            }
            @for (count, y) in ticks {
                line.grid x1="40" y1=(y) x2=(width + 40) y2=(y) {}
                text.tick x="34" y=(y.plus(Length::units(4))) text-anchor="end" { (count) }
            }
            line.base x1="40" y1=(zero) x2=(width + 40) y2=(zero) {}
            text.tick x="34" y=(zero.plus(Length::units(4))) text-anchor="end" { "0" }
            @for (day, figures) in days.iter().enumerate() {
                @let (up, down) = (scale.length(figures.rescued), scale.length(figures.exhausted));
                @let x = 42 + day * 24;
                @if figures.rescued > 0 || figures.exhausted > 0 {
                    g {
                        title { (date_of(day)) ": " (figures.rescued) " rescued, " (figures.exhausted) " exhausted" }
                        @if figures.rescued > 0 { rect.good x=(x) y=(zero.minus(up)) width="20" height=(up) {} }
                        @if figures.exhausted > 0 { rect.bad x=(x) y=(zero) width="20" height=(down) {} }
                    }
                }
            }
            @if let Some(last) = days.len().checked_sub(1) {
                text.tick x="42" y="144" { (date_of(0)) }
                text.tick.mid x=(42 + last / 2 * 24) y="144" text-anchor="middle" { (date_of(last / 2)) }
                text.tick x=(width + 40) y="144" text-anchor="end" { (date_of(last)) }
            }
        }
    }
}

/// How often something failed, a bar for each day.
pub fn trend(id: &str, by_day: &[u64]) -> Markup {
    let scale = Scale { most: by_day.iter().copied().max().unwrap_or_default(), room: Length::units(16) };
    let all: u64 = by_day.iter().sum();
    let recent: u64 = by_day.iter().rev().take(7).sum();
    let width = by_day.len() * 3;
    if all == 0 {
        return html! { span.small { "none lately" } };
    }
    html! {
        svg.trend role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width) " 18" }
            preserveAspectRatio="none" {
            title id={ (id) "-title" } { "Failures by day" }
            desc id={ (id) "-desc" } { (all) " in " (by_day.len()) " days, " (recent) " of them in the last 7" }
            line.base x1="0" y1="17.5" x2=(width) y2="17.5" {}
            @for (day, failed) in by_day.iter().enumerate() {
                @let up = scale.length(*failed);
                @if *failed > 0 { rect.bad x=(day * 3) y=(Length::units(17).minus(up)) width="2" height=(up) {} }
            }
        }
    }
}

/// A rate, and the interval in which it is.
pub fn interval(id: &str, rate: crate::keeper::views::Rate) -> Markup {
    let scale = Scale { most: 1_000, room: Length::units(100) };
    let place = |permille: u32| Length::units(2).plus(scale.length(permille.into()));
    html! {
        svg.interval role="img" aria-labelledby={ (id) "-title" } viewBox="-2 0 108 12" {
            title id={ (id) "-title" } {
                "95% interval: " (rate.permille_low / 10) "% to " (rate.permille_high.div_ceil(10)) "%"
            }
            line.base x1="2" y1="6" x2="102" y2="6" {}
            line.range x1=(place(rate.permille_low)) y1="6" x2=(place(rate.permille_high)) y2="6" {}
            circle.good cx=(place(rate.permille)) cy="6" r="3.5" {}
        }
    }
}

fn sums(days: &[Figures]) -> (u64, u64) {
    days.iter().fold((0, 0), |(rescued, exhausted), day| (rescued + day.rescued, exhausted + day.exhausted))
}

/// Upwards, and downwards.
fn most(days: &[Figures]) -> (u64, u64) {
    let most = |of: fn(&Figures) -> u64| days.iter().map(of).max().unwrap_or_default();
    (most(|day| day.rescued), most(|day| day.exhausted))
}

#[cfg(test)]
mod tests;
