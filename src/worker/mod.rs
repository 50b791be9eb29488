//! The worker: owner of the device, the canvases and the run.
//!
//! Invariant: one task runs commands, training, drawing and reads in turn, so nothing here is ever
//! touched by two of them at once. Messages in and out are postcard bytes.

mod device;
mod inbox;
mod loader;
mod painter;
mod photo;
mod post;
mod session;

use crate::protocol::{WhyCpu, decode};
use inbox::Inbox;
use js_sys::{Array, Reflect, Uint8Array};
use session::Session;
use std::rc::Rc;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, OffscreenCanvas};

/// What the page's first message holds.
struct Init {
    /// The large canvas and the strip of each lane.
    canvases: Vec<[OffscreenCanvas; 2]>,
    /// The canvas of the images.
    images: Option<OffscreenCanvas>,
    /// Compute images by WebGPU even where that is software, which is slower than the CPU's kernels.
    even_software: bool,
    /// Do not try WebGPU, for this reason.
    why_cpu: Option<WhyCpu>,
}

impl Init {
    fn read(message: &JsValue) -> Option<Self> {
        let field = |name: &str| Reflect::get(message, &name.into()).ok();
        Some(Self {
            canvases: pairs(&field("canvases")?.dyn_into().ok()?)?,
            images: field("images").and_then(|canvas| canvas.dyn_into().ok()),
            even_software: field("even_software").is_some_and(|flag| flag.is_truthy()),
            why_cpu: field("why_cpu")
                .and_then(|bytes| bytes.dyn_into::<Uint8Array>().ok())
                .and_then(|bytes| decode(&bytes.to_vec()).ok()),
        })
    }
}

/// Canvases two by two.
fn pairs(list: &Array) -> Option<Vec<[OffscreenCanvas; 2]>> {
    let canvases: Option<Vec<OffscreenCanvas>> =
        list.iter().map(|canvas| canvas.dyn_into().ok()).collect();
    let pairs = canvases?;
    Some(
        pairs
            .chunks_exact(2)
            .map(|pair| [pair[0].clone(), pair[1].clone()])
            .collect(),
    )
}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the static constructors, by which cubecl's compiler knows its operations, once. A module
/// that never calls this itself is linked so that each of its exports does: half of the worker's time
/// went there, at every object handed to or from JavaScript
/// (<https://docs.rs/inventory/0.3.25/inventory/#webassembly-and-constructors>).
pub fn construct() {
    // SAFETY: the linker defines this symbol in every module, and only this call runs it.
    unsafe { __wasm_call_ctors() }
}

/// Says hello to the page and waits for its canvases; everything else follows from messages.
pub fn start() {
    post::install_hooks();
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let inbox = Rc::new(Inbox::default());
    let receiver = Rc::clone(&inbox);
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data();
        if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
            receiver.push(&bytes.to_vec());
        } else if let Some(init) = Init::read(&data) {
            let inbox = Rc::clone(&receiver);
            wasm_bindgen_futures::spawn_local(async move {
                Session::open(init, inbox).await.run().await;
            });
        }
    });
    scope.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    // The worker listens for as long as it lives.
    on_message.forget();
    post::hello();
}
