//! RS256 by WebCrypto: the runtime has it, and an RSA library in the bundle would be half as large as all of the rest.

use worker::js_sys::{self, Array, Object, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{CryptoKey, WorkerGlobalScope};

use crate::github::app::KeyError;
use crate::settings::App;
use crate::settings::private_key;

const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

/// The signature of `text` by the App's key. What WebCrypto says of a bad key is not passed on: it is no help.
pub async fn sign(app: &App, text: &str) -> Result<Vec<u8>, KeyError> {
    try_to_sign(app, text).await.map_err(|_| KeyError)
}

async fn try_to_sign(app: &App, text: &str) -> Result<Vec<u8>, JsValue> {
    let subtle = js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()?.subtle();
    let der = Uint8Array::from(private_key::der(&app.key).as_slice());
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &ALGORITHM.into())?;
    Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let uses = Array::of1(&"sign".into());
    let key = subtle.import_key_with_object("pkcs8", &der, &algorithm, false, &uses)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    let signature = subtle.sign_with_str_and_u8_array(ALGORITHM, &key, text.as_bytes())?;
    Ok(Uint8Array::new(&JsFuture::from(signature).await?).to_vec())
}
