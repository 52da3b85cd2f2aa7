//! Which path is which route, who may, and what is meant by a path that is none.

use super::*;

#[test]
fn routes() {
    let post_get = || Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, POST" });
    let only_get = || Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" });
    let only_post = || Err(Rejection::MethodNotAllowed { allow: "POST" });
    let repository = || RepoName::parse("octo/hello.world").unwrap();
    let run = || RunId::new(7).unwrap();
    let page = |page| Ok(Route::Page(page));
    let api = |api| Ok(Route::Api(api));
    for (method, path, expected) in [
        ("POST", "/", Err(NO_SUCH_PATH)),
        ("GET", "/", Ok(Route::Home)),
        ("HEAD", "/", Ok(Route::Home)),
        ("PUT", "/", post_get()),
        ("OPTIONS", "/", post_get()),
        ("GET", "/healthz", Ok(Route::Health)),
        ("POST", "/healthz", only_get()),
        ("POST", "/webhook", Err(NO_SUCH_PATH)),
        ("POST", "*", Err(NO_SUCH_PATH)),
        ("OPTIONS", "*", Err(NO_SUCH_PATH)),
        ("GET", "", Err(NO_SUCH_PATH)),
        ("POST", "//", Err(NO_SUCH_PATH)),
        ("TRACE", "/", post_get()),
        ("PROPFIND", "/metrics", only_get()),
        ("GET", "/glossary", Ok(Route::Glossary)),
        ("POST", "/glossary", only_get()),
        ("GET", "/favicon.ico", Err(NO_SUCH_PATH)),
        ("GET", "/overview", page(Page::Overview)),
        ("HEAD", "/overview/", page(Page::Overview)),
        ("GET", "/insights", page(Page::Insights)),
        ("POST", "/overview", only_get()),
        ("GET", "/overview/octo", Err(NO_SUCH_PATH)),
        ("GET", "/overview/octo/hello.world", page(Page::Repository(repository()))),
        ("GET", "/overview/octo/..", Err(NO_SUCH_PATH)),
        ("GET", "/overview/octo/%3Cscript%3E", Err(NO_SUCH_PATH)),
        ("GET", "/overview/octo/hello.world/runs/7", page(Page::Run(repository(), run()))),
        ("GET", "/overview/octo/hello.world/runs/0", Err(NO_SUCH_PATH)),
        ("GET", "/overview/octo/hello.world/runs/x", Err(NO_SUCH_PATH)),
        ("GET", "/api/v1/repositories", api(Api::Repositories)),
        ("GET", "/api/v1/insights", api(Api::Insights)),
        ("GET", "/api/v1/repositories/octo/hello.world", api(Api::Repository(repository()))),
        ("GET", "/api/v1/repositories/octo", Err(NO_SUCH_PATH)),
        ("POST", "/api/v1/repositories/octo/hello.world", only_get()),
        ("GET", "/api/v1/repositories/octo/hello.world/runs", api(Api::Runs(repository()))),
        ("GET", "/api/v1/repositories/octo/hello.world/runs/7", api(Api::Run(repository(), run()))),
        ("GET", "/api/v1/repositories/octo/hello.world/flaky-jobs", api(Api::FlakyJobs(repository()))),
        ("GET", "/api/v1/repositories/octo/hello.world/precision", api(Api::Precision(repository()))),
        ("POST", "/api/v1/repositories/octo/hello.world/pause", api(Api::Pause(repository()))),
        ("POST", "/api/v1/repositories/octo/hello.world/resume", api(Api::Resume(repository()))),
        ("GET", "/api/v1/repositories/octo/hello.world/pause", only_post()),
        ("DELETE", "/api/v1/repositories", only_get()),
        ("GET", "/metrics", Ok(Route::Metrics)),
        ("GET", "/openapi.json", Ok(Route::Description)),
        ("GET", "/openapi.json/", Err(NO_SUCH_PATH)),
        ("GET", "/badge/octo/hello.world.svg", Ok(Route::Badge(repository()))),
        ("GET", "/badge/octo/hello.world", Err(NO_SUCH_PATH)),
        ("POST", "/badge/octo/hello.world.svg", only_get()),
    ] {
        assert_eq!(route(method, path), expected, "{method} {path}");
    }
}

/// Seen to fail when one is not served (`/openapi.json`).
#[test]
fn what_the_documents_name_is_served() {
    let rows = include_str!("../../../docs/api.md").lines().filter(|line| line.starts_with("| `"));
    let named = rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect::<Vec<_>>());
    let mut served = 0;
    for text in named.filter(|text| text.contains('/')) {
        let (method, path) = text.split_once(' ').unwrap_or(("GET", text));
        let path = path.split('?').next().unwrap().replace("OWNER/REPO", "octo/widgets").replace("ID", "7");
        // Webhooks do not come here.
        if (method, path.as_str()) != ("POST", "/") {
            assert!(route(method, &path).is_ok(), "docs/api.md names {text}");
            served += 1;
        }
    }
    assert!(served > 15, "{served}");
}

/// Whatever is described, and the pages: only a page may be opened by a link from elsewhere.
#[test]
fn how_careful_each_route_is() {
    let described: serde_json::Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in described["paths"].as_object().unwrap() {
        let path = path.replace("{owner}/{repo}", "octo/widgets").replace("{run_id}", "7");
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    let pages = [
        "/overview",
        "/insights",
        "/overview/octo/widgets",
        "/overview/octo/widgets/runs/7",
        "/setup",
        "/setup/created",
    ];
    routes.extend(pages.iter().map(|path| ("GET".to_owned(), (*path).to_owned())));
    for (method, path) in routes {
        let route = route(&method, &path).unwrap();
        let Some(care) = route.spec().care else {
            assert!(matches!(route, Route::Health | Route::Description), "{path} is described, and no admin's");
            continue;
        };
        let expected = match method.as_str() {
            "POST" => Care::Changes,
            _ if pages.contains(&path.as_str()) => Care::Shows,
            _ => Care::Costs,
        };
        assert_eq!(care, expected, "{method} {path}");
    }
}

#[test]
fn parameters_are_described() {
    let described: serde_json::Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    for (path, methods) in described["paths"].as_object().unwrap() {
        let example = path.replace("{owner}/{repo}", "octo/widgets").replace("{run_id}", "7");
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<_> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let known = route(&method.to_uppercase(), &example).unwrap().spec().parameters;
            assert_eq!(names, known, "{method} {path}");
            let says_400 = operation["responses"].get("400").is_some();
            assert!(says_400, "{method} {path}: an unknown parameter is a 400");
        }
    }
}

/// Seen to fail when the first segment is compared as it is written (`/HEALTHZ`), and when `.svg` is not tried.
#[test]
fn what_was_meant() {
    let path = |path: &str| Some(Meant::Path(path.to_owned()));
    for (typed, expected) in [
        ("/overveiw", path("/overview")),
        ("/Overview/octo/widgets", path("/overview/octo/widgets")),
        ("/overview/octo/widgets/", path("/overview/octo/widgets")),
        ("/badge/octo/widgets", path("/badge/octo/widgets.svg")),
        ("/badge/octo/widgets.png", path("/badge/octo/widgets.svg")),
        ("/badges/octo/widgets.svg", path("/badge/octo/widgets.svg")),
        ("/healtz", path("/healthz")),
        ("/HEALTHZ", path("/healthz")),
        ("/insight", path("/insights")),
        ("/metrics/", path("/metrics")),
        ("/api/v1/repositories/", path("/api/v1/repositories")),
        ("/webhook", None),
        ("/", None),
        ("", None),
        ("//", None),
        ("*", None),
        ("/overview\u{fc}\u{fc}\u{fc}", None),
        (&format!("/overview/{}", "x".repeat(300)), None),
    ] {
        assert_eq!(meant(typed), expected, "{typed}");
    }
    for (typed, words) in [
        ("/overview/octo", "OWNER/REPOSITORY"),
        ("/overview/octo/wid%20gets", "as GitHub spells it"),
        ("/overview/octo/widgets/runs/ci", "/runs/NUMBER"),
        ("/api/v2/repositories", "/api/v1/repositories"),
        ("/badge/octo", ".svg"),
    ] {
        assert!(matches!(meant(typed), Some(Meant::Words(said)) if said.contains(words)), "{typed}");
    }
}

#[test]
fn parts_of_a_url() {
    for (url, its_origin, its_path) in [
        ("https://h/", "https://h", "/"),
        ("https://h", "https://h", "/"),
        ("http://h:1/a/b?c=/d#e", "http://h:1", "/a/b"),
        ("https://h/healthz#x", "https://h", "/healthz"),
        ("https://h/a?b=/a?b=/", "https://h", "/a"),
        ("https://h*", "https://h*", "*"),
        ("https://h//", "https://h", "//"),
        ("https:///", "https://", "/"),
    ] {
        assert_eq!((origin(url), path(url)), (its_origin, its_path), "{url}");
    }
}
