//! Where a rule stands in its file.

use super::yaml::{self, Entry, Node, Value};

/// The names of a file's rules and the lines that they begin on, from 1. None of a text that is no policy.
pub fn lines_of_rules(text: &str) -> Vec<(String, u32)> {
    let Ok(Some(root)) = yaml::read(text) else { return vec![] };
    let Some(Node { value: Value::List(rules), .. }) = value(&root, "rules") else { return vec![] };
    let named = |rule: &Node| match &value(rule, "name")?.value {
        Value::Scalar { text, .. } => Some((text.clone(), rule.place.line)),
        Value::List(_) | Value::Map(_) => None,
    };
    rules.iter().filter_map(named).collect()
}

fn value<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().find(|Entry { key: known, .. }| known == key).map(|entry| &entry.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail when the file's own line is answered (2 for each, where its first key stands).
    #[test]
    fn rules_have_lines() {
        let text = "# ours\nversion: 1\nrules:\n  - name: network\n    if: { log: x }\n    then: rerun\n\n  - if: { job: y }\n    \
                    name: \"the rest\"\n    then: leave\n";
        assert_eq!(lines_of_rules(text), [("network".to_owned(), 4), ("the rest".to_owned(), 8)]);
        for none in ["", "rules: 7", "rules: [7, [], {name: {}}]", "- rules", "a: [", "rules:\n  name: x\n"] {
            assert_eq!(lines_of_rules(none), [], "{none}");
        }
    }
}
