//! The results of re-runs, as the overview and a repository's page show it. The words are defined here, once.

use maud::{Markup, html};

use crate::keeper::judgement::{RerunFigures, RerunsByOrdinal, RerunsByPolicy, RerunsByRule, RuleKind};
use crate::web::chart;
use crate::web::html::{Foreign, number, percent, scrollable, tile};

pub fn definition() -> Markup {
    html! {
        "Re-runs, by how their attempt ended. The result of those under " b { "Unknown" } " is not known, or not yet; the share \
        that passed is of the others."
    }
}

/// Two of them: what was made, and how much of it helped.
pub fn tiles(figures: Option<&RerunFigures>) -> Markup {
    let Some(figures) = figures else {
        return html! {
            (tile("Re-runs", "unknown", &html! { "in 30 days" }))
            (tile("Re-runs that passed", "unknown", &html! { "not recorded yet" }))
        };
    };
    let known = figures.rescued + figures.wasted;
    html! {
        (tile("Re-runs", &number(figures.made), &html! { (number(figures.rescued)) " passed, " (number(figures.wasted)) " failed again" }))
        (tile("Re-runs that passed", &precision(figures), &match known {
            0 => html! { "no re-run has ended yet" },
            _ => html! { "of " (number(known)) " re-runs with a known result" },
        }))
    }
}

pub fn precision(figures: &RerunFigures) -> String {
    figures.precision.map_or_else(|| "unknown".to_owned(), |rate| percent(rate.permille))
}

/// What there is to show; `None`: it is not known.
pub struct Shown<'a> {
    pub total: &'a RerunFigures,
    pub by_rerun: &'a [RerunsByOrdinal],
    pub by_policy: Option<&'a [RerunsByPolicy]>,
    pub by_rule: &'a [RerunsByRule],
}

pub fn table(shown: &Shown) -> Markup {
    let by_rerun = shown.by_rerun.iter().filter(|it| it.figures.made > 0);
    html! {
        (scrollable("Results of re-runs", &html! {
            table.brought {
                caption { span { (definition()) " The bar is its 95% interval." } }
                thead { tr {
                    th scope="col" { "Re-runs" }
                    th.n.w scope="col" { "Made" }
                    th.n scope="col" { "Passed" }
                    th.n scope="col" { "Failed again" }
                    th.n.w scope="col" { "Unknown" }
                    th scope="col" { "Re-runs that passed" }
                } }
                tbody {
                    (row("precision-all", &html! { "All" }, shown.total))
                    @for it in by_rerun { (row(&format!("precision-n-{}", it.rerun), &html! { (nth(it.rerun)) }, &it.figures)) }
                }
                @match shown.by_policy {
                    Some(policies) => {
                        (group("By policy", policies.iter().map(|it| (policy(it.policy.as_deref()), &it.figures))))
                    }
                    None => tbody { tr.group { th scope="rowgroup" colspan="6" { "By policy: not known here; see each repository's page" } } },
                }
                (group("By rule", shown.by_rule.iter().map(|it| (rule(it), &it.figures))))
            }
        }))
    }
}

fn group<'a>(name: &str, rows: impl ExactSizeIterator<Item = (Markup, &'a RerunFigures)>) -> Markup {
    let id = name.replace(' ', "-").to_lowercase();
    html! {
        @if rows.len() > 0 {
            tbody {
                tr.group { th scope="rowgroup" colspan="6" { (name) } }
                @for (place, (name, figures)) in rows.enumerate() { (row(&format!("precision-{id}-{place}"), &name, figures)) }
            }
        }
    }
}

fn row(id: &str, name: &Markup, figures: &RerunFigures) -> Markup {
    html! {
        tr {
            th.wrap scope="row" { (name) }
            td.n.w { (number(figures.made)) }
            td.n { (number(figures.rescued)) }
            td.n { (number(figures.wasted)) }
            td.n.w { (number(figures.unknown)) }
            td { @match figures.precision {
                Some(rate) => { (percent(rate.permille)) (chart::interval(id, rate)) }
                None => span.small { "unknown" },
            } }
        }
    }
}

fn nth(rerun: u64) -> &'static str {
    match rerun {
        1 => "First re-run of a run",
        2 => "Second",
        3 => "Third",
        _ => "Fourth or later",
    }
}

pub fn policy(policy: Option<&str>) -> Markup {
    match policy {
        None => html! { span.small { "unknown" } },
        Some("organization") => html! { "the organization's file" },
        Some("command") => html! { "a command" },
        Some("repository") => html! { "the repository's file" },
        Some(preset) => html! { "preset " (Foreign(preset)) },
    }
}

fn rule(of: &RerunsByRule) -> Markup {
    html! {
        @match (of.by, &of.rule) {
            (RuleKind::Rule, Some(rule)) => (Foreign(rule)),
            (RuleKind::Rule | RuleKind::Unknown, _) => span.small { "unknown" },
            (RuleKind::Otherwise, _) => { "otherwise" span.small { ": no rule matched" } }
            (RuleKind::Others, _) => span.small { "others, too many to list" },
        }
        @if of.policy.is_some() { div.small { (policy(of.policy.as_deref())) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when a command is taken for a preset.
    #[test]
    fn what_decided_is_named() {
        for (stored, shown) in [
            (Some("command"), "a command"),
            (Some("repository"), "the repository's file"),
            (Some("organization"), "the organization's file"),
            (Some("careful"), "preset <bdi>careful</bdi>"),
            (None, "<span class=\"small\">unknown</span>"),
        ] {
            assert_eq!(policy(stored).into_string(), shown);
        }
    }
}
