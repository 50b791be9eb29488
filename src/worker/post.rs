//! Messages to the page, and the hooks that make silent failures visible.

use crate::protocol::{EVERY_LANE, Event, encode};
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::DedicatedWorkerGlobalScope;

thread_local! {
    /// The last fault posted: a broken shader repeats itself every frame.
    static LAST_FAULT: RefCell<String> = const { RefCell::new(String::new()) };
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// The first message: the worker listens now.
pub fn hello() {
    // Posting a string cannot fail.
    let _ = scope().post_message(&"hello".into());
}

/// Sends an event of a lane, handing its bytes over instead of copying them.
pub fn event(lane: u8, event: &Event) {
    let bytes = Uint8Array::from(encode(&(lane, event)).as_slice());
    let transfer = Array::of1(&bytes.buffer());
    if scope()
        .post_message_with_transfer(&bytes, &transfer)
        .is_err()
    {
        web_sys::console::error_1(&"an event could not be posted to the page".into());
    }
}

/// Sends a fault, once in a row.
pub fn fault(message: &str) {
    let again = LAST_FAULT.with(|last| last.replace(message.to_owned()) == message);
    if !again {
        let message = message.to_owned();
        event(EVERY_LANE, &Event::Fault { message });
    }
}

/// Makes panics and logged errors reach the page. Shader errors on the web are only logged.
pub fn install_hooks() {
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        fault(&info.to_string());
    }));
    // Fails only if a logger is there already, and this runs once.
    if log::set_logger(&PostErrors).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
}

struct PostErrors;

impl log::Log for PostErrors {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        // A lost device is no error of ours: the session sees it too, and says what it does about it.
        metadata.level() <= log::Level::Error
            && metadata.target() != "cubecl_wgpu::compute::device_poison"
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            web_sys::console::error_1(&message.as_str().into());
            fault(&message);
        }
    }

    fn flush(&self) {}
}
