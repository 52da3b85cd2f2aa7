//! What each version brought that whoever deploys it should know: settings, and how far it takes a repository's storage.

/// A version that was released, or is to be.
#[derive(Debug)]
pub struct Version {
    pub version: &'static str,
    /// Those that are new.
    pub settings: &'static [&'static str],
    /// The version of its tables.
    pub storage: usize,
}

/// Oldest first. The last is this one: a new setting or migration is added there, or to a new version.
pub const VERSIONS: &[Version] = &[Version {
    version: "0.1.0",
    settings: &[
        "ACCESS_AUD",
        "ACCESS_TEAM_DOMAIN",
        "ADMIN_TOKEN",
        "BADGE_REPOSITORIES",
        "COMMENT_ON_PULL_REQUESTS",
        "COMMIT_STATUS",
        "DEFAULT_POLICY",
        "DRY_RUN",
        "GITHUB_API_URL",
        "GITHUB_APP_ID",
        "GITHUB_APP_PRIVATE_KEY",
        "GITHUB_TOKEN",
        "MAX_RERUNS",
        "MAX_RERUNS_CEILING",
        "NOTIFICATIONS_PER_HOUR",
        "NOTIFY_URL",
        "NO_RERUN_ACTORS",
        "ORGANIZATION_POLICY",
        "POLICY_FILE",
        "REPOSITORIES",
        "RERUN_DELAY",
        "SWEEP_INTERVAL",
        "WEBHOOK_SECRET",
        "WEBHOOK_SECRET_PREVIOUS",
    ],
    storage: 20,
}];

/// What comes when this version takes the place of another.
#[derive(Debug, PartialEq, Eq)]
pub struct Coming {
    pub settings: Vec<&'static str>,
    /// The version of the tables before; `None`: they stay as they are.
    pub storage_before: Option<usize>,
}

/// `None`: it is not known what was before.
pub fn since(deployed: &str, versions: &[Version]) -> Option<Coming> {
    let before = versions.iter().position(|version| version.version == deployed)?;
    let storage = versions.get(before)?.storage;
    let later = versions.get(before + 1..)?;
    let is_newer = later.iter().any(|version| version.storage != storage);
    Some(Coming {
        settings: later.iter().flat_map(|version| version.settings.iter().copied()).collect(),
        storage_before: is_newer.then_some(storage),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use rerunner::keeper::store::STORAGE_VERSION;
    use rerunner::settings::Settings;

    use super::*;

    #[test]
    fn the_last_is_what_is_here() {
        let last = VERSIONS.last().unwrap();
        assert_eq!((last.version, last.storage), (env!("CARGO_PKG_VERSION"), STORAGE_VERSION));
        let asked = RefCell::new(BTreeSet::new());
        let _ = Settings::read(|name| {
            asked.borrow_mut().insert(name.to_owned());
            Some("1".to_owned())
        });
        let listed: BTreeSet<String> =
            VERSIONS.iter().flat_map(|version| version.settings).map(|name| (*name).to_owned()).collect();
        assert_eq!(listed, asked.into_inner());
    }

    #[test]
    fn what_comes() {
        let versions = [
            Version { version: "1.0.0", settings: &["A"], storage: 3 },
            Version { version: "1.1.0", settings: &["B"], storage: 3 },
            Version { version: "1.2.0", settings: &["C", "D"], storage: 5 },
        ];
        let coming =
            |settings: &[&'static str], storage_before| Some(Coming { settings: settings.to_vec(), storage_before });
        assert_eq!(since("1.0.0", &versions), coming(&["B", "C", "D"], Some(3)));
        assert_eq!(since("1.1.0", &versions), coming(&["C", "D"], Some(3)));
        assert_eq!(since("1.2.0", &versions), coming(&[], None));
        assert_eq!(since("0.9.0", &versions), None);
        assert_eq!(since("1.1.0", &versions[..2]), coming(&[], None));
    }
}
