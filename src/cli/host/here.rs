//! Files, as unit tests have them, which run without Node.js. As `bin/host.mjs` does it.

use std::fs;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use wasm_bindgen::JsValue;

fn thrown(error: io::Error) -> JsValue {
    // A JavaScript value cannot be made here.
    drop(error);
    JsValue::UNDEFINED
}
