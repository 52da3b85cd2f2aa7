//! Which request goes where.

use crate::names::{RepoName, RunId, nearest};

use super::rejection::{Form, Meant, NO_SUCH_PATH, Rejection};

/// What a request asks for. A webhook, `POST /`, does not come here: `worker/entry.mjs` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Home,
    /// What the pages' words mean.
    Glossary,
    Health,
    /// What the API takes and answers.
    Description,
    Badge(RepoName),
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
    /// All repositories seen as one.
    Insights,
    Repository(RepoName),
    Run(RepoName, RunId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    Repositories,
    /// All of them seen as one.
    Insights,
    /// How it stands.
    Repository(RepoName),
    Runs(RepoName),
    Run(RepoName, RunId),
    FlakyJobs(RepoName),
    Precision(RepoName),
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

/// Which runs of a repository, and how many. Its page says itself how many.
const RUNS: [&str; 10] = ["limit", "cursor", "outcome", "workflow", "branch", "job", "cause", "rule", "since", "until"];
const RUNS_OF_PAGE: &[&str] = RUNS.split_at(1).1;

/// How a route is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// `None`: it is open to everybody.
    pub care: Option<Care>,
    /// Names of the query parameters that it knows.
    pub parameters: &'static [&'static str],
    /// How it says that it does not serve a request.
    pub form: Form,
}

impl Route {
    pub fn spec(&self) -> Spec {
        use Care::{Changes, Costs, Shows};
        let (care, form, parameters): (_, _, &[_]) = match self {
            Self::Home | Self::Glossary => (None, Form::Page, &[]),
            Self::Health | Self::Description => (None, Form::Json, &[]),
            Self::Badge(_) => (None, Form::Text, &[]),
            Self::Page(Page::Overview) => (Some(Shows), Form::Page, &["cursor", "name", "sort"]),
            Self::Page(Page::Insights) => (Some(Shows), Form::Page, &["cursor"]),
            Self::Page(Page::Repository(_)) => (Some(Shows), Form::Page, RUNS_OF_PAGE),
            Self::Page(Page::Run(..)) => (Some(Shows), Form::Page, &[]),
            Self::Api(Api::Repositories | Api::Insights) => (Some(Costs), Form::Json, &["cursor"]),
            Self::Api(Api::Runs(_)) => (Some(Costs), Form::Json, &RUNS),
            Self::Api(Api::Repository(_) | Api::Run(..) | Api::Precision(_)) => (Some(Costs), Form::Json, &[]),
            Self::Api(Api::FlakyJobs(_)) => (Some(Costs), Form::Json, &["limit", "cursor"]),
            Self::Api(Api::Pause(_) | Api::Resume(_)) => (Some(Changes), Form::Json, &[]),
            Self::Api(Api::Doctor) => (Some(Costs), Form::Json, &["repository"]),
            Self::Api(Api::Redeliver) => (Some(Changes), Form::Json, &["repository"]),
            Self::Metrics => (Some(Costs), Form::Text, &[]),
            Self::Setup(Setup::Start) => (Some(Shows), Form::Page, &["organization", "commands", "flaky_issues"]),
            // GitHub sends its reader here. It is called once for each visit of `/setup`, which the state tells.
            Self::Setup(Setup::Created) => (Some(Shows), Form::Page, &["code", "state"]),
        };
        Spec { care, parameters, form }
    }

    /// The methods that it takes, as `Allow` lists them.
    fn methods(&self) -> &'static str {
        match (self, self.spec().care) {
            // Webhooks are sent to it.
            (Self::Home, _) => "GET, HEAD, POST",
            (_, Some(Care::Changes)) => "POST",
            (_, Some(Care::Shows | Care::Costs) | None) => "GET, HEAD",
        }
    }
}

pub fn route(method: &str, path: &str) -> Result<Route, Rejection> {
    let route = at(path).ok_or(NO_SUCH_PATH)?;
    let allow = route.methods();
    if !allow.split(", ").any(|allowed| allowed == method) {
        return Err(Rejection::MethodNotAllowed { allow });
    }
    // A webhook gets here if its path is `/` in a spelling that `worker/entry.mjs` does not know.
    if route == Route::Home && method == "POST" { Err(NO_SUCH_PATH) } else { Ok(route) }
}

/// What was probably meant by a path that is none. `None`: nothing like it is there.
pub fn meant(path: &str) -> Option<Meant> {
    // Longer ones were not typed.
    if path.len() > 200 {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (first, rest) = segments.split_first()?;
    let nearest = nearest(first, ROUTES.iter().map(|(name, _)| *name))?;
    let respelled = format!("/{}", [&[nearest], rest].concat().join("/"));
    let is_image = |end: &&&str| respelled.ends_with(**end);
    let image = [".png", ".jpg", ".jpeg", ".gif", ".webp"].iter().find(is_image);
    let suffixed = format!("{}.svg", image.and_then(|end| respelled.strip_suffix(end)).unwrap_or(&respelled));
    if let Some(found) = [respelled, suffixed].into_iter().find(|found| found != path && at(found).is_some()) {
        return Some(Meant::Path(found));
    }
    match (nearest, rest) {
        ("overview", [_]) => Some(Meant::Words("a repository's page is at /overview/OWNER/REPOSITORY")),
        ("overview", [_, _, "runs", ..]) => Some(Meant::Words(
            "a run's page is at /overview/OWNER/REPOSITORY/runs/NUMBER, with the number from the run's address on GitHub",
        )),
        ("overview", [_, _, ..]) => {
            Some(Meant::Words("a repository's page is at /overview/OWNER/REPOSITORY, as GitHub spells it"))
        }
        ("badge", _) => Some(Meant::Words("a badge is at /badge/OWNER/REPOSITORY.svg")),
        ("api", _) => Some(Meant::Words("the API begins at /api/v1/repositories")),
        _ => None,
    }
}

/// What there is, from the segments of its path after the first.
type Below = fn(&[&str]) -> Option<Route>;
/// By the first.
const ROUTES: [(&str, Below); 9] = [
    ("overview", |rest| {
        Some(Route::Page(match rest {
            [] | [""] => Page::Overview,
            [owner, name] => Page::Repository(repository(owner, name)?),
            [owner, name, "runs", run] => Page::Run(repository(owner, name)?, run_id(run)?),
            _ => return None,
        }))
    }),
    ("insights", |rest| rest.is_empty().then_some(Route::Page(Page::Insights))),
    ("glossary", |rest| rest.is_empty().then_some(Route::Glossary)),
    ("healthz", |rest| rest.is_empty().then_some(Route::Health)),
    ("openapi.json", |rest| rest.is_empty().then_some(Route::Description)),
    ("metrics", |rest| rest.is_empty().then_some(Route::Metrics)),
    ("setup", |rest| match rest {
        [] => Some(Route::Setup(Setup::Start)),
        ["created"] => Some(Route::Setup(Setup::Created)),
        _ => None,
    }),
    ("badge", |rest| match rest {
        [owner, file] => repository(owner, file.strip_suffix(".svg")?).map(Route::Badge),
        _ => None,
    }),
    ("api", |rest| {
        Some(Route::Api(match rest {
            ["v1", "doctor"] => Api::Doctor,
            ["v1", "redeliver"] => Api::Redeliver,
            ["v1", "insights"] => Api::Insights,
            ["v1", "repositories"] => Api::Repositories,
            ["v1", "repositories", owner, name] => Api::Repository(repository(owner, name)?),
            ["v1", "repositories", owner, name, "runs"] => Api::Runs(repository(owner, name)?),
            ["v1", "repositories", owner, name, "runs", run] => Api::Run(repository(owner, name)?, run_id(run)?),
            ["v1", "repositories", owner, name, "flaky-jobs"] => Api::FlakyJobs(repository(owner, name)?),
            ["v1", "repositories", owner, name, "precision"] => Api::Precision(repository(owner, name)?),
            ["v1", "repositories", owner, name, "pause"] => Api::Pause(repository(owner, name)?),
            ["v1", "repositories", owner, name, "resume"] => Api::Resume(repository(owner, name)?),
            _ => return None,
        }))
    }),
];

fn at(path: &str) -> Option<Route> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    match segments.split_first()? {
        (&"", []) => Some(Route::Home),
        (first, rest) => ROUTES.iter().find(|(name, _)| name == first).and_then(|(_, below)| below(rest)),
    }
}

fn repository(owner: &str, name: &str) -> Option<RepoName> {
    RepoName::parse(&format!("{owner}/{name}")).ok()
}

fn run_id(text: &str) -> Option<RunId> {
    text.parse().ok().and_then(RunId::new)
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
mod tests;
