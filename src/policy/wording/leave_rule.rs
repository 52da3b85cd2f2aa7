//! A rule of a policy that leaves a job, as YAML to be pasted into the file.

use std::fmt::Write;

use crate::names::lengths;

use super::words::LONGEST;

/// The longest that a rule's name can be is 100.
const NAME_CHARS: usize = 90;

/// For a job of a workflow that failed at this step. What is not known is empty. Strangers choose all three.
///
/// `None`: no rule is for this job alone. A glob has no way to say the signs that stand for any character, and a job called `????` must
/// not bring a rule that leaves others.
pub fn leave_rule(workflow: &str, job: &str, step: &str) -> Option<String> {
    if job.is_empty() || [workflow, job, step].iter().any(|name| name.contains(['*', '?'])) {
        return None;
    }
    let name: String = if step.is_empty() { format!("leave {job}") } else { format!("leave {job}: {step}") };
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS).collect();
    let conditions =
        [("workflow", workflow), ("job", job), ("step", step)].into_iter().filter(|(_, it)| !it.is_empty());
    let conditions: Vec<_> = conditions.map(|(key, it)| format!("{key}: {}", quoted(&glob(it)))).collect();
    Some(format!("- name: {}\n  if: {{ {} }}\n  then: leave\n", quoted(&name), conditions.join(", ")))
}

/// Long names are stored cut, which their length says. A short one that ends with `…` is called so.
fn glob(name: &str) -> String {
    let chars = name.chars().count();
    let on_record = name.strip_suffix('…').filter(|_| chars == LONGEST + 1);
    if on_record.is_none() && chars < lengths::STORED {
        return name.to_owned();
    }
    let kept = on_record.unwrap_or(name).chars().take(lengths::STORED);
    kept.chain(['*']).collect()
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
            rule.unwrap(),
            "- name: \"leave test (ubuntu, 3.12): Run pytest\"\n  \
             if: { job: \"test (ubuntu, 3.12)\", step: \"Run pytest\" }\n  then: leave\n"
        );
        assert_eq!(
            leave_rule("ci", "deploy", "").unwrap(),
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
            ("# no comment: {yes} [no] &a !c | > % @ `", "YAML's signs"),
            ("main\u{202e}gnp.exe\u{2066}\u{feff}\u{85}\u{2028}", "what cannot be seen"),
            ("עברית 測試 🦀", "letters"),
            ("null", "a word of YAML's"),
            ("1.0", "a number"),
            ("a \"b\" \\ 'c' # : {x} [y], &!|>%@`", "more of YAML's signs"),
            ("ünï ✓ 🦀", "letters"),
            ("tab\there \u{1b}[31m", "control characters"),
            ("…", "what ends what was cut"),
            (&"x".repeat(lengths::STORED), "as long as is stored"),
        ] {
            let text = leave_rule(name, name, name).unwrap().replace('\n', "\n  ");
            let policy = policy::parse(&format!("version: 1\nrules:\n  {text}"), 10);
            let policy = policy.unwrap_or_else(|errors| panic!("{kind}: {errors:?}\n{text}"));
            let [rule] = policy.rules.as_slice() else { panic!("{kind}: {text}") };
            assert_eq!(rule.action, Action::Leave, "{kind}");
            let conditions = &rule.conditions;
            for globs in [&conditions.workflow, &conditions.job, &conditions.step] {
                assert!(globs.as_ref().is_some_and(|globs| globs.matches(name)), "{kind}: {text}");
                assert!(!globs.as_ref().is_some_and(|globs| globs.matches("another")), "{kind}: {text}");
            }
            assert!(text.lines().count() == 4 && text.is_ascii() || kind == "letters", "{kind}: {text}");
        }
        let long = format!("{}…", "x".repeat(100));
        let rule = leave_rule("", &long, &long).unwrap();
        assert!(rule.contains(&format!("job: \"{}*\"", "x".repeat(100))), "{rule}");
        let endless = "x".repeat(10_000);
        let rule = leave_rule("", &endless, &endless).unwrap();
        assert!(rule.len() < 600 && rule.contains("xxx*\", step: \""), "{rule}");
    }

    /// Seen to fail when `…` counts as cut (`*`), and when a star is any one character.
    #[test]
    fn a_name_that_would_be_a_rule_for_others_has_none() {
        for (workflow, job, step) in
            [("ci", "????", "x"), ("ci", "*", ""), ("c*", "test", ""), ("", "a", "?"), ("ci", "", "x")]
        {
            assert_eq!(leave_rule(workflow, job, step), None, "{workflow} {job} {step}");
        }
        for name in ["…", "a…", &format!("{}…", "x".repeat(99)), &format!("{}…", "x".repeat(150))] {
            let rule = leave_rule(name, name, name).unwrap();
            assert!(!rule.contains('*') && rule.contains("\\u2026\", job: "), "{rule}");
        }
    }
}
