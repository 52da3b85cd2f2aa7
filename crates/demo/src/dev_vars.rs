//! `.dev.vars`: settings and secrets for this machine, in the format of `.env` files.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where the file is, and what it sets.
#[derive(Debug)]
pub struct DevVars {
    pub path: PathBuf,
    settings: BTreeMap<String, String>,
}

impl DevVars {
    /// Of the project in this folder. No file is an empty one. An error says what to mend, and quotes nothing: it
    /// could be a secret.
    pub fn read(root: &Path) -> Result<Self, String> {
        let path = root.join(".dev.vars");
        let entries = match dotenvy::from_path_iter(&path) {
            Ok(entries) => entries,
            Err(dotenvy::Error::Io(error)) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, settings: BTreeMap::new() });
            }
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        let mut settings = BTreeMap::new();
        for entry in entries {
            let (name, value) = entry.map_err(|error| match error {
                dotenvy::Error::LineParse(_, position) => {
                    format!("{} has a line that is not NAME=\"VALUE\" (at its character {position})", path.display())
                }
                error => format!("{} cannot be read: {error}", path.display()),
            })?;
            settings.insert(name, value);
        }
        Ok(Self { path, settings })
    }

    /// All that it sets.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// A setting that is there and not blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// As one would type it from where one is.
    pub fn shown_path(&self) -> String {
        let here = std::env::current_dir().ok();
        let from_here = here.as_ref().and_then(|here| self.path.strip_prefix(here).ok());
        from_here.unwrap_or(&self.path).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DevVars, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".dev.vars"), text).unwrap();
        DevVars::read(folder.path())
    }

    #[test]
    fn settings_are_read_and_the_environment_is_left_alone() {
        let vars = read("# of mine\nGITHUB_TOKEN=\"a-token\" # new\nexport MAX_RERUNS='2'\nREPOSITORIES=\n").unwrap();
        assert_eq!(vars.get("GITHUB_TOKEN"), Some("a-token"));
        assert_eq!(vars.get("MAX_RERUNS"), Some("2"));
        assert_eq!(vars.get("REPOSITORIES"), None);
        assert_eq!(std::env::var_os("MAX_RERUNS"), None);
    }

    #[test]
    fn no_file_sets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(DevVars::read(folder.path()).unwrap().settings.is_empty());
    }

    #[test]
    fn a_bad_line_is_an_error_without_the_secret() {
        let error = read("GITHUB_TOKEN=\"a-token\n").unwrap_err();
        assert!(error.contains(".dev.vars") && !error.contains("a-token"), "{error}");
    }
}
