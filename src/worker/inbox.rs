//! Commands that wait for the session, and the way to wait for more.

use crate::protocol::{Command, decode};
use crate::worker::post;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// Commands in the order they came, with the lanes they are for.
#[derive(Default)]
pub struct Inbox {
    commands: RefCell<VecDeque<(u8, Command)>>,
    waiting: Cell<Option<Waker>>,
}

impl Inbox {
    /// Adds a message's command; says so if it is unreadable.
    pub fn push(&self, bytes: &[u8]) {
        match decode(bytes) {
            Ok(command) => self.commands.borrow_mut().push_back(command),
            Err(message) => post::fault(&message),
        }
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// The oldest command.
    pub fn pop(&self) -> Option<(u8, Command)> {
        self.commands.borrow_mut().pop_front()
    }

    /// Waits until there is a command.
    pub async fn wait(&self) {
        poll_fn(|context| {
            if !self.commands.borrow().is_empty() {
                return Poll::Ready(());
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Lets the browser deliver messages, without the 4 ms that nested timers are held back.
pub async fn yield_now() {
    let Ok(channel) = MessageChannel::new() else {
        return;
    };
    let (sender, receiver) = (channel.port2(), channel.port1());
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let resolved = Closure::once_into_js(move || {
            // `resolve` takes any receiver; calling it cannot fail.
            let _ = resolve.call0(&JsValue::NULL);
        });
        receiver.set_onmessage(Some(resolved.unchecked_ref()));
        // Posting null to an own port cannot fail; if it did, the wait below would be the symptom.
        let _ = sender.post_message(&JsValue::NULL);
    });
    // The promise is never rejected.
    let _ = JsFuture::from(promise).await;
    receiver.close();
}
