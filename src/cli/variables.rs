//! The settings of what is deployed that are no secrets: in a clone they are in its wrangler.toml, which each deploy goes by;
//! with the package they are kept at Cloudflare, and a deploy changes those that it is given.

use std::path::Path;

use rerunner::settings::Settings;

use super::versions::VERSIONS;
use super::{Failure, host};

const FILE: &str = "wrangler.toml";
const SECRETS: [&str; 7] = [
    "ADMIN_TOKEN",
    "GITHUB_APP_ID",
    "GITHUB_APP_PRIVATE_KEY",
    "GITHUB_TOKEN",
    "NOTIFY_URL",
    "WEBHOOK_SECRET",
    "WEBHOOK_SECRET_PREVIOUS",
];

#[derive(Debug)]
pub struct Variables {
    /// wrangler.toml, as it is. `None`: with the package.
    file: Option<String>,
    given: Vec<(String, String)>,
}

impl Variables {
    pub fn read() -> Result<Self, Failure> {
        if host::is_packaged() {
            return Ok(Self { file: None, given: Vec::new() });
        }
        let missing = |problem| {
            let why = "a clone keeps its settings there: run this in the clone's own folder";
            Failure(format!("{FILE} cannot be read here: {problem}; {why}"))
        };
        let bytes = host::read(Path::new(FILE), None).map_err(missing)?;
        let file = String::from_utf8(bytes).map_err(|_| Failure(format!("{FILE} is not text in UTF-8")))?;
        Ok(Self { file: Some(file), given: Vec::new() })
    }

    /// What it is in wrangler.toml.
    pub fn value(&self, name: &str) -> Option<&str> {
        value(self.file.as_deref()?, name)
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// By `NAME:VALUE`, as wrangler has it.
    pub fn give(&mut self, pair: &str) -> Result<(), Failure> {
        let (name, value) = pair
            .split_once(':')
            .ok_or_else(|| Failure(format!("--var {pair}: expected NAME:VALUE, as in MAX_RERUNS:5")))?;
        if SECRETS.contains(&name) {
            return Err(Failure(format!("{name} is a secret; set it with npx wrangler secret put {name}")));
        }
        if !VERSIONS.iter().any(|version| version.settings.contains(&name)) {
            return Err(Failure(format!("--var {name}: there is no such setting")));
        }
        let settings = Settings::read(|asked| (asked == name).then(|| value.to_owned()));
        match settings.problems.iter().find(|problem| problem.setting == name) {
            Some(problem) => Err(Failure(format!("--var {problem}"))),
            None => self.set(name, value),
        }
    }

    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if let Some(file) = &self.file
            && self::value(file, name).is_none()
        {
            return Err(Failure(format!("{FILE} has no line {name} = \"…\" under [vars]")));
        }
        if value.contains(['"', '\\', '\n', '\r']) {
            return Err(Failure(format!(
                "{name}: write quotation marks, backslashes and line breaks into wrangler.toml by hand"
            )));
        }
        self.given.retain(|(given, _)| given != name);
        self.given.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// Writes into wrangler.toml what was given. All of it.
    pub fn keep(&mut self) -> Result<&[(String, String)], Failure> {
        if let Some(file) = &self.file {
            let changed = self.given.iter().fold(file.clone(), |text, (name, value)| with(&text, name, value));
            if changed != *file {
                host::overwrite(Path::new(FILE), changed.as_bytes())
                    .map_err(|problem| Failure(format!("{FILE} cannot be written: {problem}")))?;
                self.file = Some(changed);
            }
        }
        Ok(&self.given)
    }

    /// What a deploy has to be given: nothing that is in wrangler.toml.
    pub fn for_deploy(&self) -> Vec<(&str, &str)> {
        let given = self.given.iter().filter(|_| self.file.is_none());
        given.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// A line's place, from after its `NAME = "` to the next quotation mark.
fn place(file: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let line = format!("\n{name} = \"");
    let start = file.find(&line)? + line.len();
    let length = file.get(start..)?.find('"')?;
    Some(start..start + length)
}

fn value<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    file.get(place(file, name)?)
}

fn with(file: &str, name: &str, value: &str) -> String {
    let mut changed = file.to_owned();
    if let Some(place) = place(file, name) {
        changed.replace_range(place, value);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = include_str!("../../wrangler.toml");

    fn of(file: Option<&str>) -> Variables {
        Variables { file: file.map(str::to_owned), given: Vec::new() }
    }

    #[test]
    fn a_setting_is_one_line() {
        assert_eq!(value(TOML, "DEFAULT_POLICY"), Some("everything"));
        assert_eq!((value(TOML, "REPOSITORIES"), value(TOML, "POLICY")), (Some("*"), None));
        let changed = with(TOML, "DEFAULT_POLICY", "careful");
        assert_eq!(value(&changed, "DEFAULT_POLICY"), Some("careful"));
        let differing = TOML.lines().zip(changed.lines()).filter(|(before, after)| before != after).count();
        assert_eq!((differing, TOML.lines().count()), (1, changed.lines().count()));
        assert_eq!(with("name = \"rerunner\"\n", "DEFAULT_POLICY", "careful"), "name = \"rerunner\"\n");
    }

    /// Each that can be given by name can be changed in a clone.
    #[test]
    fn every_setting_is_there() {
        for name in VERSIONS.iter().flat_map(|version| version.settings).filter(|name| !SECRETS.contains(name)) {
            assert!(value(TOML, name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_given_is_checked() {
        for (pair, why) in [
            ("MAX_RERUNS", "expected NAME:VALUE"),
            ("MAX_RERUN:3", "no such setting"),
            ("MAX_RERUNS:many", "MAX_RERUNS is not valid"),
            ("ADMIN_TOKEN:x", "is a secret"),
            ("NO_RERUN_ACTORS:a\"b", "by hand"),
        ] {
            let Err(Failure(said)) = of(None).give(pair) else { panic!("{pair}") };
            assert!(said.contains(why), "{said}");
        }
        let mut packaged = of(None);
        packaged.give("MAX_RERUNS:5").unwrap();
        packaged.give("GITHUB_API_URL:https://ghe.example/api/v3").unwrap();
        packaged.give("MAX_RERUNS:6").unwrap();
        assert_eq!(packaged.for_deploy(), [("GITHUB_API_URL", "https://ghe.example/api/v3"), ("MAX_RERUNS", "6")]);
        let mut clone = of(Some(TOML));
        clone.give("MAX_RERUNS:5").unwrap();
        assert_eq!((clone.for_deploy(), clone.value("MAX_RERUNS")), (vec![], Some("3")));
    }
}
