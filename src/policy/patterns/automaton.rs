//! All patterns of a policy for one kind of text, as one automaton: a text is gone through once, however many there are.
//!
//! It is `regex_automata`'s lazy DFA. A step that was made before costs a look into a table; one that was not is worked out
//! from the program, which costs up to the program's size. Both are counted, so that what a text costs depends on the text
//! and the patterns alone, and not on the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::sync::Arc;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{Config as Thompson, NFA, State, WhichCaptures};
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::Hir;

use super::PatternSet;

/// What is stored of the steps. When it is full, it is emptied.
const CACHE_BYTES: usize = 2 * 1024 * 1024;
/// No program comes near it that is small enough otherwise: it ends the compilation of one that is not.
const COMPILED_BYTES: usize = 4 * 1024 * 1024;

/// Of a step that has to be worked out, beside the program's part in it.
const NEW_STEP: u64 = 100;
/// Of a step out of a state in which something was found: whether it is new has to be looked up.
const LOOK_UP: u64 = 10;

/// How large the program of one pattern is, or that it is too large to be told: its states and the transitions of each.
pub fn size_of_program(hir: &Hir) -> Option<usize> {
    compiled(std::slice::from_ref(hir)).map(|nfa| size(&nfa))
}

fn compiled(patterns: &[Hir]) -> Option<NFA> {
    let config = Thompson::new()
        // The texts are valid UTF-8, and so a pattern for characters can only begin and end between two.
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(COMPILED_BYTES));
    NFA::compiler().configure(config).build_many_from_hir(patterns).ok()
}

fn size(nfa: &NFA) -> usize {
    nfa.states().iter().map(weight).sum()
}

fn weight(state: &State) -> usize {
    1 + match state {
        State::Sparse(sparse) => sparse.transitions.len(),
        State::Union { alternates } => alternates.len(),
        State::BinaryUnion { .. } => 2,
        _ => 0,
    }
}

/// `pattern` sees to it that there are few of the program's branches for each state that reads a character.
const BRANCHES: u64 = 2;
/// So many transitions of a state are gone through in the time of one unit.
const TRANSITIONS: u64 = 16;

#[derive(Debug, Clone)]
pub struct Automaton {
    dfa: DFA,
    size: u64,
    /// What one of its states costs at the most, with the branches to it.
    a_state: u64,
}

impl Automaton {
    /// `None`: too large.
    pub fn new(patterns: &[Hir]) -> Option<Self> {
        let nfa = compiled(patterns)?;
        let size = size(&nfa) as u64;
        let reading = nfa.states().iter().filter(|state| !state.is_epsilon());
        let heaviest = reading.map(weight).max().unwrap_or_default() as u64;
        let config =
            Config::new().match_kind(MatchKind::All).cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        Some(Self { dfa, size, a_state: BRANCHES + heaviest / TRANSITIONS })
    }
}

/// A search through some texts, which remembers the steps that it has made.
#[derive(Debug, Clone)]
pub struct Search {
    set: Arc<PatternSet>,
    cache: Cache,
    cleared: usize,
    /// The steps made out of states in which something was found, and at the ends of texts.
    made: BTreeSet<(LazyStateID, u16)>,
    /// How many bytes each state takes that says which of the program's states it is made of: one to five for each.
    widths: BTreeMap<LazyStateID, u64>,
}

/// There was more to do than was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent;

/// At the end of a text, after its bytes.
const END: u16 = 256;

impl Search {
    pub fn new(set: &Arc<PatternSet>) -> Self {
        let cache = set.automaton.dfa.create_cache();
        Self { set: Arc::clone(set), cache, cleared: 0, made: BTreeSet::new(), widths: BTreeMap::new() }
    }

    /// Goes through a text, and says which patterns match in it, each any number of times. `left` is what may be spent,
    /// and is less by what was: one for each byte, and what steps take beside it.
    pub fn run(&mut self, text: &str, left: &mut u64, mut found: impl FnMut(usize)) -> Result<(), Spent> {
        let set = Arc::clone(&self.set);
        // At once, as most steps are nothing more than that.
        spend(left, text.len() as u64)?;
        let mut state = self.measured(|dfa, cache| dfa.start_state_forward(cache, &Input::new(text)).ok())?;
        for (at, byte) in text.bytes().enumerate() {
            if !state.is_tagged() {
                let next = set.automaton.dfa.next_state_untagged(&self.cache, state, byte);
                if !next.is_tagged() {
                    state = next;
                    continue;
                }
                state = if next.is_unknown() { self.new_step(state, byte.into(), left)? } else { next };
            } else {
                state = self.step(state, byte.into(), left)?;
            }
            if state.is_match() {
                self.tell(state, left, text.is_char_boundary(at), &mut found)?;
            } else if state.is_dead() {
                return Ok(());
            }
        }
        let end = self.step(state, END, left)?;
        self.tell(end, left, true, &mut found)
    }

    fn tell(
        &self,
        state: LazyStateID,
        left: &mut u64,
        between_characters: bool,
        found: &mut impl FnMut(usize),
    ) -> Result<(), Spent> {
        if !state.is_match() {
            return Ok(());
        }
        let dfa = &self.set.automaton.dfa;
        let matches = dfa.match_len(&self.cache, state);
        spend(left, matches as u64)?;
        for index in (0..matches).filter(|_| between_characters) {
            found(dfa.match_pattern(&self.cache, state, index).as_usize());
        }
        Ok(())
    }

    /// A step of which the library does not tell whether it is new.
    fn step(&mut self, state: LazyStateID, by: u16, left: &mut u64) -> Result<LazyStateID, Spent> {
        spend(left, LOOK_UP)?;
        if self.made.insert((state, by)) {
            return self.new_step(state, by, left);
        }
        stepped(&self.set.automaton.dfa, &mut self.cache, state, by).ok_or(Spent)
    }

    /// What it costs at the most: each state of the program is looked at once, or, if they are fewer, those that the
    /// automaton's states before and after it are made of, with the branches between them.
    fn new_step(&mut self, state: LazyStateID, by: u16, left: &mut u64) -> Result<LazyStateID, Spent> {
        let before = self.width(state);
        let next = self.measured(|dfa, cache| stepped(dfa, cache, state, by))?;
        let Automaton { size, a_state, .. } = self.set.automaton;
        let wide = (before + self.width(next)).saturating_mul(a_state);
        spend(left, NEW_STEP + size.min(wide))?;
        Ok(next)
    }

    /// A step that may add a state, of which the width is told by what is stored.
    fn measured(&mut self, step: impl FnOnce(&DFA, &mut Cache) -> Option<LazyStateID>) -> Result<LazyStateID, Spent> {
        let (dfa, before) = (&self.set.automaton.dfa, self.cache.memory_usage());
        let next = step(dfa, &mut self.cache).ok_or(Spent)?;
        if self.cache.clear_count() != self.cleared {
            self.cleared = self.cache.clear_count();
            self.made.clear();
            self.widths.clear();
            return Ok(next);
        }
        let grown = self.cache.memory_usage().saturating_sub(before);
        if grown > 0 {
            // The state's steps, its own place and the one in the table by which it is found again.
            let steps = (1 << dfa.byte_classes().stride2()) * size_of::<LazyStateID>();
            let places = 2 * size_of::<&[u8]>() + size_of::<LazyStateID>();
            self.widths.insert(next, grown.saturating_sub(steps + places) as u64);
        }
        Ok(next)
    }

    /// As wide as any, if it is not known.
    fn width(&self, state: LazyStateID) -> u64 {
        self.widths.get(&state).copied().unwrap_or(u64::from(u32::MAX))
    }
}

fn stepped(dfa: &DFA, cache: &mut Cache, state: LazyStateID, by: u16) -> Option<LazyStateID> {
    match u8::try_from(by) {
        Ok(byte) => dfa.next_state(cache, state, byte).ok(),
        Err(_) => dfa.next_eoi_state(cache, state).ok(),
    }
}

fn spend(left: &mut u64, units: u64) -> Result<(), Spent> {
    *left = left.checked_sub(units).ok_or(Spent)?;
    Ok(())
}
