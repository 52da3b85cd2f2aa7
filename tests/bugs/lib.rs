//! Rerunner's Keeper, and what it uses, with every bug of `list.rs`: `build.rs` has put them in. Each is there only while
//! it is switched on.

#![allow(warnings, clippy::all, clippy::restriction, reason = "Rerunner's code is linted where it stands")]

/// Which bug is switched on, on this thread.
pub mod switch {
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub fn is_on(bug: usize) -> bool {
        ON.get() == Some(bug)
    }

    /// By its place in the list; `None`: all are off.
    pub fn turn_on(bug: Option<usize>) {
        ON.set(bug);
    }
}

include!(concat!(env!("OUT_DIR"), "/layers.rs"));
