//! What patterns mean, and what they cost.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Which of the patterns match, and what it took to find out.
fn matching(patterns: &[&str], texts: &[&str]) -> (BTreeSet<usize>, u64) {
    let hirs: Vec<Hir> = patterns.iter().map(|text| syntax::parse(text).unwrap()).collect();
    let set = Arc::new(PatternSet { texts: vec![], automaton: Automaton::new(&hirs).unwrap() });
    let (mut search, mut found, mut left) = (Search::new(&set), BTreeSet::new(), u64::MAX);
    for text in texts {
        search.run(text, &mut left, |pattern| _ = found.insert(pattern)).unwrap();
    }
    (found, u64::MAX - left)
}

fn finds(patterns: &[&str], text: &str) -> Vec<usize> {
    matching(patterns, &[text]).0.into_iter().collect()
}

/// Pieces of patterns, of which some make no sense together.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "a", "b", "K", "k", "é", "ſ", "K", "_", " ", r"\.", ".", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "*?", "(",
    "(?:", ")", "|", "^", "$", r"\b", r"\B", r"\A", r"\z", r"\b{start}", r"\b{end-half}", r"\w", r"\W", r"\d", r"\D",
    r"\s", r"\S", "[ab]", "[^a]", "[^é]", "[[:alpha:]]", "[[:^digit:]]", r"[\w-]", r"[^\W_]", "[a-k]", "[-a]",
    "[]a]", "[^]]", r"\x41", r"\u{e9}", r"\n", r"\t", "(?i)", "(?-i)", "(?m)", "(?s)", "(?R)", "(?x)", "(?u)",
    "(?U)", "(?i:", "(?-s:", "(?m-i:", "#", r"\#", r"\p{L}", "[a&&b]", "[a[b]]", r"\1", "(?=", r"\Z", r"\<", "-",
    "(?P<n>", "(?<n>",
];
const TEXT: &[&str] =
    &["a", "b", "A", "k", "K", "é", "É", "ſ", "K", "_", " ", ".", "-", "#", "1", "\n", "\r", "\t", "0", "界", "𝒳", "]"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Policy files were written for regex-lite, and mean what they meant, or are said to be wrong.
    #[test]
    fn patterns_mean_what_they_meant(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..8),
        texts in prop::collection::vec(prop::collection::vec(prop::sample::select(TEXT), 0..8), 4),
    ) {
        let pattern = pieces.concat();
        let Ok(before) = regex_lite::Regex::new(&pattern) else { return Ok(()) };
        if let Err(error) = syntax::parse(&pattern) {
            // It took a flag, or nothing, for something that can be repeated.
            prop_assert!(error.starts_with("repetition operator missing expression"), "{pattern:?}: {error}");
            return Ok(());
        }
        for text in texts {
            let text = text.concat();
            prop_assert_eq!(before.is_match(&text), !finds(&[&pattern], &text).is_empty(), "{:?} in {:?}", &pattern, text);
        }
    }

    /// Each pattern of several is found as if it were alone, in whatever order and however often.
    #[test]
    fn patterns_do_not_see_each_other(
        patterns in prop::collection::vec(prop::collection::vec(prop::sample::select(PIECES), 1..5), 1..6),
        texts in prop::collection::vec(prop::collection::vec(prop::sample::select(TEXT), 0..8), 4),
    ) {
        let patterns: Vec<String> = patterns.iter().map(|pieces| pieces.concat()).collect();
        let patterns: Vec<&str> = patterns.iter().map(String::as_str).filter(|text| syntax::parse(text).is_ok()).collect();
        let texts: Vec<String> = texts.iter().map(|pieces| pieces.concat()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let alone = (0..patterns.len()).filter(|index| !matching(&patterns[*index..=*index], &texts).0.is_empty());
        prop_assert_eq!(matching(&patterns, &texts).0, alone.collect::<BTreeSet<_>>());
    }
}

#[test]
fn patterns_know_ascii_only() {
    for (pattern, yes, no) in [
        (r"^\w$", "é_", "é"),
        ("(?i)^k$", "k", "\u{212a}"),
        ("(?i)^é$", "é", "É"),
        (r"a\b", "aé", "ab"),
        ("^.$", "界", "界界"),
        ("^[^x]$", "𝒳", "x"),
        ("(?i)^[x-z]$", "Y", "a"),
    ] {
        let yes = if pattern == r"^\w$" { "_" } else { yes };
        assert_eq!(finds(&[pattern], yes), [0], "{pattern} in {yes}");
        assert_eq!(finds(&[pattern], no), [0; 0], "{pattern} in {no}");
    }
}

#[test]
fn what_is_no_pattern_is_said_with_its_place() {
    for (pattern, expected) in [
        ("error (", "unclosed group at its character 7"),
        (r"\p{L}", r"classes of Unicode (\p{…}) are not supported"),
        ("[a&&b]", "classes cannot be intersected"),
        ("[a[b]]", "a class in a class"),
        (r"(a)\1", "backreferences are not supported at its character 4"),
        ("ü(?=x)", "look-around"),
    ] {
        let error = Collected::default().push(pattern, Where::Log).unwrap_err();
        assert!(error.starts_with("not a regex: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn how_large_patterns_may_be() {
    let size = |pattern| size_of_program(&syntax::parse(pattern).unwrap()).unwrap();
    assert!(size("Could not resolve host") < 30 && size("(?i)could not resolve host") < 70);
    // A hundred ordinary ones are small enough.
    let mut collected = Collected::default();
    for number in 0..100 {
        collected.push(&format!("(?i)error {number}: could not (connect|resolve) .* timed out"), Where::Log).unwrap();
    }
    // The same twice is one.
    let before = collected.size;
    collected.push("(?i)error 7: could not (connect|resolve) .* timed out", Where::Log).unwrap();
    assert_eq!(collected.size, before);
    for (pattern, expected) in [(".{1,900}", " of its own)"), ("((a{1000}){1000}){1000}", "more than that by itself")] {
        let error = Collected::default().push(pattern, Where::Log).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    // Together too large, whatever they are for; and then what follows is read no more than for its mistakes.
    let mut collected = Collected::default();
    collected.push(".{1,500}", Where::Log).unwrap();
    let error = collected.push("x.{1,500}", Where::Annotation).unwrap_err();
    assert!(error.contains("a program of more than 16000 steps"), "{error}");
    assert_eq!(collected.push("y", Where::Log), Ok(()));
    assert!(collected.push("(", Where::Log).is_err());
}

/// Characters as if by chance, of so many.
fn by_chance(seed: usize, of: &[u8]) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    (0..2_000).map(|_| char::from(of[random.usize(..of.len())])).collect()
}

/// Patterns and texts for which each step costs as much as it can, by what the count leaves out: branches, conditions
/// between characters, classes of many ranges, characters of many bytes, a table that is full again and again.
#[test]
fn no_step_goes_uncounted() {
    let count = |patterns: &[&str], texts: &[&str]| matching(patterns, texts).1;
    let text = by_chance(1, b"ab");
    // At least one for each byte, and the price of a new step for most of them where each is new.
    assert!(count(&["[ab]*a[ab]{300}c"], &[&text]) > 2_000 * 300);
    assert!(count(&["[ab]*a(?:[ab]|(?:[ab]|(?:[ab]|))){60}c"], &[&text]) > 2_000);
    // A text that was seen before costs what it takes to look, and the end of a text as well.
    assert_eq!(count(&["x"], &[&text, &text]) - count(&["x"], &[&text]), 2_000 + 10);
    // Where something is found, each pattern that is found counts.
    let dots: Vec<String> = (0..64).map(|n| format!(".|x{n}")).collect();
    let dots: Vec<&str> = dots.iter().map(String::as_str).collect();
    let repeated = count(&dots, &[&text, &text]) - count(&dots, &[&text]);
    assert!(repeated >= 2_000 * 64, "{repeated}");
}
