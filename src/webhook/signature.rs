//! `X-Hub-Signature-256`: `sha256=` and the hex HMAC-SHA256 of the raw body (GitHub Docs, "Validating webhook
//! deliveries").

use ctutils::{Choice, CtEq};
use sha2::{Digest, Sha256};

use crate::names::DeliveryId;
use crate::settings::Secret;

/// A well-formed signature, not yet verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature([u8; 32]);

impl Signature {
    /// The prefix must be there as GitHub writes it; the digits may be of either case, as they name the same bytes.
    pub fn parse(header: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(header.strip_prefix("sha256=")?, &mut digest).ok()?;
        Some(Self(digest))
    }

    /// What a delivery is known by, once this is verified: the same whenever the same body is sent.
    pub fn delivery_id(&self) -> DeliveryId {
        let Self(digest) = self;
        DeliveryId::of_signature(digest)
    }

    /// Whether it is one of these HMACs, 32 bytes each. Takes the same time wherever the first difference is.
    pub fn is_one_of(&self, macs: &[u8]) -> bool {
        let (macs, rest) = macs.as_chunks::<32>();
        let found = macs.iter().fold(Choice::FALSE, |found, mac| found.or(self.0.ct_eq(mac)));
        rest.is_empty() && found.to_bool()
    }
}

const BLOCK: usize = 64;

/// A secret as HMAC-SHA256 mixes it in (RFC 2104): the inner block, and the outer one. The HMAC of a message is the digest of
/// the outer block and the digest of the inner block and the message, so that it can be made while the message comes in;
/// the runtime's own HMAC takes the message in one piece.
pub fn blocks(secret: &Secret) -> [u8; 2 * BLOCK] {
    let long = secret.reveal().as_bytes();
    let digest = Sha256::digest(long);
    let key = if long.len() > BLOCK { digest.as_slice() } else { long };
    let mut blocks = [0; 2 * BLOCK];
    let (inner, outer) = blocks.split_at_mut(BLOCK);
    for (block, pad) in [(inner, 0x36), (outer, 0x5c)] {
        let padded = key.iter().copied().chain(std::iter::repeat(0));
        block.iter_mut().zip(padded).for_each(|(byte, key)| *byte = key ^ pad);
    }
    blocks
}

/// The body's HMACs, one for each secret, as `entry.mjs` has the runtime make them. The runtime's are made by the
/// processor's own instructions for SHA-256: for 10 kB 6 µs, and in WebAssembly 18 to 22.
#[cfg(any(not(target_arch = "wasm32"), not(feature = "platform")))]
pub fn macs<'a>(secrets: impl IntoIterator<Item = &'a Secret>, body: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = |secret: &Secret| {
        // HMAC takes keys of any length, so that the error cannot happen; if it did, nothing would be let in.
        let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
        Some(mac.chain_update(body).finalize().into_bytes())
    };
    secrets.into_iter().filter_map(mac).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> Secret {
        Secret::new("It's a Secret to Everybody")
    }

    fn verifies(signature: &Signature, secret: &Secret, body: &[u8]) -> bool {
        signature.is_one_of(&macs([secret], body))
    }

    #[test]
    fn the_documented_vector() {
        let signature = Signature::parse(VECTOR).unwrap();
        assert!(verifies(&signature, &secret(), b"Hello, World!"));
        assert!(!verifies(&signature, &secret(), b"Hello, World"));
        assert!(!verifies(&signature, &Secret::new("another"), b"Hello, World!"));
    }

    /// As `entry.mjs` makes it of what streams in.
    #[test]
    fn the_same_piece_by_piece() {
        let body = b"Hello, World!";
        for length in [1, 63, 64, 65, 200] {
            let secret = Secret::new("s".repeat(length));
            let blocks = blocks(&secret);
            let (inner, outer) = blocks.split_at(BLOCK);
            let inner = Sha256::new().chain_update(inner).chain_update(&body[..5]).chain_update(&body[5..]).finalize();
            let mac = Sha256::new().chain_update(outer).chain_update(inner).finalize();
            assert_eq!(mac.as_slice(), macs([&secret], body), "{length}");
        }
    }

    #[test]
    fn either_case_of_the_digits() {
        let upper = format!("sha256={}", VECTOR[7..].to_uppercase());
        assert!(verifies(&Signature::parse(&upper).unwrap(), &secret(), b"Hello, World!"));
    }

    #[test]
    fn malformed() {
        let truncated = &VECTOR[..VECTOR.len() - 2];
        let long = format!("{VECTOR}00");
        for header in [
            "",
            "sha256=",
            &VECTOR[7..],
            truncated,
            &long,
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            "SHA256=00",
            "sha256=zz",
            "sha256=é",
        ] {
            assert_eq!(Signature::parse(header), None, "{header}");
        }
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        let body = b"Hello, World!";
        for bit in 0..256 {
            let mut signature = Signature::parse(VECTOR).unwrap();
            signature.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(&signature, &secret(), body), "signature bit {bit}");
        }
        for bit in 0..body.len() * 8 {
            let mut flipped = *body;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifies(&Signature::parse(VECTOR).unwrap(), &secret(), &flipped), "body bit {bit}");
        }
    }

    #[test]
    fn one_of_several_or_of_none() {
        let (body, other) = (b"Hello, World!", Secret::new("another"));
        let signature = Signature::parse(VECTOR).unwrap();
        assert!(signature.is_one_of(&macs([&other, &secret()], body)));
        assert!(signature.is_one_of(&macs([&secret(), &other], body)));
        assert!(!signature.is_one_of(&macs([&other, &other], body)));
        assert!(!signature.is_one_of(&[]));
        // What is not made of whole HMACs is none.
        let macs = macs([&secret()], body);
        assert!(!signature.is_one_of(&macs[..31]) && !signature.is_one_of(&[&macs[..], &[0]].concat()));
    }
}
