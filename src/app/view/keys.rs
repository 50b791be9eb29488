//! What the page listens for everywhere: shortcuts, "back" and "forward", hiding.
//!
//! Invariant: keys and the address belong to the page on show; the other page's run keeps still.

use super::bench::Bench;
use super::images::Studio;
use super::page::Page;
use super::state::State;
use crate::protocol::{Command, ImageCommand};
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

/// Listens for as long as the page lives.
pub fn listen(state: State, bench: Bench, studio: Studio) {
    let follow = move || match Page::now() {
        Page::Compare => bench.follow_address(),
        Page::Sample | Page::Score => studio.follow_address(),
        Page::Train | Page::Lab => state.follow_address(),
    };
    window_event_listener(ev::popstate, move |_| follow());
    window_event_listener(ev::hashchange, move |_| follow());
    window_event_listener_untyped("visibilitychange", move |_| {
        let (hidden, page) = (document().hidden(), Page::now());
        let trains = matches!(page, Page::Train | Page::Lab);
        state.send(Command::Hidden(hidden || !trains));
        bench
            .first()
            .send(Command::Hidden(hidden || page != Page::Compare));
    });
    window_event_listener(ev::keydown, move |event| {
        let Some(command) = shortcut(&event) else {
            return;
        };
        event.prevent_default();
        match (Page::now(), command) {
            (Page::Sample, Shortcut::Toggle) => studio.toggle_play(),
            (Page::Sample, Shortcut::Step) => studio.send(ImageCommand::Step),
            (Page::Sample, Shortcut::Reset) => studio.draw(),
            (Page::Score, _) => {}
            (Page::Compare, Shortcut::Toggle) => bench.toggle_play(),
            (Page::Compare, Shortcut::Step) => bench.send(&Command::Step),
            (Page::Compare, Shortcut::Reset) => bench.send(&Command::Reset),
            (_, Shortcut::Toggle) => state.toggle_play(),
            (_, Shortcut::Step) => state.send(Command::Step),
            (_, Shortcut::Reset) => state.send(Command::Reset),
        }
    });
}

enum Shortcut {
    Toggle,
    Step,
    Reset,
}

/// A bare key means nothing to the page while it means something to the focused element.
fn shortcut(event: &KeyboardEvent) -> Option<Shortcut> {
    if event.ctrl_key()
        || event.meta_key()
        || event.alt_key()
        || event.shift_key()
        || event.repeat()
    {
        return None;
    }
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let within = |kinds: &str| {
        target
            .as_ref()
            .is_some_and(|element| element.matches(kinds).unwrap_or(false))
    };
    if within("input, select, textarea") {
        return None;
    }
    match event.key().as_str() {
        // On the buttons of playback, Space does what their titles promise.
        " " if within("[data-testid=play], [data-testid=pause]") => Some(Shortcut::Toggle),
        " " if !within("button, summary, a") => Some(Shortcut::Toggle),
        "s" => Some(Shortcut::Step),
        "r" => Some(Shortcut::Reset),
        _ => None,
    }
}
