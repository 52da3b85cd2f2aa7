//! What GitHub does and its descriptions do not say, or say otherwise, each with its reason. Few, and no more than
//! needed: a line here is a check less.

use super::fault::Wrong;

/// "API Versions": the version that all servers have which know versions at all.
pub(super) const VERSION: &str = "2022-11-28";
pub(super) const VERSION_HEADER: &str = "x-github-api-version";

/// Whether "Media types" of GitHub's documentation has it.
pub(super) fn is_media_type(media: &str) -> bool {
    let known = ["*/*", "application/json", "application/vnd.github+json", "application/vnd.github.v3+json"];
    known.contains(&media) || media == "application/vnd.github.raw+json" || media == "application/vnd.github.v3.raw"
}

/// A body that no operation describes, but GitHub's documentation in prose.
pub(super) enum Body {
    None,
    Component(&'static str),
}

/// What is answered to any call, and left out of most operations.
pub(super) fn undescribed(status: u16) -> Option<Body> {
    Some(match status {
        // "Best practices for using the REST API", of conditional requests.
        304 => Body::None,
        // The same page, of redirects; "Troubleshooting the REST API", of credentials, permissions, names and time-outs;
        // "Rate limits for the REST API".
        301 | 307 | 308 | 401 | 403 | 404 | 429 | 500 | 502 | 503 | 504 => Body::Component("basic-error"),
        // "Troubleshooting the REST API", of validation.
        422 => Body::Component("validation-error"),
        _ => return None,
    })
}

/// An answer of what stands before the API: a call without `User-Agent`, or with no server to take it, never gets there.
pub(super) fn is_from_the_front_door(status: u16, media: Option<&str>) -> bool {
    status >= 400 && matches!(media, Some("text/plain" | "text/html"))
}

/// The path as it is described. "Best practices for using the REST API" of redirects: each path of a repository is there
/// by the repository's id too, where a renamed one's name redirects to; pages link to one another so.
pub(super) fn described_path(path: &str) -> String {
    let path = path.strip_prefix("/api/v3").unwrap_or(path).trim_end_matches('/');
    let rest = path.strip_prefix("/repositories/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match rest {
        Some((_, "")) => "/repos/by/id".to_owned(),
        Some((_, rest)) => format!("/repos/by/id/{rest}"),
        None => path.to_owned(),
    }
}

/// Where a description is wrong, and what GitHub really takes or gives is otherwise.
const WRONG: [Exception; 5] = [
    Exception {
        of: "GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs ",
        part: "parameter created in query",
        pointer: "",
        what: "is not a \"date-time\"",
        reason: "as of all runs: it has the syntax of searches for dates",
    },
    Exception {
        of: "GET /repos/{owner}/{repo}/actions/runs ",
        part: "parameter created in query",
        pointer: "",
        what: "is not a \"date-time\"",
        reason: "its own description refers to the syntax of searches for dates, as in >=2026-01-01",
    },
    Exception {
        of: "",
        part: "",
        pointer: "/email",
        what: "[bot]@users.noreply.github.com",
        reason: "commits by Apps have such an address, which the format of addresses does not allow",
    },
    Exception {
        of: "",
        part: "",
        pointer: "/head_repository",
        what: "it is null",
        reason: "a run of a fork that was deleted names none",
    },
    Exception {
        of: "GET /repos/{owner}/{repo}/pulls",
        part: "",
        pointer: "/head/repo",
        what: "it is null",
        reason: "nor does a pull request from a fork that was deleted",
    },
];

struct Exception {
    /// How [`super::Violation::of`] begins.
    of: &'static str,
    part: &'static str,
    /// How the pointer ends.
    pointer: &'static str,
    /// What the complaint has in it.
    what: &'static str,
    /// For whoever reads this.
    #[expect(dead_code, reason = "for whoever reads this")]
    reason: &'static str,
}

pub(super) fn is_the_descriptions(of: &str, wrong: &Wrong) -> bool {
    // Without a status, where whoever asked was gone before the answer.
    let of = format!("{of} ");
    WRONG.iter().any(|known| {
        of.starts_with(known.of)
            && wrong.part.starts_with(known.part)
            && wrong.pointer.ends_with(known.pointer)
            && wrong.what.contains(known.what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_description_has_wrong_is_excused_with_an_answer_and_without() {
        let wrong = Wrong::new("", "parameter created in query", "this is not a \"date-time\"");
        for (of, excused) in [
            ("GET /repos/{owner}/{repo}/actions/runs 200", true),
            ("GET /repos/{owner}/{repo}/actions/runs", true),
            ("GET /repos/{owner}/{repo}/actions/runs/{run_id} 200", false),
        ] {
            assert_eq!(is_the_descriptions(of, &wrong), excused, "{of}");
        }
    }
}
