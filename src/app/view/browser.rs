//! Small dealings with the browser that several views need.
//!
//! Invariant: nothing here throws; what a browser lacks is reported in the return value.

use js_sys::{Array, Reflect, Uint8Array};
use leptos::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Calls `act` at most once a frame, with the newest value.
pub fn per_frame<T: 'static>(act: impl Fn(T) + 'static) -> impl Fn(T) + Clone + 'static {
    let waiting = Rc::new(RefCell::new(None));
    let act = Rc::new(act);
    move |value| {
        if waiting.replace(Some(value)).is_some() {
            return;
        }
        let (waiting, act) = (Rc::clone(&waiting), Rc::clone(&act));
        request_animation_frame(move || {
            if let Some(value) = waiting.take() {
                act(value);
            }
        });
    }
}

/// Hands the visitor a file.
pub fn save(name: &str, bytes: &[u8], mime: &str) -> Result<(), JsValue> {
    let kind = BlobPropertyBag::new();
    kind.set_type(mime);
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &kind)?;
    let url = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // The download has begun once the browser has had a moment to read the address.
    set_timeout(
        move || {
            let _ = Url::revoke_object_url(&url);
        },
        Duration::from_secs(10),
    );
    Ok(())
}

/// The bytes of a file the visitor picked or dropped.
pub async fn bytes_of(blob: &Blob) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(blob.array_buffer()).await?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// Puts text on the clipboard; false where the browser does not allow it.
pub async fn copy(text: &str) -> bool {
    // `navigator.clipboard` is missing on pages that are not secure contexts.
    let navigator = window().navigator();
    match Reflect::get(&navigator, &"clipboard".into()) {
        Ok(clipboard) if !clipboard.is_undefined() => {
            JsFuture::from(navigator.clipboard().write_text(text))
                .await
                .is_ok()
        }
        _ => false,
    }
}

/// Keeps a string for the next visit; false where storage is off.
pub fn keep(name: &str, value: &str) -> bool {
    matches!(window().local_storage(), Ok(Some(storage)) if storage.set_item(name, value).is_ok())
}

/// What [`keep`] kept.
pub fn kept(name: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(name).ok()?
}
