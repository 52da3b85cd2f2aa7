//! The built Worker on workerd, through `wrangler dev`: for the scenarios, which start several with settings of their
//! own, and for `npm start`.
//!
//! The configuration is the project's own `wrangler.toml` in all that matters (bindings, compatibility date); only the
//! build command is left out, as the Worker is built once beforehand, and settings are replaced.

mod command;
mod log;
mod stand_in;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub use command::{command, program};
pub use log::{Log, event};
pub use stand_in::{Site, StandIn};

/// Ports that are tried where none is asked for.
const PORTS: u32 = 5;
/// How long another try waits.
const PORT_AGAIN: Duration = Duration::from_millis(500);
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Nothing is asked of Cloudflare: no sample of request properties, no newer version; and nothing is asked of a person.
const QUIETLY: [(&str, &str); 5] = [
    ("WRANGLER_SEND_METRICS", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
    ("CI", "true"),
    ("NO_COLOR", "1"),
];

/// How to run it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings and secrets, over the ones in `wrangler.toml`. An empty one is not set.
    pub settings: BTreeMap<String, String>,
    /// A file like `.dev.vars`, over both: unlike `settings`, nothing of it is ever in the output.
    pub dev_vars: Option<PathBuf>,
    /// Where Workers KV and the Durable Objects are kept; a folder of its own, removed at the end, when `None`.
    pub storage: Option<PathBuf>,
    /// The folder that the Worker was built into; the project's `build` when `None`.
    pub build: Option<PathBuf>,
    /// The folder of a packaged Worker, which then runs as its own `wrangler.toml` has it.
    pub package: Option<PathBuf>,
    /// A module around the Worker's entry, which it imports as `./entry.mjs`; the entry itself when `None`.
    pub around: Option<PathBuf>,
    /// Any free one when `None`.
    pub port: Option<u16>,
    /// How many wrong admin tokens of an address the platform lets pass in a minute; as in `wrangler.toml` when `None`.
    pub admin_failures: Option<u32>,
}

impl Options {
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }
}

/// A running Worker. Dropping it ends every process of it.
pub struct LocalWorker {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    child: Child,
    group: Pid,
    log: Log,
    storage: PathBuf,
    folder: TempDir,
}

#[derive(Debug)]
pub enum StartError {
    /// The Worker, or what runs it, is not there.
    Missing(PathBuf),
    PortTaken(u16),
    /// The system does not let it be used.
    PortRefused(u16, std::io::Error),
    Io(std::io::Error),
    /// `wrangler dev` ended, or was not ready in time; with what it wrote.
    NotReady(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{} is missing; run: npm run build", path.display()),
            Self::PortTaken(port) => write!(f, "port {port} is taken by another program"),
            Self::PortRefused(port, error) => write!(f, "port {port} cannot be used: {error}"),
            Self::Io(error) => error.fmt(f),
            Self::NotReady(output) => write!(f, "wrangler dev did not start:\n{output}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

impl LocalWorker {
    pub async fn start(options: Options) -> Result<Self, StartError> {
        // A port that is free now can be another's when wrangler takes it; the one that is wanted can be free in a moment.
        for _ in 1..PORTS {
            let port = options.port.map_or_else(free_port, Ok)?;
            match Self::start_at(port, &options).await {
                Err(StartError::NotReady(output)) if output.contains("ddress already in use") => {}
                Err(StartError::PortTaken(_)) if options.port.is_none() => {}
                started => return started,
            }
            tokio::time::sleep(PORT_AGAIN).await;
        }
        Self::start_at(options.port.map_or_else(free_port, Ok)?, &options).await
    }

    async fn start_at(port: u16, options: &Options) -> Result<Self, StartError> {
        let root = root().canonicalize()?;
        let node = root.join("node_modules/.bin/node");
        let wrangler = root.join("node_modules/wrangler/bin/wrangler.js");
        let built = options.build.clone().unwrap_or_else(|| root.join("build"));
        let whole = options.package.as_ref().map_or(built.join("index.js"), |package| package.join("wrangler.toml"));
        for needed in [&node, &wrangler, &whole] {
            if !needed.exists() {
                return Err(StartError::Missing(needed.clone()));
            }
        }
        std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => StartError::PortTaken(port),
            _ => StartError::PortRefused(port, error),
        })?;
        // For this user's eyes only: there are secrets in it.
        let private = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("rerunner-").permissions(private).tempdir()?;
        if let Some(dev_vars) = &options.dev_vars {
            // wrangler takes it from beside its configuration.
            std::fs::copy(dev_vars, folder.path().join(".dev.vars"))?;
        }
        let configuration = folder.path().join("wrangler.json");
        let configured = match &options.package {
            Some(package) => configure(package, None, &options.settings, options.admin_failures)?,
            None => {
                let entry = entry(&root, &built, options.around.as_deref(), folder.path())?;
                configure(&root, Some(&entry), &options.settings, options.admin_failures)?
            }
        };
        std::fs::write(&configuration, configured.to_string())?;
        let storage = options.storage.clone().unwrap_or_else(|| folder.path().join("storage"));
        let mut child = Command::new(node)
            .arg(wrangler)
            .args(["dev", "--ip", "127.0.0.1", "--inspector-port", "0", "--log-level", "log"])
            .arg("--port")
            .arg(port.to_string())
            .arg("--config")
            .arg(&configuration)
            .arg("--persist-to")
            .arg(&storage)
            .current_dir(folder.path())
            .envs(QUIETLY)
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that what it starts in turn can be ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = Pid::from_raw(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default());
        let (ready, mut is_ready) = watch::channel(false);
        let log = Log::new();
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout, Some(ready));
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr, None);
        }
        let worker = Self { url: format!("http://127.0.0.1:{port}"), child, group, log, storage, folder };
        let started = tokio::time::timeout(READY_WITHIN, is_ready.wait_for(|ready| *ready)).await;
        match started {
            Ok(Ok(_)) => Ok(worker),
            _ => Err(StartError::NotReady(worker.log.lines().join("\n"))),
        }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What is in Workers KV, by `wrangler kv`: `["key", "get", KEY]`, `["key", "list"]`. An error is what it wrote.
    pub async fn kv(&self, arguments: &[&str]) -> std::io::Result<String> {
        let root = root().canonicalize()?;
        let output = Command::new(root.join("node_modules/.bin/node"))
            .arg(root.join("node_modules/wrangler/bin/wrangler.js"))
            .arg("kv")
            .args(arguments)
            .args(["--binding", "ATTEMPTS", "--local", "--config"])
            .arg(self.folder.path().join("wrangler.json"))
            .arg("--persist-to")
            .arg(&self.storage)
            .current_dir(self.folder.path())
            .envs(QUIETLY)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// The value of a key in Workers KV, if there is one: by the API of wrangler's Local Explorer, which has the paths and
    /// answers of Cloudflare's REST API, and takes a hundredth of the time that `wrangler kv` does.
    pub async fn kv_get(&self, key: &str) -> reqwest::Result<Option<String>> {
        let namespaces = format!("{}/cdn-cgi/local/explorer/api/storage/kv/namespaces", self.url);
        let list: Value = reqwest::get(&namespaces).await?.error_for_status()?.json().await?;
        // The Worker has one.
        let id = list["result"][0]["id"].as_str().unwrap_or_default();
        let response = reqwest::get(format!("{namespaces}/{id}/values/{}", key.replace('/', "%2F"))).await?;
        if response.status() == 404 {
            return Ok(None);
        }
        response.error_for_status()?.text().await.map(Some)
    }

    /// What the Worker's workerd has of the machine's memory, in bytes, once it has stored something; wrangler has another
    /// in front of it. Zero where the system has no `/proc` that tells.
    pub fn memory(&self) -> u64 {
        let group = self.group.to_string();
        let resident = |process: PathBuf| {
            let status = std::fs::read_to_string(process.join("status")).ok()?;
            let field = |name| {
                let mut lines = status.lines();
                lines.find_map(|line| line.strip_prefix(name)?.split_whitespace().next().map(str::to_owned))
            };
            let is_workerd = field("Name:")?.starts_with("workerd") && field("NSpgid:")? == group;
            let mut open = std::fs::read_dir(process.join("fd")).ok().filter(|_| is_workerd)?.flatten();
            let storage = self.storage.canonicalize().ok()?;
            let has_storage = open.any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to.starts_with(&storage)));
            field("VmRSS:")?.parse::<u64>().ok().filter(|_| has_storage).map(|kibibytes| kibibytes * 1_024)
        };
        std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|process| resident(process.path())).sum()
    }

    /// Waits until it ends by itself, which it should not.
    pub async fn ended(&mut self) {
        let _ = self.child.wait().await;
    }

    /// Ends it as Ctrl-C would, and waits until it has ended.
    pub async fn stop(mut self) {
        let _ = killpg(self.group, Signal::SIGTERM);
        let _ = tokio::time::timeout(STOP_WITHIN, self.child.wait()).await;
    }

    /// Ends it at once, in the middle of whatever it does.
    pub async fn kill(mut self) {
        let _ = killpg(self.group, Signal::SIGKILL);
        let _ = self.child.wait().await;
    }
}

impl Drop for LocalWorker {
    fn drop(&mut self) {
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

/// The Worker's entry, `src/worker/entry.mjs`, or what is to be around it. It imports the build by a relative path: for another
/// build than the project's own it is copied to a place from where that leads there.
fn entry(root: &Path, built: &Path, around: Option<&Path>, folder: &Path) -> std::io::Result<PathBuf> {
    let entry = root.join("src/worker/entry.mjs");
    if built == root.join("build") && around.is_none() {
        return Ok(entry);
    }
    std::fs::create_dir_all(folder.join("src/worker"))?;
    let copy = folder.join("src/worker/entry.mjs");
    std::fs::copy(entry, &copy)?;
    std::os::unix::fs::symlink(built, folder.join("build"))?;
    let Some(around) = around else { return Ok(copy) };
    let outer = folder.join("src/worker/around.mjs");
    std::fs::copy(around, &outer)?;
    Ok(outer)
}

/// A folder's configuration with another entry, if one is given, and other settings, as the JSON that wrangler takes too.
fn configure(
    root: &Path,
    entry: Option<&Path>,
    settings: &BTreeMap<String, String>,
    admin_failures: Option<u32>,
) -> std::io::Result<Value> {
    let text = std::fs::read_to_string(root.join("wrangler.toml"))?;
    let mut configuration: Value = toml::from_str(&text).map_err(std::io::Error::other)?;
    let Some(fields) = configuration.as_object_mut() else { return Ok(configuration) };
    fields.remove("build");
    let own = fields.get("main").and_then(Value::as_str).map(|main| root.join(main));
    fields.insert("main".to_owned(), json!(entry.or(own.as_deref())));
    let vars = fields.entry("vars").or_insert_with(|| json!({}));
    for (name, value) in settings {
        vars[name] = json!(value);
    }
    if let Some(limit) = admin_failures {
        configuration["ratelimits"][0]["simple"]["limit"] = json!(limit);
    }
    Ok(configuration)
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
