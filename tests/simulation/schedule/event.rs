//! What can happen in a schedule.

use rerunner::webhook::command::CommandEvent;
use rerunner::webhook::event::RunEvent;
use simulator::model::RepositoryId;

use super::settings::Deployed;

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub enum Event {
    /// The model of GitHub has something to do.
    GitHub,
    /// A webhook arrives at the Worker. `tries`: how often it was refused before.
    Webhook {
        repository: usize,
        event: RunEvent,
        tries: u32,
    },
    /// The same of a command in a comment.
    Command {
        repository: usize,
        command: CommandEvent,
        tries: u32,
    },
    Alarm {
        repository: usize,
        generation: u64,
    },
    /// A call reaches GitHub.
    Reach {
        call: usize,
    },
    /// Its answer, or the time-out, reaches the Keeper.
    Return {
        call: usize,
    },
    /// Something that the Keeper waited for, other than GitHub.
    Wake {
        call: usize,
    },
    StartRun {
        repository: usize,
    },
    Person {
        repository: usize,
    },
    /// Somebody comments on a pull request.
    Say {
        repository: usize,
        pull: u64,
        speaker: usize,
        said: usize,
    },
    Push {
        repository: usize,
        pull: u64,
    },
    /// Somebody closes a pull request, or merges it.
    Close {
        repository: usize,
        pull: u64,
        merged: bool,
    },
    /// Somebody changes the policy file; `None` removes it.
    WritePolicy {
        id: RepositoryId,
        path: &'static str,
        text: Option<String>,
    },
    /// Somebody pauses the repository, or resumes it.
    Pause {
        repository: usize,
        paused: bool,
    },
    RevokeToken,
    RestoreToken,
    /// The Worker is deployed anew, perhaps with other settings.
    Deploy {
        settings: Option<Box<Deployed>>,
    },
    /// A message to people arrives where it was sent to, or does not.
    Arrive {
        post: usize,
    },
    /// Who sent it is told what became of it.
    Acknowledge {
        post: usize,
        taken: bool,
    },
    /// From here on nothing goes wrong any more.
    Heal,
}
