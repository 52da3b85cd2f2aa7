//! A Worker on bare workerd, in a process of its own on one core.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cases::Keeper;
use crate::load::Connection;
use crate::requests::{SECRET, Template};

const STARTS_WITHIN: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_micros(500);

/// A bundle to be measured.
#[derive(Debug, Clone)]
pub struct Subject {
    pub name: String,
    /// The entry and, for Rerunner, its WebAssembly.
    pub modules: Vec<PathBuf>,
    /// Whether it answers every request with 200.
    pub floor: bool,
}

impl Subject {
    /// Its bytes, as they are uploaded.
    pub fn bytes(&self) -> u64 {
        self.modules.iter().filter_map(|module| fs::metadata(module).ok()).map(|file| file.len()).sum()
    }
}

/// Where things are.
#[derive(Clone)]
pub struct Place {
    pub root: PathBuf,
    pub workerd: PathBuf,
    /// What stands beside each subject: Workers KV and the Keeper that stores nothing.
    pub stores: PathBuf,
    /// The core that workerd runs on.
    pub core: usize,
    pub compatibility_date: String,
    pub vars: Vec<(String, String)>,
}

impl Place {
    /// The same, with other settings.
    pub fn with_vars(&self, vars: &[(&str, &str)]) -> Self {
        let mut place = self.clone();
        place.vars.retain(|(name, _)| vars.iter().all(|(other, _)| other != name));
        place.vars.extend(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        place
    }
}

/// A subject that runs. Dropping it ends its process and removes what it has stored.
pub struct Running {
    pub port: u16,
    process: Child,
    pid: u32,
    folder: TempDir,
}

impl Running {
    /// Starts it, and waits for its first answer. How long that took, from the start of the process.
    pub async fn start(
        subject: &Subject,
        keeper: Keeper,
        place: &Place,
        first: &Template,
        expected: u16,
    ) -> io::Result<(Self, Duration)> {
        // On the disk that the project is on: `/tmp` may be memory.
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(place.root.join("target"))?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let storage = folder.path().join("storage");
        fs::create_dir(&storage)?;
        let config = folder.path().join("config.capnp");
        fs::write(&config, configuration(subject, keeper, place, port, &storage)?)?;
        let began = Instant::now();
        let process = Command::new("taskset")
            .args(["--cpu-list", &place.core.to_string()])
            .arg(&place.workerd)
            .args(["serve", "--import-path=/"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("stderr"))?)
            .kill_on_drop(true)
            .spawn()?;
        let pid = process.id().unwrap_or_default();
        let mut running = Self { port, process, pid, folder };
        loop {
            // A connection that it takes before it serves may be reset.
            if let Ok(mut connection) = Connection::open(port).await {
                match connection.ask(first, expected).await {
                    Ok(()) => return Ok((running, began.elapsed())),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                    Err(error) => return Err(error),
                }
            }
            if let Some(status) = running.process.try_wait()? {
                let said = fs::read_to_string(running.folder.path().join("stderr"))?;
                return Err(io::Error::other(format!("{}: workerd ended: {status}\n{said}", subject.name)));
            }
            if began.elapsed() > STARTS_WITHIN {
                return Err(io::Error::other(format!("{}: workerd does not listen", subject.name)));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// CPU time of all its threads, in nanoseconds.
    pub fn cpu(&self) -> io::Result<u64> {
        let mut total = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
        }
        Ok(total)
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        Ok(line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024)
    }

    pub async fn stop(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}

/// Like the project's `wrangler.toml`: the same bindings, settings and compatibility date.
fn configuration(subject: &Subject, keeper: Keeper, place: &Place, port: u16, storage: &Path) -> io::Result<String> {
    let modules = subject.modules.iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let kind = if name.ends_with(".wasm") { "wasm" } else { "esModule" };
        Ok(format!("(name = {}, {kind} = embed {})", quoted(&name), embedded(path)?))
    });
    let modules = modules.collect::<io::Result<Vec<_>>>()?.join(", ");
    let vars = place.vars.iter().map(|(name, value)| format!("(name = {}, text = {})", quoted(name), quoted(value)));
    let vars = vars.collect::<Vec<_>>().join(", ");
    let keeper = match keeper {
        Keeper::Own => r#"durableObjectNamespace = "KeeperObject""#,
        Keeper::None => r#"durableObjectNamespace = (className = "NoKeeper", serviceName = "stores")"#,
    };
    let date = quoted(&place.compatibility_date);
    let stores = embedded(&place.stores)?;
    let (secret, storage) = (quoted(SECRET), quoted(&storage.to_string_lossy()));
    Ok(format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "subject", worker = .subject),
    (name = "stores", worker = .stores),
    (name = "disk", disk = (path = {storage}, writable = true)),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "subject")],
);
const subject :Workerd.Worker = (
  modules = [{modules}],
  compatibilityDate = {date},
  bindings = [
    (name = "WEBHOOK_SECRET", text = {secret}),
    (name = "GITHUB_TOKEN", text = "a-token"),
    (name = "KEEPER", {keeper}),
    (name = "ATTEMPTS", kvNamespace = "stores"),
    {vars},
  ],
  durableObjectNamespaces = [(className = "KeeperObject", uniqueKey = "keeper", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
);
const stores :Workerd.Worker = (
  modules = [(name = "stores.mjs", esModule = embed {stores})],
  compatibilityDate = {date},
  durableObjectNamespaces = [(className = "NoKeeper", uniqueKey = "no-keeper")],
  durableObjectStorage = (inMemory = void),
);
"#
    ))
}

/// `embed` takes an absolute path for one below a folder of `--import-path`.
fn embedded(path: &Path) -> io::Result<String> {
    Ok(quoted(&path.canonicalize()?.to_string_lossy()))
}

/// Cap'n Proto's strings are escaped as JSON's.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
