//! What is known on this machine of the deployed Worker: its address, and the secrets that `npm run setup` made for it.
//!
//! They are in `.deployed.vars`, which git ignores and only its owner may read; the environment wins over it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rerunner::settings::Secret;

use super::http::Address;
use super::{Failure, host};

pub const FILE: &str = ".deployed.vars";
pub const URL: &str = "RERUNNER_URL";
/// The Worker's name at Cloudflare.
pub const WORKER: &str = "RERUNNER_NAME";

const HEAD: &str = "\
# The deployed Worker's address and its secrets, written by setup and read by the doctor. Keep this file to yourself,
# and out of Git: a clone of the project ignores it, other folders do not.
";

#[derive(Debug)]
pub struct Deployed {
    path: PathBuf,
    /// Of the Worker on this machine.
    is_local: bool,
    values: BTreeMap<String, String>,
}

impl Deployed {
    pub fn read() -> Result<Self, Failure> {
        Self::of(FILE, false)
    }

    /// What is set for `npm run dev` and `npm start`.
    pub fn local() -> Result<Self, Failure> {
        Self::of(".dev.vars", true)
    }

    /// No file is an empty one.
    fn of(file: &str, is_local: bool) -> Result<Self, Failure> {
        let path = PathBuf::from(file);
        let mut values = BTreeMap::new();
        match host::read(&path, None) {
            Ok(bytes) => {
                // The line is not shown: it may hold a secret.
                let wrong = |_| Failure(format!("{file} has a line that is not NAME=\"VALUE\""));
                values = dotenvy::from_read_iter(bytes.as_slice()).collect::<Result<_, _>>().map_err(wrong)?;
            }
            Err(problem) if problem.is_missing() => {}
            Err(problem) => return Err(Failure(format!("{file} cannot be read: {problem}"))),
        }
        Ok(Self { path, is_local, values })
    }

    /// From the environment, or the file.
    pub fn get(&self, name: &str) -> Option<Secret> {
        given(name, self.values.get(name))
    }

    /// The same, for the Worker at this address: what is kept is of one Worker, and sent to no other.
    pub fn get_for(&self, name: &str, address: &Address) -> Option<Secret> {
        given(name, self.values.get(name).filter(|_| self.is_kept_for(address)))
    }

    /// Whether something is kept under this name that is not for this address.
    pub fn is_withheld(&self, name: &str, address: &Address) -> bool {
        self.values.contains_key(name) && from_environment(name).is_none() && !self.is_kept_for(address)
    }

    fn is_kept_for(&self, address: &Address) -> bool {
        match self.is_local {
            true => address.is_here(),
            false => self.values.get(URL).and_then(|kept| Address::parse(kept.trim()).ok()).as_ref() == Some(address),
        }
    }

    pub fn url(&self) -> Option<String> {
        self.get(URL).map(|url| url.reveal().to_owned())
    }

    /// What is kept in the file alone.
    pub fn kept(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim())
    }

    /// What is kept is of one Worker: another's address would be given its secrets.
    pub fn is_of(&self, address: &Address) -> Result<(), Failure> {
        match self.kept(URL) {
            Some(kept) if Address::parse(kept).ok().as_ref() != Some(address) => Err(Failure(format!(
                "{FILE} in this folder belongs to {kept}, not to {address}; use another folder or, if it is the same Worker at a new address, change {URL} in it"
            ))),
            _ => Ok(()),
        }
    }

    pub fn set(&mut self, name: &str, value: &Secret) -> Result<(), Failure> {
        self.values.insert(name.to_owned(), value.reveal().to_owned());
        self.write()
    }

    pub fn remove(&mut self, name: &str) -> Result<(), Failure> {
        if self.values.remove(name).is_some() { self.write() } else { Ok(()) }
    }

    fn write(&self) -> Result<(), Failure> {
        let lines = self.values.iter().map(|(name, value)| format!("{name}=\"{value}\"\n"));
        let text = HEAD.to_owned() + &lines.collect::<String>();
        let written = host::put(&self.path, text.as_bytes());
        written.map_err(|problem| Failure(format!("{FILE} cannot be written: {problem}")))
    }
}

fn given(name: &str, kept: Option<&String>) -> Option<Secret> {
    from_environment(name).or_else(|| kept.cloned()).map(|value| Secret::new(value.trim()))
}

pub fn from_environment(name: &str) -> Option<String> {
    host::environment(name).filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
impl Deployed {
    pub fn none() -> Self {
        Self { path: PathBuf::new(), is_local: false, values: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(lines: &str, is_local: bool) -> Deployed {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vars");
        std::fs::write(&file, lines).unwrap();
        Deployed::of(file.to_str().unwrap(), is_local).unwrap()
    }

    #[test]
    fn what_is_kept_of_one_worker_goes_to_no_other() {
        let vars = "RERUNNER_URL=\"https://mine.example/\"\nWEBHOOK_SECRET_PREVIOUS=\"hush\"\n";
        let (deployed, local) = (kept(vars, false), kept("WEBHOOK_SECRET_PREVIOUS=\"hush\"\n", true));
        let is_sent = |deployed: &Deployed, address: &str| {
            let address = Address::parse(address).unwrap();
            let secret = deployed.get_for("WEBHOOK_SECRET_PREVIOUS", &address);
            assert_eq!(deployed.is_withheld("WEBHOOK_SECRET_PREVIOUS", &address), secret.is_none());
            secret.is_some()
        };
        assert!(is_sent(&deployed, "https://mine.example"));
        assert!(is_sent(&deployed, "https://MINE.example:443/"));
        for other in [
            "https://other.example",
            "https://mine.example:8443",
            "https://mine.example/other",
            "https://mine.example.evil.example",
            "http://127.0.0.1:8787",
        ] {
            assert!(!is_sent(&deployed, other), "{other}");
        }
        assert!(is_sent(&local, "http://127.0.0.1:8787") && is_sent(&local, "http://localhost:1"));
        assert!(!is_sent(&local, "https://mine.example"));
        assert!(
            !is_sent(&kept("WEBHOOK_SECRET_PREVIOUS=\"hush\"\n", false), "https://mine.example"),
            "it is not said whose it is"
        );
    }
}
