//! A GitHub App's private key: from the PEM that GitHub gives to the PKCS#8 that WebCrypto takes.
//!
//! GitHub gives PKCS#1 (`BEGIN RSA PRIVATE KEY`). PKCS#8 is the same key in an envelope that names the algorithm (RFC
//! 5958), so that no number of the key needs to be read for it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::settings::Secret;

/// `rsaEncryption` with no parameters, as RFC 8017 wants it: SEQUENCE { OID 1.2.840.113549.1.1.1, NULL }.
const RSA: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// INTEGER 0: the version of either format.
const VERSION: [u8; 3] = [0x02, 0x01, 0x00];
const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;

/// The key as PKCS#8 DER in base64, which is text, as every secret is.
pub fn parse(pem: &str) -> Result<Secret, &'static str> {
    // A secret that is set by a prompt or kept in a file of settings is one line, with the two characters \ and n.
    let pem = pem.replace("\\r", "\r").replace("\\n", "\n");
    let (label, body) = unarmoured(&pem).ok_or(EXPECTED)?;
    let base64: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(base64).map_err(|_| "has a PEM block that is not base64 (cut off?)")?;
    let pkcs8 = match label {
        "RSA PRIVATE KEY" => wrapped(whole(&der)?),
        "PRIVATE KEY" if content(&der).is_some_and(|inside| inside.get(3..18) == Some(RSA.as_slice())) => der,
        "PRIVATE KEY" => return Err("is not an RSA key, or was cut off"),
        "ENCRYPTED PRIVATE KEY" => return Err("is encrypted; use the file as GitHub gives it"),
        _ => return Err(EXPECTED),
    };
    Ok(Secret::new(STANDARD.encode(pkcs8)))
}

/// The bytes of what [`parse`] made.
pub fn der(key: &Secret) -> Vec<u8> {
    STANDARD.decode(key.reveal()).unwrap_or_default()
}

const EXPECTED: &str = "is not valid: expected the .pem file that GitHub gives, from -----BEGIN to the last -----";

/// The label and what is between its two lines.
fn unarmoured(pem: &str) -> Option<(&str, &str)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    let closed = end.split_once("-----").is_some_and(|(closing, _)| closing == label);
    closed.then_some((label, body))
}

/// PKCS#1 that is whole: its outermost length is that of the file, and it starts with the version.
fn whole(pkcs1: &[u8]) -> Result<&[u8], &'static str> {
    let inside = content(pkcs1).ok_or("was cut off, or is not a key")?;
    if inside.starts_with(&VERSION) { Ok(pkcs1) } else { Err("is not an RSA key") }
}

/// SEQUENCE { version, algorithm, OCTET STRING { the PKCS#1 key } }
fn wrapped(pkcs1: &[u8]) -> Vec<u8> {
    let key = tagged(OCTET_STRING, pkcs1);
    tagged(SEQUENCE, &[&VERSION, RSA.as_slice(), &key].concat())
}

/// What a SEQUENCE that is all of `der` holds.
fn content(der: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (*tag == SEQUENCE && rest.len() == length).then_some(rest)
}

/// DER's tag, length and value: a length of 128 and more is told in as few bytes as it takes.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let digits: Vec<u8> = value.len().to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
    match (digits.as_slice(), u8::try_from(digits.len())) {
        ([], _) => der.push(0),
        ([short @ 0..=0x7f], _) => der.push(*short),
        (long, Ok(count)) => {
            der.push(0x80 | count);
            der.extend_from_slice(long);
        }
        // A usize has eight bytes at most.
        (_, Err(_)) => {}
    }
    der.extend_from_slice(value);
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PKCS#1 in form: a version, and a number that makes it as long as is asked for.
    fn pkcs1(length: usize) -> Vec<u8> {
        tagged(SEQUENCE, &[VERSION.as_slice(), &tagged(0x02, &vec![0x55; length])].concat())
    }

    fn pem(label: &str, der: &[u8]) -> String {
        let base64 = STANDARD.encode(der);
        let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }

    #[test]
    fn pkcs1_of_any_length_is_put_into_pkcs8() {
        for length in [0, 1, 90, 100, 101, 102, 127, 128, 200, 255, 256, 1_190, 65_535, 65_536, 70_000] {
            let inner = pkcs1(length);
            let outer = der(&parse(&pem("RSA PRIVATE KEY", &inner)).unwrap());
            let inside = content(&outer).unwrap_or_else(|| panic!("{length}: not one SEQUENCE"));
            assert_eq!(&inside[..18], [VERSION.as_slice(), &RSA].concat(), "{length}");
            assert_eq!(&inside[18..], tagged(OCTET_STRING, &inner), "{length}");
        }
    }

    #[test]
    fn the_envelope_of_a_2048_bit_key_is_the_well_known_one() {
        let outer = wrapped(&vec![0; 1_190]);
        let expected = "308204bc020100300d06092a864886f70d0101010500048204a6";
        assert_eq!(hex::encode(&outer[..26]), expected);
    }

    #[test]
    fn the_ways_in_which_a_key_is_kept() {
        let plain = pem("RSA PRIVATE KEY", &pkcs1(1_000));
        let expected = parse(&plain).unwrap();
        for kept in [
            plain.replace('\n', "\\n"),
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\\r\\n"),
            plain.replace('\n', " "),
            plain.trim_end().to_owned(),
            format!("  \"{plain}\" "),
        ] {
            assert!(parse(&kept) == Ok(expected.clone()), "{kept:?}");
        }
        let pkcs8 = pem("PRIVATE KEY", &der(&expected));
        assert!(parse(&pkcs8) == Ok(expected));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let good = pem("RSA PRIVATE KEY", &pkcs1(1_000));
        let elliptic = tagged(SEQUENCE, &[VERSION.as_slice(), &[0x30, 0x13, 0x06, 0x07], &[0x2a; 40]].concat());
        let short = STANDARD.encode(&pkcs1(1_000)[..500]);
        for bad in [
            "hunter2".to_owned(),
            String::new(),
            good.replace("-----END RSA PRIVATE KEY-----", ""),
            good.replace("END RSA", "END"),
            good.replace("RSA PRIVATE", "PUBLIC"),
            good.replace("RSA PRIVATE", "ENCRYPTED PRIVATE"),
            good.replace("RSA PRIVATE", "PRIVATE"),
            good.replace("VVVV", "hunter2!"),
            pem("PRIVATE KEY", &elliptic),
            pem("RSA PRIVATE KEY", &tagged(SEQUENCE, &[0x02, 0x01, 0x07])),
            pem("RSA PRIVATE KEY", &[]),
            format!("-----BEGIN RSA PRIVATE KEY-----\n{short}\n-----END RSA PRIVATE KEY-----"),
        ] {
            let Err(problem) = parse(&bad) else { panic!("taken: {bad}") };
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }
}
