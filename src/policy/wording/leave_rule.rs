//! A rule of a policy that leaves a job, as YAML to be pasted into the file.

use std::fmt::Write;

use crate::names::lengths;

/// The longest that a rule's name can be is 100.
const NAME_CHARS: usize = 90;

/// For a job of a workflow that failed at this step. What is not known is empty. Strangers choose all three.
pub fn leave_rule(workflow: &str, job: &str, step: &str) -> String {
    let name: String = if step.is_empty() { format!("leave {job}") } else { format!("leave {job}: {step}") };
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    let conditions =
        [("workflow", workflow), ("job", job), ("step", step)].into_iter().filter(|(_, it)| !it.is_empty());
    let conditions: Vec<_> = conditions.map(|(key, it)| format!("{key}: {}", quoted(&glob(it)))).collect();
    format!("- name: {}\n  if: {{ {} }}\n  then: leave\n", quoted(&name), conditions.join(", "))
}

/// Long names are stored cut, which their length or their last character says.
fn glob(name: &str) -> String {
    // A glob has no way to say a star but one for any character.
    let mut glob: String = name.chars().take(lengths::STORED).map(|c| if c == '*' { '?' } else { c }).collect();
    let is_cut = name.chars().count() >= lengths::STORED || glob.ends_with('…');
    glob.truncate(glob.trim_end_matches('…').len());
    if is_cut {
        glob.push('*');
    }
    glob
}

/// In YAML's double quotes, with everything escaped that could end them, or be seen as something else than it is.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() && u32::from(c) < 0x1_0000 => quoted.push(c),
            c => {
                let (letter, width) = if u32::from(c) < 0x1_0000 { ('u', 4) } else { ('U', 8) };
                let _ = write!(quoted, "\\{letter}{:0width$x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{self, Action};

    #[test]
    fn is_as_one_would_write_it() {
        let rule = leave_rule("", "test (ubuntu, 3.12)", "Run pytest");
        assert_eq!(
            rule,
            "- name: \"leave test (ubuntu, 3.12): Run pytest\"\n  \
             if: { job: \"test (ubuntu, 3.12)\", step: \"Run pytest\" }\n  then: leave\n"
        );
        assert_eq!(
            leave_rule("ci", "deploy", ""),
            "- name: \"leave deploy\"\n  if: { workflow: \"ci\", job: \"deploy\" }\n  then: leave\n"
        );
    }

    /// Seen to fail when a quote is not escaped, and when a name is not cut.
    #[test]
    fn is_a_rule_for_that_name_whatever_it_is_called() {
        for (name, kind) in [
            ("test", "plain"),
            ("a \"quoted\" \\ name", "quotes"),
            ("x\", step: \"y\" }\n  then: rerun\n- name: \"z", "a rule of its own"),
            ("# no comment: {yes} [no] &a *b !c | > % @ `", "YAML's signs"),
            ("main\u{202e}gnp.exe\u{2066}\u{feff}\u{85}\u{2028}", "what cannot be seen"),
            ("עברית 測試 🦀", "letters"),
            ("null", "a word of YAML's"),
            ("1.0", "a number"),
            ("a \"b\" \\ 'c' # : {x} [y], *&!|>%@`", "more of YAML's signs"),
            ("ünï ✓ 🦀", "letters"),
            ("tab\there \u{1b}[31m", "control characters"),
            ("*", "a star"),
            (&"x".repeat(lengths::STORED), "as long as is stored"),
        ] {
            let text = leave_rule(name, name, name).replace('\n', "\n  ");
            let policy = policy::parse(&format!("version: 1\nrules:\n  {text}"), 10);
            let policy = policy.unwrap_or_else(|errors| panic!("{kind}: {errors:?}\n{text}"));
            let [rule] = policy.rules.as_slice() else { panic!("{kind}: {text}") };
            assert_eq!(rule.action, Action::Leave, "{kind}");
            let conditions = &rule.conditions;
            for globs in [&conditions.workflow, &conditions.job, &conditions.step] {
                assert!(globs.as_ref().is_some_and(|globs| globs.matches(name)), "{kind}: {text}");
            }
            assert!(text.lines().count() == 4 && text.is_ascii() || kind == "letters", "{kind}: {text}");
        }
        let long = format!("{}…", "x".repeat(100));
        let rule = leave_rule("", &long, &long);
        assert!(rule.contains(&format!("job: \"{}*\"", "x".repeat(100))), "{rule}");
        let endless = "x".repeat(10_000);
        let rule = leave_rule("", &endless, &endless);
        assert!(rule.len() < 600 && rule.contains("xxx*\", step: \""), "{rule}");
    }
}
