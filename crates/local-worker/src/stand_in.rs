//! What takes Cloudflare's place for the command: wrangler's stand-in (`stand_in/wrangler.mjs`), as programs that are found on
//! the way, and a site in place of what is deployed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub struct StandIn {
    folder: PathBuf,
}

impl StandIn {
    /// In this folder: `bin/wrangler`, and `bin/npx` for the wrangler of the package, in the version that is pinned.
    pub fn new(folder: &Path) -> Self {
        for name in ["bin", "secrets", "namespaces"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
        }
        let root = crate::root();
        let manifest = fs::read(root.join("package.json")).expect("a file");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let version = manifest["devDependencies"]["wrangler"].as_str().expect("a version").to_owned();
        let node = root.join("node_modules/.bin/node");
        let run = format!(
            "exec '{}' '{}' \"$@\"\n",
            node.display(),
            root.join("crates/local-worker/stand_in/wrangler.mjs").display()
        );
        let npx = format!("#!/bin/sh\n[ \"$1 $2\" = '--yes wrangler@{version}' ] || exit 65\nshift 2\n{run}");
        for (name, text) in [("wrangler", format!("#!/bin/sh\n{run}")), ("npx", npx)] {
            let file = folder.join("bin").join(name);
            fs::write(&file, text).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a program");
        }
        Self { folder: folder.to_owned() }
    }

    /// Has a command find them before any other, with the Worker at this address.
    pub fn for_command(&self, command: &mut Command, url: &str) {
        let root = crate::root();
        let path = format!("{}:{}", self.folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("STAND_IN", &self.folder).env("STAND_IN_URL", url);
        command.env("STAND_IN_HELP", root.join("target/wrangler-help"));
        command.env("STAND_IN_WRANGLER", root.join("node_modules/wrangler/bin/wrangler.js"));
        for name in ["ADMIN_TOKEN", "WEBHOOK_SECRET", "GITHUB_TOKEN", "CLOUDFLARE_API_TOKEN", "RERUNNER_URL"] {
            command.env_remove(name);
        }
    }

    /// What it keeps under this name.
    pub fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(name)).ok()
    }

    /// Wrangler would have understood all of it.
    #[track_caller]
    pub fn expect_no_violation(&self) {
        assert_eq!(self.text("violations"), None);
    }
}

/// What is deployed, as it answers: its `/healthz`, and what else it is asked for.
pub struct Site {
    pub url: String,
    health: Arc<Mutex<String>>,
}

impl Site {
    /// On a free port of this machine.
    pub fn start(health: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let health = Arc::new(Mutex::new(health.to_owned()));
        let said = Arc::clone(&health);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = [0; 4_096];
                let count = stream.read(&mut head).unwrap_or_default();
                let head = String::from_utf8_lossy(head.get(..count).unwrap_or_default()).into_owned();
                let (status, body) = if head.starts_with("GET /healthz ") {
                    ("200 OK", said.lock().expect("no panic while it is held").clone())
                } else if head.starts_with("GET /api/v1/repositories ") && head.contains("Bearer the-admin-token") {
                    ("200 OK", r#"{"repositories":[{"repository":"octo/widgets"}],"next_cursor":null}"#.to_owned())
                } else {
                    ("404 Not Found", "{}".to_owned())
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { url, health }
    }

    pub fn says(&self, health: &str) {
        health.clone_into(&mut self.health.lock().expect("no panic while it is held"));
    }
}
