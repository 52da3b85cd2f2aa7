//! The time, and waiting.

use wasm_bindgen::prelude::wasm_bindgen;
use worker::Date;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;

use crate::time::{Millis, Span};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = scheduler, js_name = wait)]
    fn scheduler_wait(milliseconds: f64) -> Promise;
}

/// It stands still while code runs, and goes on while something is waited for.
pub fn now() -> Millis {
    Millis(i64::try_from(Date::now().as_millis()).unwrap_or(i64::MAX))
}

/// By the runtime's `scheduler.wait`: `setTimeout` gives an object here and not the number that bindings to it expect,
/// which a build with their checks dies of.
pub async fn wait(span: Span) {
    #[expect(clippy::cast_precision_loss, reason = "what is waited for is far below 2^53 ms")]
    let milliseconds = span.as_millis() as f64;
    // It cannot fail without being told to.
    let _ = JsFuture::from(scheduler_wait(milliseconds)).await;
}
