//! Node.js, by way of `bin/host.mjs`. What goes wrong is thrown as text.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(raw_module = "../../bin/host.mjs")]
extern "C" {
    pub fn arguments() -> Vec<String>;
    pub fn environment(name: &str) -> Option<String>;
    pub fn exit(code: u8);
    pub fn now() -> f64;
    pub fn sleep(milliseconds: f64);
    pub fn random(count: u32) -> Vec<u8>;

    #[wasm_bindgen(catch, js_name = readFile)]
    pub fn read_file(path: &str, most: Option<f64>) -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(catch, js_name = putFile)]
    pub fn put_file(path: &str, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub fn overwrite(path: &str, bytes: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = makeFolder)]
    pub fn make_folder(path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = removeFolder)]
    pub fn remove_folder(path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = removeFile)]
    pub fn remove_file(path: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(js_name = cacheFolder)]
    pub fn cache_folder() -> Option<String>;

    #[wasm_bindgen(catch)]
    pub fn input() -> Result<Vec<u8>, JsValue>;
    #[wasm_bindgen(catch)]
    pub fn line() -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(catch, js_name = hiddenLine)]
    pub fn hidden_line() -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(js_name = isTerminal)]
    pub fn is_terminal(stream: u8) -> bool;
    pub fn write(stream: u8, text: &str) -> bool;

    #[wasm_bindgen(catch)]
    pub fn fetch(
        method: &str,
        url: &str,
        headers: Vec<String>,
        body: &[u8],
        within: f64,
        by_proxy: bool,
    ) -> Result<Response, JsValue>;

    /// An answer whose body is read piece by piece.
    pub type Response;
    #[wasm_bindgen(method, getter)]
    pub fn status(this: &Response) -> u16;
    #[wasm_bindgen(method)]
    pub fn header(this: &Response, name: &str) -> Option<String>;
    #[wasm_bindgen(method, catch)]
    pub(super) fn next(this: &Response) -> Result<Option<Vec<u8>>, JsValue>;
    /// Nothing more of it is read.
    #[wasm_bindgen(method)]
    pub fn close(this: &Response);

    #[wasm_bindgen(js_name = isPackaged)]
    pub fn is_packaged() -> bool;
    #[wasm_bindgen(catch, js_name = wranglerOutput)]
    pub fn wrangler_output(arguments: Vec<String>) -> Result<Ended, JsValue>;
    #[wasm_bindgen(catch, js_name = wranglerRun)]
    pub fn wrangler_run(arguments: Vec<String>, input: Option<&str>, said: u8) -> Result<u8, JsValue>;
    #[wasm_bindgen(catch, js_name = wranglerStart)]
    pub fn wrangler_start(arguments: Vec<String>) -> Result<Child, JsValue>;

    pub type Ended;
    #[wasm_bindgen(method, getter)]
    pub fn code(this: &Ended) -> u8;
    #[wasm_bindgen(method, getter)]
    pub fn out(this: &Ended) -> String;
    #[wasm_bindgen(method, getter)]
    pub fn error(this: &Ended) -> String;

    pub type Child;
    #[wasm_bindgen(method, catch)]
    pub(super) fn next(this: &Child) -> Result<Option<Vec<u8>>, JsValue>;
    /// With which it has ended.
    #[wasm_bindgen(method)]
    pub fn code(this: &Child) -> u8;
}
