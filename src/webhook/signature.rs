//! `X-Hub-Signature-256`: `sha256=` and the hex HMAC-SHA256 of the raw body (GitHub Docs, "Validating webhook
//! deliveries").

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

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

    /// Whether it was made with this secret. Takes the same time wherever the first difference is.
    pub fn verify(&self, secret: &Secret, body: &[u8]) -> bool {
        // HMAC takes keys of any length, so that the error cannot happen; if it did, nothing would be let in.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(&self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn secret() -> Secret {
        Secret::new("It's a Secret to Everybody")
    }

    #[test]
    fn the_documented_vector() {
        let signature = Signature::parse(VECTOR).unwrap();
        assert!(signature.verify(&secret(), b"Hello, World!"));
        assert!(!signature.verify(&secret(), b"Hello, World"));
        assert!(!signature.verify(&Secret::new("another"), b"Hello, World!"));
    }

    #[test]
    fn either_case_of_the_digits() {
        let upper = format!("sha256={}", VECTOR[7..].to_uppercase());
        assert!(Signature::parse(&upper).unwrap().verify(&secret(), b"Hello, World!"));
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
            assert!(!signature.verify(&secret(), body), "signature bit {bit}");
        }
        for bit in 0..body.len() * 8 {
            let mut flipped = *body;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!Signature::parse(VECTOR).unwrap().verify(&secret(), &flipped), "body bit {bit}");
        }
    }
}
