//! What is so of every route: who may, wrong parameters, methods, headers.

use crate::web::rejection::Form;
use crate::web::routes::{Api, Care, Page, Route, Setup, route};

use super::memory::{Memory, TOKEN};

/// Every route, with what it takes to be answered 200.
const ROUTES: [(&str, &str); 23] = [
    ("GET", "/"),
    ("GET", "/glossary"),
    ("GET", "/healthz"),
    ("GET", "/badge/octo/widgets.svg"),
    ("GET", "/overview"),
    ("GET", "/overview/"),
    ("GET", "/insights"),
    ("GET", "/overview/octo/widgets"),
    ("GET", "/overview/octo/widgets/runs/7"),
    ("GET", "/api/v1/repositories"),
    ("GET", "/api/v1/insights"),
    ("GET", "/api/v1/repositories/octo/widgets"),
    ("GET", "/api/v1/repositories/octo/widgets/runs"),
    ("GET", "/api/v1/repositories/octo/widgets/runs/7"),
    ("GET", "/api/v1/repositories/octo/widgets/flaky-jobs"),
    ("GET", "/api/v1/repositories/octo/widgets/precision"),
    ("POST", "/api/v1/repositories/octo/widgets/pause"),
    ("POST", "/api/v1/repositories/octo/widgets/resume"),
    ("GET", "/api/v1/doctor"),
    ("POST", "/api/v1/redeliver"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/setup"),
];
/// The one that is not answered without parameters.
const CREATED: (&str, &str) = ("GET", "/setup/created");

/// Where a route is in the lists above. A new one has no place yet.
fn example(route: &Route) -> (&'static str, &'static str) {
    match route {
        Route::Home => ("GET", "/"),
        Route::Glossary => ("GET", "/glossary"),
        Route::Health => ("GET", "/healthz"),
        Route::Description => ("GET", "/openapi.json"),
        Route::Badge(_) => ("GET", "/badge/octo/widgets.svg"),
        Route::Page(Page::Overview) => ("GET", "/overview"),
        Route::Page(Page::Insights) => ("GET", "/insights"),
        Route::Page(Page::Repository(_)) => ("GET", "/overview/octo/widgets"),
        Route::Page(Page::Run(..)) => ("GET", "/overview/octo/widgets/runs/7"),
        Route::Api(Api::Repositories) => ("GET", "/api/v1/repositories"),
        Route::Api(Api::Insights) => ("GET", "/api/v1/insights"),
        Route::Api(Api::Repository(_)) => ("GET", "/api/v1/repositories/octo/widgets"),
        Route::Api(Api::Runs(_)) => ("GET", "/api/v1/repositories/octo/widgets/runs"),
        Route::Api(Api::Run(..)) => ("GET", "/api/v1/repositories/octo/widgets/runs/7"),
        Route::Api(Api::FlakyJobs(_)) => ("GET", "/api/v1/repositories/octo/widgets/flaky-jobs"),
        Route::Api(Api::Precision(_)) => ("GET", "/api/v1/repositories/octo/widgets/precision"),
        Route::Api(Api::Pause(_)) => ("POST", "/api/v1/repositories/octo/widgets/pause"),
        Route::Api(Api::Resume(_)) => ("POST", "/api/v1/repositories/octo/widgets/resume"),
        Route::Api(Api::Doctor) => ("GET", "/api/v1/doctor"),
        Route::Api(Api::Redeliver) => ("POST", "/api/v1/redeliver"),
        Route::Metrics => ("GET", "/metrics"),
        Route::Setup(Setup::Start) => ("GET", "/setup"),
        Route::Setup(Setup::Created) => CREATED,
    }
}

#[test]
fn the_lists_have_every_route() {
    for (method, path) in ROUTES.into_iter().chain([CREATED]) {
        let (_, known) = example(&route(method, path).unwrap());
        assert_eq!(known, path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path));
    }
}

fn memory() -> Memory {
    Memory::with(&[("BADGE_REPOSITORIES", "octo/*")])
}

#[test]
fn every_route_answers_whoever_may() {
    for (method, path) in ROUTES {
        let response = memory().send(method, path, &[TOKEN]);
        assert_eq!(response.status, 200, "{method} {path}: {}", response.text());
    }
}

#[test]
fn strangers_are_asked_to_sign_in() {
    for (method, path) in ROUTES.into_iter().chain([CREATED]) {
        let is_open = route(method, path).unwrap().spec().care.is_none();
        let response = memory().send(method, path, &[]);
        assert_eq!(response.status, if is_open { 200 } else { 401 }, "{method} {path}");
        let challenges = response.headers.iter().filter(|(name, _)| *name == "www-authenticate");
        assert_eq!(challenges.count(), if is_open { 0 } else { 2 }, "{method} {path}");
        if !is_open {
            let closed = Memory::with(&[("ADMIN_TOKEN", "")]).send(method, path, &[TOKEN]);
            assert_eq!(closed.status, 403, "{method} {path}");
            assert!(closed.text().contains("npx wrangler secret put ADMIN_TOKEN"), "{}", closed.text());
            // Wrong parameters are not for them to know.
            assert_eq!(memory().send(method, &format!("{path}?colour=red"), &[]).status, 401, "{method} {path}");
        }
    }
}

#[test]
fn a_remembered_password_does_not_serve_another_site() {
    let password = ("authorization", "Basic YW55OnRoZS1hZG1pbi10b2tlbg==");
    let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    for (method, path) in ROUTES {
        let Some(care) = route(method, path).unwrap().spec().care else { continue };
        let response = memory().send(method, path, &[&[password], link.as_slice()].concat());
        assert_eq!(response.status, if care == Care::Shows { 200 } else { 403 }, "{method} {path}");
    }
}

#[test]
fn wrong_parameters_are_named_on_every_route() {
    for (method, path) in ROUTES.into_iter().chain([CREATED]) {
        let spec = route(method, path).unwrap().spec();
        let names = |query: &str, name: &str| {
            let response = memory().send(method, &format!("{path}?{query}"), &[TOKEN]);
            let expected_type = match spec.form {
                Form::Page => "text/html; charset=utf-8",
                Form::Json => "application/json",
                Form::Text => "text/plain; charset=utf-8",
            };
            let kind = response.header("content-type");
            assert_eq!((response.status, kind), (400, expected_type), "{method} {path}?{query}");
            assert!(response.text().contains(name), "{method} {path}?{query}: {}", response.text());
        };
        names("colour=red", "colour");
        names("Limit=1", "Limit");
        for name in spec.parameters {
            let twice = format!("{name}=7&{name}=7");
            names(&twice, name);
            let value = if *name == "repository" { "octo" } else { "%00" };
            names(&format!("{name}={value}"), name);
        }
    }
}

#[test]
fn head_is_get_without_its_body() {
    for (method, path) in ROUTES {
        let (get, head) = (memory().send("GET", path, &[TOKEN]), memory().send("HEAD", path, &[TOKEN]));
        if method == "GET" {
            assert_eq!((head.status, &head.headers, head.body.len()), (get.status, &get.headers, 0), "{path}");
        } else {
            assert_eq!((head.status, head.header("allow"), head.body.len()), (405, "POST", 0), "{path}");
        }
    }
    let nothing = memory().send("HEAD", "/nothing", &[]);
    assert_eq!((nothing.status, nothing.body.len()), (404, 0));
}

#[test]
fn what_is_not_served_says_so_in_json() {
    for (method, path, status, allow) in [
        ("GET", "/nothing?colour=red", 404, ""),
        ("POST", "//", 404, ""),
        ("POST", "/", 404, ""),
        ("PUT", "/", 405, "GET, HEAD, POST"),
        ("POST", "/overview", 405, "GET, HEAD"),
        ("GET", "/api/v1/redeliver", 405, "POST"),
    ] {
        let response = memory().send(method, path, &[]);
        assert_eq!((response.status, response.header("allow")), (status, allow), "{method} {path}");
        assert_eq!(response.body()["outcome"], "rejected", "{method} {path}");
    }
}

/// Seen to fail when what a request accepts is not looked at (JSON for a browser).
#[test]
fn people_are_told_by_a_page_and_programs_by_json() {
    const BROWSER: (&str, &str) =
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8");
    const PROGRAM: (&str, &str) = ("accept", "application/json");
    for (method, path, status) in [
        ("GET", "/overveiw", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/overview", 405),
        ("GET", "/overview", 401),
        ("GET", "/overview?colour=red", 401),
        ("GET", "/api/v1/repositories", 401),
        ("GET", "/metrics", 401),
        ("GET", "/badge/octo/none", 404),
    ] {
        for (accept, kind) in [(BROWSER, "text/html; charset=utf-8"), (PROGRAM, "application/json")] {
            // Its text is for programs that read no JSON.
            let kind = if accept == PROGRAM && path == "/metrics" { "text/plain; charset=utf-8" } else { kind };
            let response = memory().send(method, path, &[accept]);
            assert_eq!(
                (response.status, response.header("content-type")),
                (status, kind),
                "{method} {path} {accept:?}"
            );
        }
    }
    let mistyped = memory().send("GET", "/overveiw/octo/widgets", &[BROWSER]).text();
    assert!(mistyped.contains("Did you mean <a href=\"/overview/octo/widgets\">"), "{mistyped}");
    let mistyped = memory().send("GET", "/overveiw", &[]).body();
    assert_eq!(mistyped["reason"], "there is nothing at this path; did you mean /overview?");
    let webhook = memory().send("POST", "/overveiw", &[]).body();
    assert_eq!(webhook["reason"], "there is nothing at this path; webhooks go to /");
}

#[test]
fn nothing_is_kept_but_badges() {
    let (fails, closed) = (memory(), Memory::with(&[("ADMIN_TOKEN", "")]));
    fails.fails.set(true);
    for (method, path) in ROUTES.into_iter().chain([CREATED, ("GET", "/nothing"), ("PUT", "/")]) {
        for (memory, headers) in [(&memory(), [TOKEN].as_slice()), (&memory(), &[]), (&fails, &[TOKEN]), (&closed, &[])]
        {
            let response = memory.send(method, path, headers);
            let about = format!("{method} {path}: {:?}", response.headers);
            assert_eq!(response.header("x-content-type-options"), "nosniff", "{about}");
            if response.header("content-type") == "image/svg+xml" {
                assert_eq!(response.header("cache-control"), "public, max-age=300", "{about}");
                assert_eq!(response.header("cross-origin-resource-policy"), "", "{about}");
            } else {
                assert_eq!(response.header("cache-control"), "no-store", "{about}");
                assert_eq!(response.header("cross-origin-resource-policy"), "same-origin", "{about}");
                assert_eq!(response.header("referrer-policy"), "same-origin", "{about}");
            }
            if response.header("content-type").starts_with("text/html") {
                assert!(response.header("content-security-policy").starts_with("default-src 'none'"), "{about}");
            }
        }
    }
}

#[test]
fn guesses_are_counted_by_the_platform_too() {
    let guess = |memory: &Memory| memory.send("GET", "/metrics", &[("authorization", "Bearer guess")]);
    let memory = memory();
    assert_eq!(guess(&memory).status, 401);
    assert_eq!(*memory.networks.borrow(), ["192.0.2.1"]);
    memory.is_limited.set(true);
    let locked = guess(&memory);
    assert_eq!((locked.status, locked.header("retry-after")), (429, "301"));
    assert!(locked.text().contains("try again in 5 min 1 s"), "{}", locked.text());
    memory.is_limited.set(false);
    assert_eq!(memory.get("/metrics").status, 429, "the right one neither");
    assert_eq!(memory.networks.borrow().len(), 2, "only wrong ones are counted");

    let memory = super::memory::Memory::default();
    memory.fails.set(true);
    assert_eq!(guess(&memory).status, 401, "without a rate limiter");
    assert_eq!(*memory.logged.borrow(), ["rate limiter: octo/secret-plans broke"]);
}
