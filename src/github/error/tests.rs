use super::*;
use crate::github::ReplyHeaders;
use crate::github::support::message as reply;

#[track_caller]
fn is(reply: &Reply, expected: Error) {
    assert_eq!(Error::of(reply), expected);
}

/// Each with the headers that every answer to an App has, and without: they change nothing.
#[track_caller]
fn whatever_comes_along(status: u16, message: &str, expected: &Error) {
    let bare = reply(status, message);
    let mut dressed = bare.clone();
    dressed.headers = ReplyHeaders {
        accepted_permissions: Some("actions=write".to_owned()),
        rate_limit_remaining: Some("4999".to_owned()),
        rate_limit_reset: Some("1795446305".to_owned()),
        date: Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned()),
        content_type: Some("application/json; charset=utf-8".to_owned()),
        ..ReplyHeaders::default()
    };
    for reply in [bare, dressed] {
        is(&reply, expected.clone());
    }
}

#[test]
fn whom_it_is_about() {
    for message in [
        "This workflow run cannot be retried",
        "Unable to retry this workflow run because it was created over a month ago",
        "This workflow run cannot be rerun",
        "Repository was archived so is read-only.",
    ] {
        whatever_comes_along(403, message, &Error::Refused { message: message.to_owned() });
    }
    for (status, message) in [
        (401, "Bad credentials"),
        (403, "Must have admin rights to Repository."),
        (403, "At least one email address must be verified to do that."),
        (403, "Resource protected by organization SAML enforcement. You must grant your OAuth token access."),
        (403, "Although you appear to have the correct authorization, `octo` has an IP allow list enabled."),
        (403, "Sorry. Your account was suspended."),
        (403, "`octo` forbids access via a personal access token (classic)."),
        (403, "Write access to repository not granted."),
        (403, "You do not have permission to re-run this workflow"),
    ] {
        whatever_comes_along(status, message, &Error::Credentials { message: format!("{status} {message}") });
    }
    let blocked = Error::Repository { message: "Repository access blocked".to_owned() };
    whatever_comes_along(403, "Repository access blocked", &blocked);
    let unavailable = Error::Repository { message: "451 Unavailable".to_owned() };
    whatever_comes_along(451, "Unavailable", &unavailable);
    whatever_comes_along(403, "Something new", &Error::UnclearRefusal { message: "Something new".to_owned() });
    whatever_comes_along(404, "Not Found", &Error::NotFound);
    whatever_comes_along(422, "Nope", &Error::Refused { message: "422 Nope".to_owned() });
    for status in [500, 502, 503, 504, 408, 409, 301, 202] {
        whatever_comes_along(status, "", &Error::inconclusive(format!("GitHub answered {status}")));
    }
}

#[test]
fn a_status_without_githubs_words_proves_nothing() {
    for status in [400, 401, 403, 404, 407, 410, 422, 451] {
        for body in ["", "<html>Log in to the proxy</html>", "[]", r#"{"error":"no"}"#] {
            let headers = ReplyHeaders { content_type: Some("text/html".to_owned()), ..ReplyHeaders::default() };
            let page = Reply { status, headers, body: body.as_bytes().to_vec() };
            is(&page, Error::inconclusive(format!("GitHub answered {status}")));
        }
    }
}

#[test]
fn the_missing_permission_is_named() {
    let mut denied = reply(403, "Resource not accessible by personal access token");
    denied.headers.accepted_permissions = Some("actions=write".to_owned());
    let message = "403 Resource not accessible by personal access token (needed: actions=write)".to_owned();
    is(&denied, Error::Credentials { message });
}

#[test]
fn a_limit_of_content_is_told_by_all_its_signs() {
    let words = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. \
                 Please retry your request again later.";
    let limited = |status, remaining: Option<&str>, words: &str| {
        let mut limited = reply(status, words);
        limited.headers.rate_limit_remaining = remaining.map(str::to_owned);
        limited.headers.retry_after = Some("7".to_owned());
        limited
    };
    let wait = Some(Span::seconds(7));
    for status in [403, 429] {
        let of_content = limited(status, Some("4999"), words);
        assert_eq!(Error::of_content(&of_content), Error::ContentLimited { wait });
        // Of whatever else it is an answer to, it is a limit of all calls.
        is(&of_content, Error::RateLimited { wait });
    }
    for (remaining, words) in [
        (None, words),
        (Some("0"), words),
        (Some("?"), words),
        (Some("4999"), "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."),
        (Some("4999"), "API rate limit exceeded for content creation."),
    ] {
        assert_eq!(Error::of_content(&limited(403, remaining, words)), Error::RateLimited { wait }, "{words}");
    }
    assert_eq!(Error::of_content(&reply(422, words)), Error::of(&reply(422, words)));
}

#[test]
fn rate_limits_come_before_messages() {
    let limited = |wait| Error::RateLimited { wait };
    let mut told = reply(403, "This workflow is already running");
    told.headers.retry_after = Some("7".to_owned());
    is(&told, limited(Some(Span::seconds(7))));
    told.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
    told.headers.retry_after = Some("Mon, 23 Nov 2026 15:06:05 GMT".to_owned());
    is(&told, limited(Some(Span::minutes(2))));

    // At once is a word too, and less than that is none that can be kept.
    for word in ["0", " 0 ", "-3"] {
        let mut at_once = reply(429, "");
        at_once.headers.retry_after = Some(word.to_owned());
        is(&at_once, limited(Some(Span::ZERO)));
    }

    let mut none_left = reply(403, "API rate limit exceeded for user ID 1.");
    none_left.headers.rate_limit_remaining = Some("0".to_owned());
    none_left.headers.rate_limit_reset = Some("1795446305".to_owned());
    none_left.headers.date = Some("Mon, 23 Nov 2026 15:04:05 GMT".to_owned());
    is(&none_left, limited(Some(Span::seconds(60))));
    // It was in the past: GitHub's clocks are not one.
    none_left.headers.date = Some("Mon, 23 Nov 2026 15:06:05 GMT".to_owned());
    is(&none_left, limited(Some(Span::seconds(1))));
    none_left.headers.date = None;
    is(&none_left, limited(None));

    for message in ["You have exceeded a secondary rate limit.", "You have triggered an abuse detection mechanism."] {
        is(&reply(403, message), limited(None));
    }
    is(&Reply { status: 429, headers: ReplyHeaders::default(), body: vec![] }, limited(None));
    // With other statuses the same headers are only told.
    let mut missing = reply(404, "Not Found");
    missing.headers.rate_limit_remaining = Some("0".to_owned());
    is(&missing, Error::NotFound);
}

#[test]
fn errors_as_the_log_has_them() {
    let text = || "no".to_owned();
    for (error, text) in [
        (Error::Credentials { message: "401 no".to_owned() }, "GitHub refused the credentials: 401 no"),
        (Error::Repository { message: text() }, "Rerunner cannot work in the repository: no"),
        (Error::RateLimited { wait: Some(Span::seconds(7)) }, "GitHub's rate limit: wait 7 s"),
        (Error::RateLimited { wait: None }, "GitHub's rate limit"),
        (Error::ContentLimited { wait: Some(Span::seconds(7)) }, "GitHub accepts no more content for now: wait 7 s"),
        (Error::NotFound, "GitHub answered 404: it is gone, or access is missing"),
        (Error::Refused { message: text() }, "GitHub refused: no"),
        (Error::UnclearRefusal { message: text() }, "GitHub refused: no"),
        (Error::inconclusive("GitHub answered 502"), "GitHub answered 502"),
        (Error::TooLarge { limit: "4 MiB" }, "GitHub's answer is larger than 4 MiB"),
    ] {
        assert_eq!(error.to_string(), text);
    }
}
