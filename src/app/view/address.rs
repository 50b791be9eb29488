//! The page's address: settings in the fragment, page in the path.
//!
//! Invariant: what the address says last is in `said`, so that the page never answers its own
//! writing. Copies of the page in folders work because every path starts at the document's base.

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use std::time::Duration;
use wasm_bindgen::JsValue;
use web_sys::Url;

/// How long typing and dragging rest before the address follows.
const REST: Duration = Duration::from_millis(150);

/// How a change of settings enters the history of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A step that "back" undoes.
    New,
    /// An adjustment of the step before.
    Same,
}

/// The settings part of the address, and what is still to be written.
#[derive(Default)]
pub struct Address {
    said: String,
    waiting: Option<(String, TimeoutHandle)>,
}

impl Address {
    /// The text of the settings: the fragment, or the query string if that is empty.
    pub fn read() -> String {
        let location = window().location();
        let fragment = location.hash().unwrap_or_default();
        let fragment = fragment.trim_start_matches('#');
        if fragment.is_empty() {
            query(|name| name != "cpu" && name != "gpu")
        } else {
            fragment.to_owned()
        }
    }

    /// Whether the address asks for the CPU.
    pub fn wants_cpu() -> bool {
        !query(|name| name == "cpu").is_empty()
    }

    /// Whether the address asks for WebGPU even where it is computed in software.
    pub fn wants_gpu() -> bool {
        !query(|name| name == "gpu").is_empty()
    }

    /// What a visitor navigated to, unless it is what was written or read last.
    pub fn news(&mut self) -> Option<String> {
        let text = Self::read();
        (text != self.said).then(|| {
            self.forget();
            self.said.clone_from(&text);
            text
        })
    }

    /// Writes at once, as a new step of the history or over the present one.
    pub fn write(&mut self, text: String, entry: Entry) {
        if let Some((before, handle)) = self.waiting.take() {
            handle.clear();
            if entry == Entry::New {
                // The step before ends with its last adjustment, so that "back" finds it.
                self.write(before, Entry::Same);
            }
        }
        if text == self.said {
            return;
        }
        let url = format!(
            "{}{}#{text}",
            window().location().pathname().unwrap_or_default(),
            device()
        );
        let written = window().history().and_then(|history| match entry {
            Entry::New => history.push_state_with_url(&JsValue::NULL, "", Some(&url)),
            Entry::Same => history.replace_state_with_url(&JsValue::NULL, "", Some(&url)),
        });
        // Browsers refuse a page that writes too often; the address then follows at the next change.
        if written.is_ok() {
            self.said = text;
        }
    }

    /// Writes over the present step once the visitor's hand rests.
    pub fn write_soon(address: StoredValue<Self, LocalStorage>, text: String) {
        let path = window().location().pathname().ok();
        let later = move || {
            if window().location().pathname().ok() != path {
                // Another page's address now.
                return address.update_value(Self::forget);
            }
            address.update_value(|address| {
                if let Some((text, _)) = address.waiting.take() {
                    address.write(text, Entry::Same);
                }
            });
        };
        address.update_value(|address| {
            address.forget();
            match set_timeout_with_handle(later, REST) {
                Ok(handle) => address.waiting = Some((text, handle)),
                Err(_) => address.write(text, Entry::Same),
            }
        });
    }

    fn forget(&mut self) {
        if let Some((_, handle)) = self.waiting.take() {
            handle.clear();
        }
    }
}

/// The path that all pages lie under, with slashes at both ends.
pub fn base() -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    Url::new(&base).map_or_else(|_| "/".into(), |url| url.pathname())
}

/// A whole address of a page (`""` or `"lab/"`) with these settings.
pub fn absolute(page: &str, settings: &str) -> String {
    let origin = window().location().origin().unwrap_or_default();
    format!("{origin}{}", relative(page, settings))
}

/// The same without scheme and host.
pub fn relative(page: &str, settings: &str) -> String {
    format!("{}{page}{}#{settings}", base(), device())
}

/// The choice of the device outlives every change of the address.
fn device() -> &'static str {
    match (Address::wants_cpu(), Address::wants_gpu()) {
        (true, _) => "?cpu=1",
        (false, true) => "?gpu=1",
        (false, false) => "",
    }
}

fn query(keep: impl Fn(&str) -> bool) -> String {
    let search = window().location().search().unwrap_or_default();
    let parts: Vec<&str> = search
        .trim_start_matches('?')
        .split('&')
        .filter(|part| !part.is_empty() && keep(part.split('=').next().unwrap_or_default()))
        .collect();
    parts.join("&")
}
