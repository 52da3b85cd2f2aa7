//! The bundles that are measured, and what they run on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use crate::subject::{Place, Subject};

/// What each is stands in its own file.
pub const PEERS: [&str; 4] = ["octokit", "webcrypto", "silent", "floor"];
pub const RERUNNER: &str = "rerunner";

pub fn is_peer(subject: &Subject) -> bool {
    PEERS.contains(&subject.name.as_str())
}

/// Bundles Rerunner as `wrangler deploy` does, and its peers with the same bundler.
pub async fn prepare(core: usize, also: &[String]) -> io::Result<(Place, Vec<Subject>)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize()?;
    let out = root.join("target/bench");
    let rerunner = out.join(RERUNNER);
    if rerunner.exists() {
        fs::remove_dir_all(&rerunner)?;
    }
    fs::create_dir_all(&out)?;
    let mut wrangler = Command::new(root.join("node_modules/.bin/node"));
    wrangler
        .arg(root.join("node_modules/wrangler/bin/wrangler.js"))
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(&rerunner);
    wrangler.envs([("WRANGLER_SEND_METRICS", "false"), ("CI", "true")]);
    done(&root, wrangler).await?;
    let mut subjects = vec![built(RERUNNER, &rerunner)?];
    for named in also {
        let (name, folder) = named.split_once('=').ok_or_else(|| io::Error::other("--also takes NAME=FOLDER"))?;
        subjects.push(built(name, Path::new(folder))?);
    }
    for peer in PEERS {
        let bundle = out.join(format!("{peer}.mjs"));
        bundle_peer(&root, peer, &bundle).await?;
        subjects.push(Subject { name: peer.to_owned(), modules: vec![bundle], floor: peer == "floor" });
    }
    let configuration: Value =
        toml::from_str(&fs::read_to_string(root.join("wrangler.toml"))?).map_err(io::Error::other)?;
    let mut vars: Vec<(String, String)> = configuration["vars"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    // Nothing is due while it is measured: what an alarm costs is another matter.
    vars.iter_mut().filter(|(name, _)| name == "RERUN_DELAY").for_each(|(_, value)| *value = "24h".to_owned());
    let place = Place {
        workerd: workerd(&root)?,
        stores: root.join("tests/bench/peers/stores.mjs"),
        core,
        compatibility_date: configuration["compatibility_date"].as_str().unwrap_or_default().to_owned(),
        vars,
        root,
    };
    Ok((place, subjects))
}

/// The payloads of api.github.com in `@octokit/webhooks-examples`.
pub fn examples(root: &Path) -> io::Result<Value> {
    let file = root.join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    serde_json::from_str(&fs::read_to_string(file)?).map_err(io::Error::other)
}

/// What wrangler has written: the entry, and the WebAssembly that it imports.
fn built(name: &str, folder: &Path) -> io::Result<Subject> {
    let files = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    let with = |wanted: &str| {
        let mut paths = files.iter().filter(move |path| path.extension().is_some_and(|extension| extension == wanted));
        let none = io::Error::other(format!("{} has no .{wanted}", folder.display()));
        paths.next().cloned().ok_or(none)
    };
    // The entry is the first.
    Ok(Subject { name: name.to_owned(), modules: vec![with("js")?, with("wasm")?], floor: false })
}

async fn bundle_peer(root: &Path, peer: &str, bundle: &Path) -> io::Result<()> {
    let mut esbuild = Command::new(root.join("node_modules/.bin/esbuild"));
    esbuild.arg(root.join(format!("tests/bench/peers/{peer}.mjs")));
    esbuild.args(["--bundle", "--format=esm", "--target=es2024", "--log-level=warning", "--external:cloudflare:*"]);
    // The conditions that wrangler gives it.
    esbuild.arg("--conditions=workerd,worker,browser").arg(format!("--outfile={}", bundle.display()));
    done(root, esbuild).await
}

/// The program itself: what npm puts into `.bin` is a script that starts it.
fn workerd(root: &Path) -> io::Result<PathBuf> {
    for package in fs::read_dir(root.join("node_modules/@cloudflare"))? {
        let program = package?.path().join("bin/workerd");
        if program.exists() {
            return Ok(program);
        }
    }
    Err(io::Error::other("node_modules has no workerd for this system"))
}

/// Runs a command in the project's folder, and shows what it wrote if it fails.
pub async fn done(root: &Path, mut command: Command) -> io::Result<()> {
    let output = command.current_dir(root).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&said))))
}
