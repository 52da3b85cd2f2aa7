//! Names as bad as they can be, for each place that they go to. What reads them is not ours where there is a reader:
//! comrak for GitHub's Markdown, serde_json, openmetrics-parser.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;
use regex_lite::Regex;

use super::*;

/// What somebody would call a job.
const HOSTILE: &[&str] = &[
    "https://evil.example/x",
    "http://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "ftp://evil.example",
    "www.evil.example",
    "evil.com",
    "main.rs",
    "mailto:a@evil.example",
    "xmpp:a@evil.example",
    "a@evil.example",
    "//evil.example",
    "javascript:alert(1)",
    "@team",
    "@org/team",
    "@everyone",
    "@here",
    "&#64;org",
    "&#x40;org",
    "&commat;org",
    "&lt;!channel&gt;",
    "&amp;#64;org",
    "<!channel>",
    "<!here|x>",
    "<@U123>",
    "<@&1>",
    "<#C1>",
    "<https://evil.example|click>",
    "<https://evil.example>",
    "<t:1>",
    "#1",
    "org/repo#1",
    "GH-1",
    "gh-1",
    "deadbeef",
    "0123456789abcdef0123456789abcdef01234567",
    "org/repo@deadbeef",
    "~town-square",
    "#general",
    "[x](https://evil.example)",
    "![x](https://evil.example)",
    "[x]",
    "(https://evil.example)",
    "[x]: https://evil.example",
    "[^1]",
    "`",
    "``",
    "```",
    "`` ` ``",
    "*",
    "**b**",
    "_i_",
    "__b__",
    "_",
    "~s~",
    "~~s~~",
    "||s||",
    "$x$",
    "$$x$$",
    "$`x`$",
    ":tada:",
    ":",
    "# h",
    "- l",
    "+ l",
    "1. l",
    "> q",
    ">>> q",
    "-# s",
    "---",
    "===",
    "|a|b|",
    "|-|-|",
    "    code",
    "\\",
    "\\\\",
    "\"",
    "'",
    "\"a\"",
    "",
    "<b>",
    "</bdi></td><h1>",
    "<script>alert(1)</script>",
    "<!--",
    "-->",
    "</title>",
    "]]>",
    "&",
    "&quot;",
    "]",
    "[",
    "(",
    ")",
    "!",
    ".",
    ",",
    ";",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\u{b}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\0",
    "\u{7f}",
    " ",
    "\u{a0}",
    "\u{3000}",
    "\n\n",
    "\n# h\n",
    "\n::error::x\n",
    "\u{1b}[31m",
    "\u{1b}]8;;https://evil.example\u{7}x\u{1b}]8;;\u{7}",
    "\u{1b}[2J",
    "\u{9b}31m",
    "\u{8}\u{8}\u{8}",
    "\u{1b}c",
    "\u{202e}",
    "\u{2066}",
    "\u{2067}",
    "\u{2069}",
    "\u{200f}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{ad}",
    "\u{34f}",
    "\u{3164}",
    "\u{e0041}",
    "{{x}}",
    "${x}",
    "%0A",
    "a",
    "x y",
    "test (3.12)",
    "ü",
    "שלום",
    "🎉",
    "evil．com",
    "evil。com",
    "＠team",
    "1",
    "Z",
];

/// Of such pieces and of any characters.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(HOSTILE).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => any::<String>(),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() }
}

fn has(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text)
}

/// What GitHub makes of a Markdown text: the text outside of code, and each piece of code. Anything else that it could be
/// is a hole.
fn read_markdown(text: &str) -> Result<(String, Vec<String>), String> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    (extension.autolink, extension.strikethrough, extension.table, extension.tasklist) = (true, true, true, true);
    (extension.footnotes, extension.alerts, extension.math_dollars, extension.math_code) = (true, true, true, true);
    let arena = Arena::new();
    let (mut plain, mut codes) = (String::new(), Vec::new());
    for node in parse_document(&arena, text, &options).descendants().skip(1) {
        match &node.data.borrow().value {
            NodeValue::Paragraph => {}
            NodeValue::Text(text) => plain.push_str(text),
            NodeValue::Code(code) => {
                plain.push('\u{0}');
                codes.push(code.literal.clone());
            }
            other => return Err(format!("{other:?}")),
        }
    }
    Ok((plain, codes))
}

/// What GitHub links in the text that comes of Markdown (GitHub Docs, "Autolinked references and URLs"), and its emoji.
const REFERENCES: &[&str] = &[
    r"(?i)[a-z]://",
    r"(?i)\bwww\.",
    r"@",
    r"#\d",
    r"(?i)\bgh-\d",
    r"(?i)\b[0-9a-f]{7,40}\b",
    r":[a-zA-Z0-9_+-]+:",
    r"\$",
    r"[<>&`*_~|]",
];

#[track_caller]
fn is_only_text(markdown: &str) -> Vec<String> {
    let (plain, codes) = read_markdown(markdown).unwrap_or_else(|hole| panic!("{hole} of {markdown:?}"));
    for reference in REFERENCES {
        assert!(!has(reference, &plain), "{reference} in {plain:?} of {markdown:?}");
    }
    codes
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn in_a_chat_a_name_is_only_text(name in hostile()) {
        let said = chat(&name);
        prop_assert!(said.chars().all(|c| is_visible(c) || c == '\u{2060}'), "{said:?}");
        prop_assert!(said.chars().count() <= 2 * (SENTENCE_CHARS + 2));
        for c in said.chars() {
            prop_assert!(!"<>`*[]|~\\$\n".contains(c), "{c:?} in {said:?}");
        }
        let letters = said.chars().collect::<Vec<_>>();
        for (place, c) in letters.iter().enumerate() {
            let after = letters.get(place + 1);
            let is_broken = after == Some(&'\u{2060}');
            match c {
                '@' | '#' | '&' => prop_assert!(is_broken, "{said:?}"),
                ':' => prop_assert!(is_broken || after.is_none_or(|c| c.is_whitespace()), "{said:?}"),
                '.' | '。' | '．' | '｡' => prop_assert!(is_broken || after.is_none_or(|c| !c.is_alphabetic()), "{said:?}"),
                _ => {}
            }
        }
        // Discord's and Mattermost's Markdown are kin to GitHub's.
        let (plain, codes) = read_markdown(&said).map_err(|hole| TestCaseError::fail(format!("{hole} of {said:?}")))?;
        prop_assert!(codes.is_empty() && !has(r"(?i)[a-z]://|\bwww\.[a-z]|@\w|#\w|:[a-z0-9_+-]+:", &plain), "{plain:?}");
    }

    #[test]
    fn in_a_comment_a_name_is_code(name in hostile(), other in hostile()) {
        let (name, other) = (code(&name), code(&other));
        for text in [name.clone(), format!("- {name} at {other}\n"), format!("\n{name} [run 1](https://github.com/o/r): {other}\n")] {
            let arena = Arena::new();
            let mut options = Options::default();
            options.extension.autolink = true;
            let mut links = 0;
            for node in parse_document(&arena, &text, &options).descendants() {
                match &node.data.borrow().value {
                    NodeValue::Link(link) => {
                        prop_assert_eq!(&link.url, "https://github.com/o/r");
                        links += 1;
                    }
                    NodeValue::Text(text) => prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ():".contains(&b)), "{text:?}"),
                    NodeValue::Document | NodeValue::Paragraph | NodeValue::Code(_) | NodeValue::List(_) | NodeValue::Item(_) => {}
                    other => prop_assert!(false, "{other:?} of {text:?}"),
                }
            }
            prop_assert_eq!(links, usize::from(text.starts_with('\n')));
        }
    }

    #[test]
    fn in_a_comment_a_sentence_is_only_text(sentence in hostile()) {
        is_only_text(&markdown(&sentence));
        is_only_text(&markdown(&format!("Attempt 1 failed in job \"{}\": re-run 1 of at most 3.", sentence.replace('"', "'"))));
    }

    #[test]
    fn on_a_page_it_stays_text(name in hostile()) {
        let mut page = String::new();
        html(&name, NAME_CHARS, &mut page);
        let inner = page.strip_prefix("<bdi>").and_then(|page| page.strip_suffix("</bdi>")).unwrap();
        let read = inner.replace("&lt;", "\u{1}").replace("&gt;", "\u{2}").replace("&quot;", "\u{3}").replace("&amp;", "\u{4}");
        prop_assert!(!read.contains(['<', '>', '"', '&']), "{page:?}");
        prop_assert!(inner.chars().all(is_visible), "{page:?}");
        let back = read.replace('\u{1}', "<").replace('\u{2}', ">").replace('\u{3}', "\"").replace('\u{4}', "&");
        prop_assert_eq!(back, bounded(&name, NAME_CHARS));
    }

    #[test]
    fn in_the_log_it_means_the_same_and_is_seen(name in hostile()) {
        let value = serde_json::json!({ "reason": name, &name: [&name] });
        for text in [value.to_string(), format!("{value:#}")] {
            let line = json(&text);
            prop_assert!(line.chars().all(|c| is_visible(c) || c == '\n'), "{line:?}");
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&line).unwrap(), &value);
        }
        prop_assert!(!json(&value.to_string()).contains('\n'));
    }

    #[test]
    fn a_terminal_shows_it_and_obeys_nothing(name in hostile()) {
        prop_assert!(terminal(&name).chars().all(|c| is_visible(c) || c == '\n' || c == '\t'));
        prop_assert!(line(&name).chars().all(is_visible));
        prop_assert_eq!(terminal(&name).lines().count(), name.lines().count());
    }

    #[test]
    fn a_label_is_one_value(name in hostile()) {
        let text = format!("# TYPE a gauge\na{{b=\"{}\"}} 1\n", label(&name));
        prop_assert!(label(&name).chars().all(is_visible), "{text:?}");
        let read = openmetrics_parser::prometheus::parse_prometheus(&text).map_err(|error| TestCaseError::fail(format!("{error:?} of {text:?}")))?;
        let (_, family) = read.families.iter().next().unwrap();
        prop_assert_eq!(family.iter_samples().count(), 1);
    }
}

#[test]
fn in_a_chat() {
    for (name, said) in [
        ("test (3.12)", "test (3.12)"),
        ("octo/widgets: ci failed for good.", "octo/widgets: ci failed for good."),
        ("run_all_tests", "run_all_tests"),
        ("<!channel>", "\u{2060}‹!channel›"),
        ("<https://x.example|click>", "\u{2060}‹https:\u{2060}//x\u{2060}.\u{2060}example¦click›"),
        ("@everyone", "\u{2060}@\u{2060}everyone"),
        ("job @everyone", "job @\u{2060}everyone"),
        ("see www.evil.com", "see www\u{2060}.\u{2060}evil\u{2060}.\u{2060}com"),
        ("a &#64;org #1", "a &\u{2060}#\u{2060}64;org #\u{2060}1"),
        ("a\u{202e}b\nc", "abc"),
        ("[x](y)", "\u{2060}(x)(y)"),
        ("an _important_ :tada:", "an ＿important＿ :\u{2060}tada:"),
    ] {
        assert_eq!(chat(name), said);
    }
    assert_eq!(chat(&"x".repeat(10_000)).chars().count(), SENTENCE_CHARS + 1);
}

#[test]
fn in_a_comment() {
    for (name, written) in [
        ("test (3.12)", "`test (3.12)`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        (" a  b ", "`a b`"),
        ("\u{200b}", "(no name)"),
    ] {
        assert_eq!(code(name), written);
    }
    for (sentence, written) in [
        (
            "Attempt 1 failed in job \"build\" at step \"Fetch\": re-run 1 of at most 3, by rule \"network\".",
            "Attempt 1 failed in job `build` at step `Fetch`\\: re-run 1 of at most 3\\, by rule `network`\\.",
        ),
        ("Left alone: DRY_RUN is on; see #1 (30 %).", "Left alone\\: `DRY_RUN` is on\\; see `#1` \\(30 \\%\\)\\."),
        (
            "GitHub refused: ask @team at https://evil.example, &#64;org.",
            "GitHub refused\\: ask `@team` at `https://evil.example`\\, `&#64;org`\\.",
        ),
        ("A quote \" alone", "A quote \\\" alone"),
        ("It is of deadbeef1 now", "It is of `deadbeef1` now"),
    ] {
        assert_eq!(markdown(sentence), written);
    }
}

#[test]
fn in_a_terminal_and_a_label() {
    assert_eq!(line("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\nc\\u{202e}");
    assert_eq!(terminal("a\n\tb\r\n"), "a\n\tb\\u{d}\n");
    assert_eq!(json("\"a\u{202e}\u{e0041}\u{7f}\""), "\"a\\u202e\\udb40\\udc41\\u007f\"");
    assert_eq!(label("a\"b\\c\nd\u{1b}"), "a\\\"b\\\\c\\nd\u{fffd}");
}
