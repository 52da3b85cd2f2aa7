//! wrangler's stand-in (`wrangler.mjs`), as programs that are found on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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
        let root = local_worker::root();
        let manifest = fs::read(root.join("package.json")).expect("a file");
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        let version = manifest["devDependencies"]["wrangler"].as_str().expect("a version").to_owned();
        let node = root.join("node_modules/.bin/node");
        let run =
            format!("exec '{}' '{}' \"$@\"\n", node.display(), root.join("tests/stand_in/wrangler.mjs").display());
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
        let root = local_worker::root();
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
