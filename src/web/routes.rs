//! Which request goes where.

use crate::names::{RepoName, RunId};

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Home,
    Health,
    Badge(RepoName),
    /// For whoever has `ADMIN_TOKEN`.
    Admin(Admin),
    /// The path is served, but not with this method.
    MethodNotAllowed {
        allow: &'static str,
    },
    NotFound,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    Page(Page),
    Api(Api),
    Metrics,
    Setup(Setup),
}

/// The making of a GitHub App.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    Start,
    /// GitHub sends its reader back here.
    Created,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    Overview,
    Repository(RepoName),
    Run(RepoName, RunId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    Repositories,
    Runs(RepoName),
    Run(RepoName, RunId),
    FlakyJobs(RepoName),
    Pause(RepoName),
    Resume(RepoName),
    /// Is all set up as it should be?
    Doctor,
    /// Failed deliveries are sent again.
    Redeliver,
}

/// What a route does for whoever asks: a browser adds a password that it remembers to requests which another site made
/// it send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// It shows a page. A link may lead to it from anywhere.
    Shows,
    /// It calls GitHub, lists what there is, or is for programs.
    Costs,
    /// It changes something, by `POST`.
    Changes,
}

impl Admin {
    /// Each route by name, so that a new one has to say.
    pub fn care(&self) -> Care {
        match self {
            Self::Page(Page::Overview | Page::Repository(_) | Page::Run(..)) | Self::Setup(Setup::Start) => Care::Shows,
            // GitHub sends its reader here. It is called once for each visit of `/setup`, which the state tells.
            Self::Setup(Setup::Created) => Care::Shows,
            Self::Api(Api::Repositories | Api::Runs(_) | Api::Run(..) | Api::FlakyJobs(_) | Api::Doctor)
            | Self::Metrics => Care::Costs,
            Self::Api(Api::Pause(_) | Api::Resume(_) | Api::Redeliver) => Care::Changes,
        }
    }

    fn is_post(&self) -> bool {
        self.care() == Care::Changes
    }
}

pub fn route(method: &str, path: &str) -> Route {
    let get = matches!(method, "GET" | "HEAD");
    let getting = |route| if get { route } else { Route::MethodNotAllowed { allow: "GET, HEAD" } };
    match (path, method) {
        // entry.mjs takes webhooks; a way to write `/` that it does not know is none.
        ("/", "POST") => Route::NotFound,
        ("/", _) if get => Route::Home,
        ("/", _) => Route::MethodNotAllowed { allow: "GET, HEAD, POST" },
        ("/healthz", _) => getting(Route::Health),
        _ => match admin(path) {
            Some(admin) if admin.is_post() => match method {
                "POST" => Route::Admin(admin),
                _ => Route::MethodNotAllowed { allow: "POST" },
            },
            Some(admin) => getting(Route::Admin(admin)),
            None => badge(path).map_or(Route::NotFound, |repository| getting(Route::Badge(repository))),
        },
    }
}

fn admin(path: &str) -> Option<Admin> {
    let repository = |owner: &str, name: &str| RepoName::parse(&format!("{owner}/{name}")).ok();
    let run_id = |text: &str| text.parse().ok().and_then(RunId::new);
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    Some(match segments.as_slice() {
        ["metrics"] => Admin::Metrics,
        ["setup"] => Admin::Setup(Setup::Start),
        ["setup", "created"] => Admin::Setup(Setup::Created),
        ["overview"] | ["overview", ""] => Admin::Page(Page::Overview),
        ["overview", owner, name] => Admin::Page(Page::Repository(repository(owner, name)?)),
        ["overview", owner, name, "runs", run] => Admin::Page(Page::Run(repository(owner, name)?, run_id(run)?)),
        ["api", "v1", "doctor"] => Admin::Api(Api::Doctor),
        ["api", "v1", "redeliver"] => Admin::Api(Api::Redeliver),
        ["api", "v1", "repositories"] => Admin::Api(Api::Repositories),
        ["api", "v1", "repositories", owner, name, rest @ ..] => {
            let repository = repository(owner, name)?;
            Admin::Api(match rest {
                ["runs"] => Api::Runs(repository),
                ["runs", run] => Api::Run(repository, run_id(run)?),
                ["flaky-jobs"] => Api::FlakyJobs(repository),
                ["pause"] => Api::Pause(repository),
                ["resume"] => Api::Resume(repository),
                _ => return None,
            })
        }
        _ => return None,
    })
}

fn badge(path: &str) -> Option<RepoName> {
    RepoName::parse(path.strip_prefix("/badge/")?.strip_suffix(".svg")?).ok()
}

/// The path of an absolute URL, without query and fragment.
pub fn path(url: &str) -> &str {
    // `*` instead of a path asks about a server as a whole (RFC 9110, "OPTIONS"): it is no path of ours.
    let path = after_origin(url).unwrap_or(if url.ends_with('*') { "*" } else { "/" });
    path.split(['?', '#']).next().unwrap_or(path)
}

/// Scheme, host and port of an absolute URL.
pub fn origin(url: &str) -> &str {
    after_origin(url).and_then(|rest| url.strip_suffix(rest)).unwrap_or(url)
}

fn after_origin(url: &str) -> Option<&str> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').and_then(|slash| after_scheme.get(slash..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let post_get = || Route::MethodNotAllowed { allow: "GET, HEAD, POST" };
        let only_get = || Route::MethodNotAllowed { allow: "GET, HEAD" };
        let only_post = || Route::MethodNotAllowed { allow: "POST" };
        let repository = || RepoName::parse("octo/hello.world").unwrap();
        let run = || RunId::new(7).unwrap();
        let page = |page| Route::Admin(Admin::Page(page));
        let api = |api| Route::Admin(Admin::Api(api));
        for (method, path, expected) in [
            ("POST", "/", Route::NotFound),
            ("GET", "/", Route::Home),
            ("HEAD", "/", Route::Home),
            ("PUT", "/", post_get()),
            ("OPTIONS", "/", post_get()),
            ("GET", "/healthz", Route::Health),
            ("POST", "/healthz", only_get()),
            ("POST", "/webhook", Route::NotFound),
            ("POST", "*", Route::NotFound),
            ("OPTIONS", "*", Route::NotFound),
            ("GET", "", Route::NotFound),
            ("POST", "//", Route::NotFound),
            ("TRACE", "/", post_get()),
            ("PROPFIND", "/metrics", only_get()),
            ("GET", "/favicon.ico", Route::NotFound),
            ("GET", "/overview", page(Page::Overview)),
            ("HEAD", "/overview/", page(Page::Overview)),
            ("POST", "/overview", only_get()),
            ("GET", "/overview/octo", Route::NotFound),
            ("GET", "/overview/octo/hello.world", page(Page::Repository(repository()))),
            ("GET", "/overview/octo/..", Route::NotFound),
            ("GET", "/overview/octo/%3Cscript%3E", Route::NotFound),
            ("GET", "/overview/octo/hello.world/runs/7", page(Page::Run(repository(), run()))),
            ("GET", "/overview/octo/hello.world/runs/0", Route::NotFound),
            ("GET", "/overview/octo/hello.world/runs/x", Route::NotFound),
            ("GET", "/api/v1/repositories", api(Api::Repositories)),
            ("GET", "/api/v1/repositories/octo/hello.world", Route::NotFound),
            ("GET", "/api/v1/repositories/octo/hello.world/runs", api(Api::Runs(repository()))),
            ("GET", "/api/v1/repositories/octo/hello.world/runs/7", api(Api::Run(repository(), run()))),
            ("GET", "/api/v1/repositories/octo/hello.world/flaky-jobs", api(Api::FlakyJobs(repository()))),
            ("POST", "/api/v1/repositories/octo/hello.world/pause", api(Api::Pause(repository()))),
            ("POST", "/api/v1/repositories/octo/hello.world/resume", api(Api::Resume(repository()))),
            ("GET", "/api/v1/repositories/octo/hello.world/pause", only_post()),
            ("DELETE", "/api/v1/repositories", only_get()),
            ("GET", "/metrics", Route::Admin(Admin::Metrics)),
            ("GET", "/badge/octo/hello.world.svg", Route::Badge(repository())),
            ("GET", "/badge/octo/hello.world", Route::NotFound),
            ("POST", "/badge/octo/hello.world.svg", only_get()),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }

    /// Whatever is described, and the pages: only a page may be opened by a link from elsewhere.
    #[test]
    fn how_careful_each_route_is() {
        let described: serde_json::Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
        let mut routes = Vec::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            let path = path.replace("{owner}/{repo}", "octo/widgets").replace("{run_id}", "7");
            for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
        let pages =
            ["/overview", "/overview/octo/widgets", "/overview/octo/widgets/runs/7", "/setup", "/setup/created"];
        routes.extend(pages.iter().chain(&["/metrics"]).map(|path| ("GET".to_owned(), (*path).to_owned())));
        for (method, path) in routes {
            let care = match route(&method, &path) {
                Route::Admin(admin) => admin.care(),
                open => {
                    assert_eq!((open, path.as_str()), (Route::Health, "/healthz"), "described, and no admin's");
                    continue;
                }
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
}
