//! RS256 by WebCrypto: the runtime has it, and an RSA library in the bundle would be half as large as all of the rest.

use worker::js_sys::{self, Array, Object, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};

use crate::github::app::KeyError;
use crate::settings::App;
use crate::settings::private_key;
use crate::web::access::team_keys::TeamKey;

const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

/// The signature of `text` by the App's key. What WebCrypto says of a bad key is not passed on: it is no help.
pub async fn sign(app: &App, text: &str) -> Result<Vec<u8>, KeyError> {
    try_to_sign(app, text).await.map_err(|_| KeyError)
}

async fn try_to_sign(app: &App, text: &str) -> Result<Vec<u8>, JsValue> {
    let der = Uint8Array::from(private_key::der(&app.key).as_slice());
    let key = import("pkcs8", &der, "sign").await?;
    let signature = subtle()?.sign_with_str_and_u8_array(ALGORITHM, &key, text.as_bytes())?;
    Ok(Uint8Array::new(&JsFuture::from(signature).await?).to_vec())
}

/// Whether the key made the signature. What is no key made none. An error is what the runtime cannot do.
pub async fn verify(key: &TeamKey, signed: &[u8], signature: &[u8]) -> Result<bool, String> {
    let jwk = || {
        let jwk = Object::new();
        for (name, value) in [("kty", "RSA"), ("alg", "RS256"), ("n", &key.n), ("e", &key.e)] {
            Reflect::set(&jwk, &name.into(), &value.into())?;
        }
        Ok(jwk)
    };
    let fault = |error: JsValue| format!("WebCrypto: {error:?}");
    let jwk = jwk().map_err(fault)?;
    let Ok(key) = import("jwk", &jwk, "verify").await else { return Ok(false) };
    let verified = subtle()
        .and_then(|subtle| subtle.verify_with_str_and_u8_array_and_u8_array(ALGORITHM, &key, signature, signed));
    let verified = JsFuture::from(verified.map_err(fault)?).await.map_err(fault)?;
    Ok(verified.as_bool() == Some(true))
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle())
}

async fn import(format: &str, key: &Object, what_for: &str) -> Result<CryptoKey, JsValue> {
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &ALGORITHM.into())?;
    Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let uses = Array::of1(&what_for.into());
    let imported = subtle()?.import_key_with_object(format, key, &algorithm, false, &uses)?;
    Ok(JsFuture::from(imported).await?.unchecked_into())
}
