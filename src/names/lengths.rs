//! How many characters of a name from outside go where: strangers choose names, and GitHub allows long ones.

/// In storage. A workflow's longer name is not kept at all: cut, it would be another.
pub const STORED: usize = 200;
/// In Workers KV, where the metadata of a key has 1,024 bytes in all.
pub const PUBLISHED: usize = 100;
/// In a message to a chat, which names up to ten jobs and their steps.
pub const IN_MESSAGE: usize = 60;

const _: () = assert!(STORED >= PUBLISHED && PUBLISHED >= IN_MESSAGE, "what goes out is there");
