//! A policy's regexes, compiled: text → syntax → one automaton for each kind of text, within a size.

mod automaton;
mod syntax;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use regex_syntax::hir::Hir;

use automaton::size_of_program;
pub use automaton::{Automaton, Search, Spent};

/// States and transitions of the program of all regexes in one file.
pub const LARGEST_PROGRAM: usize = 16_000;

/// Patterns as they are read from a file, until they are known to be small enough together.
#[derive(Debug, Default)]
pub struct Collected {
    log: Vec<(String, Hir)>,
    annotation: Vec<(String, Hir)>,
    size: usize,
}

/// What a pattern is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Log,
    Annotation,
}

impl Collected {
    /// The error is a phrase.
    pub fn push(&mut self, pattern: &str, place: Where) -> Result<(), String> {
        let hir = syntax::parse(pattern).map_err(|error| format!("not a regex: {error}"))?;
        let before = match place {
            Where::Log => &mut self.log,
            Where::Annotation => &mut self.annotation,
        };
        if self.size > LARGEST_PROGRAM || before.iter().any(|(text, _)| text == pattern) {
            return Ok(());
        }
        let size = size_of_program(&hir);
        self.size = self.size.saturating_add(size.unwrap_or(LARGEST_PROGRAM + 1));
        if self.size > LARGEST_PROGRAM {
            let size = size.map_or_else(|| "more than that by itself".to_owned(), |size| format!("{size} of its own"));
            return Err(format!(
                "the regexes are too large: with this one ({size}) they come to a program of more than {LARGEST_PROGRAM} \
                 steps; repetitions such as {{1,100}} take the most",
            ));
        }
        before.push((pattern.to_owned(), hir));
        Ok(())
    }

    /// As nothing is too large.
    pub fn compiled(self) -> Automata {
        let set = |patterns: Vec<(String, Hir)>| {
            let (texts, hirs): (Vec<String>, Vec<Hir>) = patterns.into_iter().unzip();
            let automaton = Automaton::new(&hirs).filter(|_| !texts.is_empty())?;
            Some(Arc::new(PatternSet { texts, automaton }))
        };
        Automata { log: set(self.log), annotation: set(self.annotation) }
    }
}

/// A policy's patterns, as one automaton for each kind of text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Automata {
    pub log: Option<Arc<PatternSet>>,
    pub annotation: Option<Arc<PatternSet>>,
}

#[derive(Debug)]
pub struct PatternSet {
    pub texts: Vec<String>,
    pub automaton: Automaton,
}

/// The automaton follows from the texts.
impl PartialEq for PatternSet {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

/// With this, the same set is not compared with itself.
impl Eq for PatternSet {}
