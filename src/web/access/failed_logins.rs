//! What is remembered of wrong credentials.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::time::{Millis, Span};

/// Wrong credentials from one address, before it has to wait.
pub(super) const FAILURES: u32 = 10;
const FAILURES_WITHIN: Span = Span::minutes(5);
/// As long as the period that the platform counts wrong credentials by.
const LOCKED_FOR: Span = Span::minutes(1);
/// Addresses that are remembered: memory is bounded however many there are.
const ADDRESSES: usize = 1_000;

/// Wrong credentials of late, by address. Each isolate has its own; across the isolates of one location the platform
/// counts too ([`FailedLogins::lock`]). A brake, and no wall: what keeps guessers out is a long token.
#[derive(Debug, Default)]
pub struct FailedLogins(BTreeMap<String, Tries>);

#[derive(Debug)]
struct Tries {
    count: u32,
    until: Millis,
}

impl FailedLogins {
    /// How long this address has to wait.
    pub fn wait(&self, address: &str, now: Millis) -> Option<Span> {
        let tries = self.0.get(&network(address)).filter(|tries| tries.count >= FAILURES)?;
        Some(tries.until - now).filter(|wait| *wait > Span::ZERO)
    }

    pub fn add(&mut self, address: &str, now: Millis) {
        self.tries(address, now).count += 1;
    }

    /// The platform has counted too many. How long this address has to wait.
    pub fn lock(&mut self, address: &str, now: Millis) -> Span {
        let tries = self.tries(address, now);
        *tries = Tries { count: tries.count.max(FAILURES), until: tries.until.max(now + LOCKED_FOR) };
        tries.until - now
    }

    fn tries(&mut self, address: &str, now: Millis) -> &mut Tries {
        self.0.retain(|_, tries| tries.until > now);
        let network = network(address);
        // Those that have to wait are forgotten last: that others fail once each must not let them try again.
        if self.0.len() >= ADDRESSES
            && !self.0.contains_key(&network)
            && let Some(least) =
                self.0.iter().min_by_key(|(_, tries)| (tries.count, tries.until)).map(|(known, _)| known.clone())
        {
            self.0.remove(&least);
        }
        self.0.entry(network).or_insert(Tries { count: 0, until: now + FAILURES_WITHIN })
    }
}

/// What wrong credentials are counted by. Of IPv6 it is the most that a provider gives to one customer (RIPE-690).
pub fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(v6)) => v6.segments().iter().take(3).map(|part| format!("{part:x}:")).collect(),
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.chars().take(45).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_795_446_245_000);

    #[test]
    fn memory_is_bounded_and_those_who_wait_are_not_forgotten_for_others() {
        let mut failures = FailedLogins::default();
        for _ in 0..FAILURES {
            failures.add("192.0.2.1", NOW);
        }
        failures.lock("192.0.2.2", NOW);
        for address in 0..10 * ADDRESSES {
            failures.add(&format!("address {address}"), NOW + Span::millis(address as i64));
        }
        assert_eq!(failures.0.len(), ADDRESSES);
        for address in ["192.0.2.1", "192.0.2.2"] {
            assert!(failures.wait(address, NOW + Span::seconds(59)).is_some(), "{address}");
        }
        // Where all have to wait, still no more are remembered.
        for address in 0..2 * ADDRESSES {
            failures.lock(&format!("locked {address}"), NOW);
        }
        assert_eq!(failures.0.len(), ADDRESSES);
    }

    #[test]
    fn what_the_platform_has_counted_locks_for_a_while() {
        let mut failures = FailedLogins::default();
        assert_eq!(failures.lock("192.0.2.1", NOW), FAILURES_WITHIN);
        assert_eq!(failures.wait("192.0.2.1", NOW + Span::seconds(299)), Some(Span::seconds(1)));
        assert_eq!(failures.wait("192.0.2.1", NOW + FAILURES_WITHIN), None);
    }

    #[test]
    fn networks() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2::1", "2001:db8:1:"),
            ("2001:db8:1:ffff::", "2001:db8:1:"),
            ("", ""),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(network(address), expected);
        }
    }
}
