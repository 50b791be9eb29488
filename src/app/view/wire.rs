//! The page's end of the line to the worker.
//!
//! Invariant: commands arrive in the order they were sent, none before the worker has said hello
//! and been given its canvases; events are handed on at most once a frame.

use super::address::Address;
use crate::protocol::{Command, EVERY_LANE, Event, WhyCpu, decode, encode};
use crate::thrown::message_of;
use js_sys::{Array, Object, Reflect, Uint8Array};
use leptos::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ErrorEvent, MessageEvent, OffscreenCanvas, Url, Worker, WorkerOptions, WorkerType};

/// Where the page names the script that starts the worker's wasm (`www/worker_loader.js`).
const NAMES_LOADER: &str = "meta[name=worker]";

/// A running worker. Dropping it ends the worker.
pub struct Wire {
    worker: Worker,
    line: Rc<Line>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

/// What waits on either side.
#[derive(Default)]
struct Line {
    open: Cell<bool>,
    commands: RefCell<Vec<(u8, Command)>>,
    events: RefCell<Vec<(u8, Event)>>,
}

/// What the worker is given first, for each lane.
pub struct Canvases {
    pub plane: OffscreenCanvas,
    pub strip: OffscreenCanvas,
}

impl Wire {
    /// Starts a worker.
    ///
    /// Each of `canvases` is a lane, and images are drawn on `images`; `absorb` takes events in, with their lanes; with `why_cpu` the
    /// worker does not try WebGPU.
    ///
    /// # Errors
    /// What the browser said when it refused a worker.
    pub fn start(
        canvases: Vec<Canvases>,
        images: Option<OffscreenCanvas>,
        why_cpu: Option<WhyCpu>,
        absorb: impl Fn(Vec<(u8, Event)>) + 'static,
    ) -> Result<Self, String> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let base = document().base_uri().ok().flatten().unwrap_or_default();
        let named = document().query_selector(NAMES_LOADER).ok().flatten();
        let loader = named.and_then(|meta| meta.get_attribute("content"));
        let loader = loader.ok_or("the page does not name its worker")?;
        let worker = Url::new_with_base(&loader, &base)
            .and_then(|url| Worker::new_with_options(&url.href(), &options))
            .map_err(|error| message_of(&error))?;
        let line = Rc::new(Line::default());
        let absorb = Rc::new(absorb);

        let on_message = {
            let (worker, line, absorb) = (worker.clone(), Rc::clone(&line), Rc::clone(&absorb));
            let mut canvases = Some((canvases, images));
            Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
                let data = message.data();
                if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
                    let event = decode(&bytes.to_vec())
                        .unwrap_or_else(|message| (EVERY_LANE, Event::Fault { message }));
                    line.take_in(event, &absorb);
                } else if let Some((canvases, images)) = canvases.take() {
                    match introduce(&worker, &canvases, images.as_ref(), why_cpu.as_ref()) {
                        Ok(()) => line.open(&worker),
                        Err(error) => {
                            let message = message_of(&error);
                            line.take_in((EVERY_LANE, Event::Fault { message }), &absorb);
                        }
                    }
                }
            })
        };
        let on_error = {
            let (line, absorb) = (Rc::clone(&line), Rc::clone(&absorb));
            Closure::<dyn FnMut(ErrorEvent)>::new(move |error: ErrorEvent| {
                let said = Reflect::get(&error, &"message".into())
                    .ok()
                    .and_then(|m| m.as_string());
                let message = said.filter(|m| !m.is_empty()).unwrap_or_else(|| {
                    "the part of the page that computes could not be loaded".into()
                });
                line.take_in((EVERY_LANE, Event::Fault { message }), &absorb);
            })
        };
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            worker,
            line,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Sends a lane a command, or keeps it until the worker listens.
    pub fn send(&self, lane: u8, command: Command) {
        let message = (lane, command);
        if self.line.open.get() {
            post(&self.worker, &message);
        } else {
            self.line.commands.borrow_mut().push(message);
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

impl Line {
    fn open(&self, worker: &Worker) {
        self.open.set(true);
        for message in self.commands.take() {
            post(worker, &message);
        }
    }

    fn take_in(
        self: &Rc<Self>,
        event: (u8, Event),
        absorb: &Rc<impl Fn(Vec<(u8, Event)>) + 'static>,
    ) {
        let waiting = self.events.borrow().len();
        self.events.borrow_mut().push(event);
        let (line, absorb) = (Rc::clone(self), Rc::clone(absorb));
        let drain = move || {
            let events = line.events.take();
            if !events.is_empty() {
                absorb(events);
            }
        };
        // A hidden page has no frames, and its events must not pile up.
        if document().hidden() {
            drain();
        } else if waiting == 0 {
            request_animation_frame(drain);
        }
    }
}

fn introduce(
    worker: &Worker,
    canvases: &[Canvases],
    images: Option<&OffscreenCanvas>,
    why_cpu: Option<&WhyCpu>,
) -> Result<(), JsValue> {
    let init = Object::new();
    let list: Array = canvases
        .iter()
        .flat_map(|lane| [&lane.plane, &lane.strip])
        .collect();
    let fields: [(&str, JsValue); 4] = [
        ("canvases", list.slice(0, list.length()).into()),
        ("even_software", Address::wants_gpu().into()),
        ("images", images.map_or(JsValue::NULL, |c| c.clone().into())),
        (
            "why_cpu",
            why_cpu.map_or(JsValue::NULL, |why| {
                Uint8Array::from(encode(why).as_slice()).into()
            }),
        ),
    ];
    for (name, value) in &fields {
        Reflect::set(&init, &(*name).into(), value)?;
    }
    if let Some(images) = images {
        list.push(images);
    }
    worker.post_message_with_transfer(&init, &list)
}

fn post(worker: &Worker, message: &(u8, Command)) {
    let bytes = Uint8Array::from(encode(message).as_slice());
    let sent = worker.post_message_with_transfer(&bytes, &Array::of1(&bytes.buffer()));
    debug_assert!(sent.is_ok(), "bytes can always be posted");
}
