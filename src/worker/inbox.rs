//! Letters that wait for the session, and the way to wait for more.

use crate::protocol::{Command, decode};
use crate::worker::loader::Fetched;
use crate::worker::post;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::MessageChannel;

/// What the session has to attend to.
pub enum Letter {
    /// A command and the lane it is for.
    Command(u8, Command),
    /// A file of the page's host, by the number of its loading and its hash.
    Fetched {
        loading: u32,
        sha256: String,
        fetched: Fetched,
    },
}

/// Letters in the order they came.
#[derive(Default)]
pub struct Inbox {
    letters: RefCell<VecDeque<Letter>>,
    waiting: Cell<Option<Waker>>,
}

impl Inbox {
    /// Adds a message's command; says so if it is unreadable.
    pub fn push(&self, bytes: &[u8]) {
        match decode(bytes) {
            Ok((lane, command)) => self.put(Letter::Command(lane, command)),
            Err(message) => post::fault(&message),
        }
    }

    /// Adds a letter and wakes who waits.
    pub fn put(&self, letter: Letter) {
        self.letters.borrow_mut().push_back(letter);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// The oldest letter.
    pub fn pop(&self) -> Option<Letter> {
        self.letters.borrow_mut().pop_front()
    }

    /// Waits until there is a letter.
    pub async fn wait(&self) {
        poll_fn(|context| {
            if !self.letters.borrow().is_empty() {
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
