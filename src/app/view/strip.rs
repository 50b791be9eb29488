//! The strip of noise levels: one picture a level, each a button that shows it large.
//!
//! Invariant: button k lies over column k of the canvas that the worker draws.

use super::plane::measured;
use super::state::use_state;
use crate::protocol::Command;
use crate::settings::{Key, Value};
use leptos::html::Div;
use leptos::prelude::*;

#[component]
pub fn Strip(host: NodeRef<Div>) -> impl IntoView {
    let state = use_state();
    let levels = Memo::new(move |_| state.run.with(|run| run.levels()));
    let shown = Memo::new(move |_| {
        state
            .settings
            .with(|s| s.int(Key::Level) as u32)
            .min(levels.get() - 1)
    });
    measured(host, move |width, height, ratio| {
        let strip = [width, height].map(|side| (side * ratio).round() as u32);
        if state.sizes.with_untracked(|sizes| sizes.strip != strip) {
            state.sizes.update(|sizes| sizes.strip = strip);
            state.send(Command::StripSize {
                width: strip[0],
                height: strip[1],
            });
        }
    });
    view! {
        <div
            class="strip"
            class:single=move || levels.get() == 1
            style=("--levels", move || levels.get().to_string())
            role="group"
            aria-label=Key::Level.row().label
            data-testid="set-t"
        >
            <div class="canvas-host" node_ref=host></div>
            <For each=move || 0..levels.get() key=|level| *level let:level>
                <button
                    aria-pressed=move || (shown.get() == level).to_string()
                    on:click=move |_| state.set(Key::Level, Value::Int(i64::from(level)))
                >
                    {format!("t = {level}")}
                </button>
            </For>
        </div>
    }
}
