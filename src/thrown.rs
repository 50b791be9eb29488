//! What JavaScript throws, in words.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// What a thrown value says: its message, itself if it is a string, or else how it prints.
pub fn message_of(error: &JsValue) -> String {
    let said = Reflect::get(error, &"message".into());
    let said = said.ok().and_then(|message| message.as_string());
    said.or_else(|| error.as_string())
        .unwrap_or_else(|| format!("{error:?}"))
}
