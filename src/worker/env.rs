//! The Worker's settings, read from its bindings once for each isolate: they cannot change within one.

use std::cell::OnceCell;
use std::rc::Rc;

use worker::Env;
use worker::js_sys::Reflect;
use worker::wasm_bindgen::JsValue;

use crate::settings::Settings;
use crate::worker::log;

thread_local! {
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
}

pub fn settings(env: &Env) -> Rc<Settings> {
    SETTINGS.with(|cell| {
        let settings = cell.get_or_init(|| {
            let settings = Settings::read(|name| binding(env, name));
            for problem in &settings.problems {
                log::fault("settings", &problem.to_string());
            }
            Rc::new(settings)
        });
        Rc::clone(settings)
    })
}

/// A `[vars]` entry or a secret, as text. TOML numbers and booleans arrive as such: `MAX_RERUNS = 3` is fine.
fn binding(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env.as_ref(), &JsValue::from_str(name)).ok()?;
    let number = || value.as_f64().map(|number| number.to_string());
    value.as_string().or_else(number).or_else(|| value.as_bool().map(|boolean| boolean.to_string()))
}
