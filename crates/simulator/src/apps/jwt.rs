//! An App's word that it is itself: a JSON Web Token, checked as GitHub checks it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::sha2::Sha256;
use serde_json::Value;

use super::Registry;
use crate::model::{ApiError, Millis};

/// How far in the future a token may expire.
const LONGEST: i64 = 10 * 60;

fn refused(message: &str) -> ApiError {
    ApiError::new(401, message)
}

/// The App whose token it is.
pub(super) fn verify(registry: &Registry, token: Option<&str>, now: Millis) -> Result<u64, ApiError> {
    let undecodable = || refused("A JSON web token could not be decoded");
    let token = token.ok_or_else(|| refused("Requires authentication"))?;
    let (signed, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
    let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
    let json = |part: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let (header, claims) = json(header).zip(json(claims)).ok_or_else(undecodable)?;
    if header["alg"] != "RS256" {
        return Err(undecodable());
    }
    // Both ways of writing it are seen.
    let issuer = claims["iss"].as_u64().or_else(|| claims["iss"].as_str()?.parse().ok());
    let app = issuer.and_then(|id| registry.app(id));
    let app = app.ok_or_else(|| ApiError::new(404, "Integration not found"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| undecodable())?;
    let is_signed = app.keys.iter().any(|key| key.pkcs1v15_verify::<Sha256>(signed.as_bytes(), &signature).is_ok());
    if !is_signed {
        return Err(undecodable());
    }
    let now = (now / 1_000) as i64;
    let issued = claims["iat"].as_i64().filter(|issued| *issued <= now);
    issued.ok_or_else(|| {
        refused("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
    })?;
    match claims["exp"].as_i64() {
        Some(expires) if expires > now + LONGEST => {
            Err(refused("'Expiration time' claim ('exp') is too far in the future"))
        }
        Some(expires) if expires > now => Ok(app.id),
        _ => Err(refused(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the \
             assertion expires",
        )),
    }
}
