//! Which request goes where.

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Webhook,
    Home,
    Health,
    /// The path is served, but not with this method.
    MethodNotAllowed {
        allow: &'static str,
    },
    NotFound,
}

pub fn route(method: &str, path: &str) -> Route {
    let get = matches!(method, "GET" | "HEAD");
    match (path, method) {
        ("/", "POST") => Route::Webhook,
        ("/", _) if get => Route::Home,
        ("/", _) => Route::MethodNotAllowed { allow: "GET, HEAD, POST" },
        ("/healthz", _) if get => Route::Health,
        ("/healthz", _) => Route::MethodNotAllowed { allow: "GET, HEAD" },
        _ => Route::NotFound,
    }
}

/// The path of an absolute URL, without query and fragment.
pub fn path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|slash| after_scheme.get(slash..)).unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let post_get = Route::MethodNotAllowed { allow: "GET, HEAD, POST" };
        for (method, path, expected) in [
            ("POST", "/", Route::Webhook),
            ("GET", "/", Route::Home),
            ("HEAD", "/", Route::Home),
            ("PUT", "/", post_get),
            ("OPTIONS", "/", post_get),
            ("GET", "/healthz", Route::Health),
            ("POST", "/healthz", Route::MethodNotAllowed { allow: "GET, HEAD" }),
            ("POST", "/webhook", Route::NotFound),
            ("GET", "/favicon.ico", Route::NotFound),
        ] {
            assert_eq!(route(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn paths() {
        for (url, expected) in [
            ("https://h/", "/"),
            ("https://h", "/"),
            ("http://h:1/a/b?c=/d#e", "/a/b"),
            ("https://h/healthz#x", "/healthz"),
        ] {
            assert_eq!(path(url), expected, "{url}");
        }
    }
}
