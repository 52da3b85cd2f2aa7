use super::Pattern;

#[track_caller]
fn matches(pattern: &str, line: &str) -> bool {
    let mut left = 1_000_000;
    Pattern::parse(pattern).unwrap().matches(line, &mut left).unwrap()
}

#[test]
fn patterns() {
    for (pattern, line, expected) in [
        ("reset", "connection reset by peer", true),
        ("^reset", "connection reset by peer", false),
        ("^connection", "connection reset by peer", true),
        ("peer$", "connection reset by peer", true),
        ("reset$", "connection reset by peer", false),
        ("a*b*c", "a-b-c", true),
        ("a*b*c", "a-c-b", false),
        ("exit code #$", "exit code 137", true),
        ("exit code #7", "exit code 137", true),
        ("exit code #", "exit code x", false),
        ("{one|two{|s}} three", "twos three", true),
        ("{one|two{|s}} three", "two three", true),
        ("{one|two{|s}} three", "ones three", false),
        ("{*::|*.py}: bad", "x.py: bad", true),
        (r"\*\*\* [*] Error #", "make: *** [all] Error 2", true),
        (r"{\{|\}}", "}", true),
        ("✖ # problems", "✖ 12 problems", true),
        ("a|b", "a|b", true),
    ] {
        assert_eq!(matches(pattern, line), expected, "{pattern} in {line}");
    }
}

#[test]
fn patterns_that_are_none() {
    for pattern in ["{a", "a}", "{a|{b}", "a\\"] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn needles() {
    for (pattern, expected) in [
        ("error: * failed to download", vec![" failed to download"]),
        ("{read|write} {ECONNRESET|ETIMEDOUT}", vec!["ECONNRESET", "ETIMEDOUT"]),
        ("{a|*}", vec![]),
        ("#*", vec![]),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap().needles(), expected, "{pattern}");
    }
}

/// However the pattern is made, and whatever it is given.
#[test]
fn a_pattern_is_bounded() {
    let pattern = Pattern::parse("{a*|*a}*{a*|*a}*{a*|*a}*{a*|*a}*{#*|*#}b").unwrap();
    let line = "a1".repeat(1_000);
    let mut left = 100_000;
    assert_eq!(pattern.matches(&line, &mut left).ok(), Some(false));
    assert!(pattern.matches(&line, &mut 1_000).is_err());
}
