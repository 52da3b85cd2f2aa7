//! What hardly ever changes of a repository, and changes all the same: its name, its default branch, who may see it. And
//! repositories found by their numbers.

use std::sync::Arc;

use super::{GitHub, RepoName, RepositoryId, RepositoryIdentity, RunIdentity, Visibility};

impl GitHub {
    /// What was at the old name is at the new one, and calls for the old one are led there until another repository takes it.
    /// Panics if the new name is taken.
    #[track_caller]
    pub fn rename_repository(&mut self, id: RepositoryId, name: &str) {
        let (old, new) = (self.repository(id).name().clone(), RepoName::new(name));
        let taken = self.by_name.insert(new.as_str().to_ascii_lowercase(), id);
        assert!(taken.is_none(), "{new} exists");
        self.by_name.remove(&old.as_str().to_ascii_lowercase());
        self.moved.insert(old.as_str().to_ascii_lowercase(), id);
        self.access.rename(&old, &new);
        self.change_identity(id, |identity| identity.name = new);
    }

    /// For files, the base of pull requests, and what the API says of the repository. `main` before this.
    pub fn set_default_branch(&mut self, id: RepositoryId, branch: &str) {
        self.change_identity(id, |identity| identity.default_branch = branch.into());
    }

    /// Private before this.
    pub fn set_visibility(&mut self, id: RepositoryId, visibility: Visibility) {
        self.change_identity(id, |identity| identity.visibility = visibility);
    }

    /// Has them before this. Comments on pull requests are written all the same.
    pub fn set_has_issues(&mut self, id: RepositoryId, has: bool) {
        self.change_identity(id, |identity| identity.has_issues = has);
    }

    /// All runs are shown with the repository as it is now.
    fn change_identity(&mut self, id: RepositoryId, change: impl FnOnce(&mut RepositoryIdentity)) {
        let repository = self.repository_mut(id);
        let old = repository.name().clone();
        let mut identity = RepositoryIdentity::clone(&repository.identity);
        change(&mut identity);
        let identity = Arc::new(identity);
        repository.identity = Arc::clone(&identity);
        for run in repository.runs.clone() {
            let Some(run) = self.runs.get_mut(&run) else { continue };
            let head_repository = run.identity.head_repository.clone();
            let head_repository = if head_repository == old { identity.name.clone() } else { head_repository };
            run.identity = Arc::new(RunIdentity {
                repository: Arc::clone(&identity),
                head_repository,
                ..RunIdentity::clone(&run.identity)
            });
        }
    }

    /// The repository that had this name before, if none has it now.
    pub fn moved_from(&self, name: &str) -> Option<RepositoryId> {
        let key = name.to_ascii_lowercase();
        self.moved.get(&key).copied().filter(|_| !self.by_name.contains_key(&key))
    }

    /// By GitHub's numeric id.
    pub fn repository_with_number(&self, number: u64) -> Option<RepositoryId> {
        self.repositories.iter().find(|one| one.identity.number == number).map(|one| one.id)
    }
}
