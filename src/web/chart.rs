//! Charts as SVG within the page. None of them is the only place where its figures are told.

use maud::{Markup, html};

use crate::keeper::store::statistics::Figures;
use crate::time::Millis;

use super::html::date;

/// Rescued runs upwards and exhausted ones downwards, a bar for each day.
pub fn sparkline(id: &str, days: &[Figures]) -> Markup {
    let (rescued, exhausted) = sums(days);
    let most = most(days);
    let width = days.len() * 4;
    html! {
        svg.spark role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width) " 28" }
            preserveAspectRatio="none" {
            title id={ (id) "-title" } { "Last " (days.len()) " days" }
            desc id={ (id) "-desc" } { (rescued) " rescued, " (exhausted) " exhausted" }
            line.base x1="0" y1="19" x2=(width) y2="19" {}
            @for (day, figures) in days.iter().enumerate() {
                @let (up, down) = (height(figures.rescued, most, 18), height(figures.exhausted, most, 8));
                @if up > 0 { rect.good x=(day * 4) y=(19 - up) width="3" height=(up) {} }
                @if down > 0 { rect.bad x=(day * 4) y="20" width="3" height=(down) {} }
            }
        }
    }
}

/// The same with room: a scale, dates, and what each day brought.
pub fn days(id: &str, days: &[Figures], today: Millis) -> Markup {
    let (rescued, exhausted) = sums(days);
    let most = most(days);
    let date_of = |place: usize| {
        let ago = i64::try_from(days.len() - 1 - place).unwrap_or_default();
        date(Millis::of_day(today.day() - ago))
    };
    let width = days.len() * 24;
    html! {
        svg.days role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width + 40) " 128" } {
            title id={ (id) "-title" } { "Runs by day, last " (days.len()) " days" }
            desc id={ (id) "-desc" } {
                (rescued) " rescued, upwards; " (exhausted) " exhausted, downwards; at most " (most) " in a day"
            }
            line.base x1="36" y1="84" x2=(width + 36) y2="84" {}
            line.grid x1="36" y1="10" x2=(width + 36) y2="10" {}
            text.tick x="30" y="16" text-anchor="end" { (most) }
            text.tick x="30" y="88" text-anchor="end" { "0" }
            @for (day, figures) in days.iter().enumerate() {
                @let (up, down) = (height(figures.rescued, most, 74), height(figures.exhausted, most, 26));
                @let x = 38 + day * 24;
                @if up > 0 || down > 0 {
                    g {
                        title { (date_of(day)) ": " (figures.rescued) " rescued, " (figures.exhausted) " exhausted" }
                        @if up > 0 { rect.good x=(x) y=(84 - up) width="20" height=(up) rx="2" {} }
                        @if down > 0 { rect.bad x=(x) y="85" width="20" height=(down) rx="2" {} }
                    }
                }
            }
            @if let Some(last) = days.len().checked_sub(1) {
                text.tick x="38" y="124" { (date_of(0)) }
                text.tick.mid x=(38 + last / 2 * 24) y="124" text-anchor="middle" { (date_of(last / 2)) }
                text.tick x=(width + 36) y="124" text-anchor="end" { (date_of(last)) }
            }
        }
    }
}

/// How often something failed, a bar for each day.
pub fn trend(id: &str, by_day: &[u64]) -> Markup {
    let most = by_day.iter().copied().max().unwrap_or_default();
    let all: u64 = by_day.iter().sum();
    let recent: u64 = by_day.iter().rev().take(7).sum();
    let width = by_day.len() * 3;
    html! {
        svg.trend role="img" aria-labelledby={ (id) "-title " (id) "-desc" } viewBox={ "0 0 " (width) " 18" }
            preserveAspectRatio="none" {
            title id={ (id) "-title" } { "Failures by day" }
            desc id={ (id) "-desc" } { (all) " in " (by_day.len()) " days, " (recent) " of them in the last 7" }
            line.base x1="0" y1="17.5" x2=(width) y2="17.5" {}
            @for (day, failed) in by_day.iter().enumerate() {
                @let up = height(*failed, most, 16);
                @if up > 0 { rect.bad x=(day * 3) y=(17 - up) width="2" height=(up) {} }
            }
        }
    }
}

/// A rate, and the interval in which it is.
pub fn interval(id: &str, rate: crate::keeper::views::Rate) -> Markup {
    let place = |permille: u32| permille / 10 + 2;
    html! {
        svg.interval role="img" aria-labelledby={ (id) "-title" } viewBox="-2 0 108 12" {
            title id={ (id) "-title" } {
                "Between " (rate.permille_low / 10) " % and " (rate.permille_high.div_ceil(10)) " %, 19 times out of 20"
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

fn most(days: &[Figures]) -> u64 {
    days.iter().map(|day| day.rescued.max(day.exhausted)).max().unwrap_or_default()
}

/// Of a bar, at least 1 for something.
fn height(value: u64, most: u64, room: u64) -> u64 {
    if value == 0 || most == 0 { 0 } else { (value.saturating_mul(room) / most).clamp(1, room) }
}
