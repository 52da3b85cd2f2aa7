//! Tables whose rows become cards where there is little room: each cell carries the name of its column for the style to show.

use crate::web::words;

/// A table of ours, as markup: names its cells by its head, and links what the head has of the glossary's words.
pub fn labelled(table: &str) -> String {
    let Some((head, body)) = table.split_once("</thead>") else { return table.to_owned() };
    let (mut columns, mut out) = (Vec::new(), String::with_capacity(table.len() * 5 / 4));
    let mut rest = head;
    while let Some((before, tag, after)) = next_tag(rest, &["th"]) {
        let (name, after) = after.split_once("</th>").unwrap_or((after, ""));
        out.extend([before, tag]);
        // In a head, that is how often a job failed.
        let word = words::find(name).filter(|word| word.id != "failed");
        match word {
            None if matches!(name, "Outcome" | "State") => {
                out.extend(["<a class=\"term\" href=\"/glossary\">", name, "</a>"])
            }
            Some(word) => out.extend(["<a class=\"term\" href=\"/glossary#", word.id, "\">", name, "</a>"]),
            None => out.push_str(name),
        }
        out.push_str("</th>");
        columns.extend(std::iter::repeat_n(text(name), span(tag)));
        rest = after;
    }
    out.extend([rest, "</thead>"]);
    let (mut rest, mut column) = (body, 0);
    while let Some((before, tag, after)) = next_tag(rest, &["tr", "th", "td"]) {
        out.push_str(before);
        match tag.get(..3) {
            Some("<td") => {
                let label = columns.get(column).map_or("", String::as_str);
                out.extend(["<td data-label=\"", label, "\"", tag.get(3..).unwrap_or_default()]);
                column += span(tag);
            }
            Some("<th") => {
                out.push_str(tag);
                column += span(tag);
            }
            _ => {
                out.push_str(tag);
                column = 0;
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The next of these tags, with what is before and after it. Names of others are escaped, so that they hold none.
fn next_tag<'a>(text: &'a str, names: &[&str]) -> Option<(&'a str, &'a str, &'a str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find('<')?;
        let rest = text.get(start..)?;
        let end = start + rest.find('>')? + 1;
        let tag = text.get(start..end)?;
        let name = tag.get(1..)?.split([' ', '>']).next()?;
        if names.contains(&name) {
            return Some((text.get(..start)?, tag, text.get(end..)?));
        }
        from = end;
    }
}

fn span(tag: &str) -> usize {
    let span = tag.split_once(" colspan=\"").and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
    span.unwrap_or(1)
}

fn text(markup: &str) -> String {
    let mut parts = markup.split('<');
    let first = parts.next().unwrap_or_default();
    parts.filter_map(|part| part.split_once('>')).map(|(_, text)| text).fold(first.to_owned(), |all, text| all + text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when a cell takes the name of the column before it, and when a span counts as one.
    #[test]
    fn cells_know_their_columns() {
        let table = "<table><caption>x</caption><thead><tr><th scope=\"col\">Failed</th><th class=\"n\" scope=\"col\"><a href=\"?sort\">Took</a></th>\
                     <th scope=\"col\">Failed again</th></tr></thead><tbody><tr class=\"group\"><th colspan=\"3\">By rule</th></tr>\
                     <tr><th scope=\"row\"><a>a</a></th><td class=\"n\">1<br>2</td><td>&lt;td&gt;</td></tr>\
                     <tr><td colspan=\"2\">b</td><td>c</td></tr></tbody></table>";
        let labelled = labelled(table);
        for expected in [
            "<th class=\"n\" scope=\"col\"><a href=\"?sort\">Took</a></th>",
            "<th scope=\"col\"><a class=\"term\" href=\"/glossary#wasted\">Failed again</a></th></tr></thead>",
            "<th scope=\"row\"><a>a</a></th><td data-label=\"Took\" class=\"n\">1<br>2</td><td data-label=\"Failed again\">&lt;td&gt;</td></tr>",
            "<th scope=\"col\">Failed</th>",
            "<tr><td data-label=\"Failed\" colspan=\"2\">b</td><td data-label=\"Failed again\">c</td></tr></tbody></table>",
        ] {
            assert!(labelled.contains(expected), "{expected} is not in {labelled}");
        }
        for same in ["", "<p>none</p>", "<table><tr><td>a</td></tr></table>"] {
            assert_eq!(super::labelled(same), same);
        }
    }
}
