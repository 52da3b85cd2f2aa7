//! Repositories by another name than they have: by their numbers, and by names that they had before.

use crate::model::GitHub;

/// Where a request goes.
pub(super) enum Place {
    /// There, by the repository's name.
    Here(String),
    /// The caller is to go to this path.
    Moved(String),
}

/// Of the path of a request, without its query.
pub(super) fn find(model: &GitHub, path: &str) -> Place {
    let (prefix, rest) = path.strip_prefix("/api/v3").map_or(("", path), |rest| ("/api/v3", rest));
    let segments: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        ["repositories", number, rest @ ..] => {
            let id = number.parse().ok().and_then(|number| model.repository_with_number(number));
            let name = id.map(|id| model.repository(id).name().to_string());
            Place::Here(match name {
                Some(name) => [&[prefix, "repos", &name], rest].concat().join("/"),
                None => path.to_owned(),
            })
        }
        ["repos", owner, name, rest @ ..] => match model.moved_from(&format!("{owner}/{name}")) {
            Some(id) => {
                let number = model.repository(id).identity.number.to_string();
                Place::Moved([&[prefix, "repositories", &number], rest].concat().join("/"))
            }
            None => Place::Here(path.to_owned()),
        },
        _ => Place::Here(path.to_owned()),
    }
}
