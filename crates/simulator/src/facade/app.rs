//! A GitHub App: its keys, where it is installed, what goes wrong with that.

use crate::SimulatedGitHub;
use crate::apps::{AppKey, Permissions};
use crate::model::{Permission, RepoName};
use crate::webhooks::Hook;

/// A handle to an App.
#[derive(Debug, Clone)]
pub struct App {
    github: SimulatedGitHub,
    /// The number that GitHub gives it.
    pub id: u64,
    pub key: AppKey,
}

impl SimulatedGitHub {
    /// Makes an App with the permissions that Rerunner needs. It is installed nowhere, and its hook goes nowhere.
    pub fn app(&self, name: &str) -> App {
        let key = AppKey::generate();
        let needed = [("actions", Permission::Write), ("checks", Permission::Read), ("contents", Permission::Read)];
        let needed = needed.into_iter().chain([("metadata", Permission::Read), ("pull_requests", Permission::Read)]);
        let permissions: Permissions = needed.map(|(name, level)| (name.to_owned(), level)).collect();
        let now = self.now();
        let id = self.world.apps.with(|registry| registry.add(name, "octo", permissions, &key, now));
        App { github: self.clone(), id, key }
    }

    /// Installs an App on all of an account's repositories; the installation's id.
    pub fn install(&self, app: u64, account: &str) -> u64 {
        let now = self.now();
        self.world.apps.with(|registry| registry.install(app, account, None, now))
    }
}

impl App {
    /// Installs it on these repositories of one account; the installation's id.
    #[track_caller]
    pub fn install(&self, repositories: &[&str]) -> u64 {
        let names: Vec<RepoName> = repositories.iter().map(|name| RepoName::new(name)).collect();
        let account = names.first().expect("a repository").owner().to_owned();
        let now = self.github.now();
        self.github.world.apps.with(|registry| registry.install(self.id, &account, Some(names), now))
    }

    #[track_caller]
    pub fn uninstall(&self, installation: u64) {
        let world = &self.github.world;
        world.apps.with(|registry| world.change(|model, _| registry.uninstall(installation, model)));
    }

    #[track_caller]
    pub fn suspend(&self, installation: u64) {
        let world = &self.github.world;
        world.apps.with(|registry| world.change(|model, now| registry.suspend(installation, Some(now), model)));
    }

    #[track_caller]
    pub fn unsuspend(&self, installation: u64) {
        let world = &self.github.world;
        world.apps.with(|registry| world.change(|model, _| registry.suspend(installation, None, model)));
    }

    /// What an installation was granted: whoever installed it has not accepted all, or has accepted more.
    #[track_caller]
    pub fn grant(&self, installation: u64, permission: &str, level: Permission) {
        self.github.world.apps.with(|registry| {
            registry.installation_mut(installation).permissions.insert(permission.to_owned(), level);
        });
    }

    /// Makes every token that it has got invalid, before its time.
    pub fn revoke_tokens(&self) {
        let world = &self.github.world;
        world.apps.with(|registry| world.change(|model, _| registry.revoke_tokens(self.id, model)));
    }

    /// Another key beside those it has, as on the App's page.
    pub fn add_key(&self) -> AppKey {
        let key = AppKey::generate();
        self.github.world.apps.with(|registry| registry.add_key(self.id, &key));
        key
    }

    /// Takes a key away.
    pub fn remove_key(&self, key: &AppKey) {
        self.github.world.apps.with(|registry| registry.remove_key(self.id, key));
    }

    /// Changes its hook: address, secret, kinds of events.
    pub fn hook(&self, change: impl FnOnce(&mut Hook)) {
        self.github.world.apps.with(|registry| change(&mut registry.app_mut(self.id).hook));
    }
}
