//! Why somebody may not.

use crate::time::Span;

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// There is no `ADMIN_TOKEN`.
    NotSet,
    Absent,
    Wrong,
    TooMany {
        retry_after_seconds: i64,
    },
    /// Another site made the browser send it, with the credentials that the browser remembers.
    CrossSite,
}

impl Denied {
    pub fn too_many(wait: Span) -> Self {
        Self::TooMany { retry_after_seconds: wait.as_millis() / 1_000 + 1 }
    }

    pub fn http_status(self) -> u16 {
        match self {
            Self::NotSet | Self::CrossSite => 403,
            Self::Absent | Self::Wrong => 401,
            Self::TooMany { .. } => 429,
        }
    }

    pub fn reason(self) -> &'static str {
        match self {
            Self::NotSet => {
                "ADMIN_TOKEN is not set; choose a long random one and set it with `npx wrangler secret put ADMIN_TOKEN`"
            }
            Self::Absent => {
                "sign in with ADMIN_TOKEN: as a bearer token, or as the password of HTTP Basic with any user name"
            }
            Self::Wrong => "wrong ADMIN_TOKEN",
            Self::TooMany { .. } => "too many wrong passwords; try again later",
            Self::CrossSite => {
                "the page of another site made this request; open it directly or from this Worker's own pages, and in a \
                 program send ADMIN_TOKEN as a bearer token"
            }
        }
    }
}
