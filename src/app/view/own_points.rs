//! The visitor's own data set: tools to draw, erase, paste and open points.

use super::browser::bytes_of;
use super::state::{State, use_state};
use crate::settings::{Key, LINK_POINTS, parse_csv};
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::File;

/// Most points a data set holds.
pub const MOST: usize = LINK_POINTS;

/// Distance between points along a stroke, in data units.
pub const SPACING: f32 = 0.16;

/// What dragging on the canvas does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Draw,
    Erase,
    Move,
}

#[component]
pub fn OwnPoints(tool: RwSignal<Tool>) -> impl IntoView {
    let state = use_state();
    let chosen = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Dataset) == "points"));
    let count = Memo::new(move |_| state.settings.with(|s| s.points.len()));
    let pasted = RwSignal::new(String::new());
    let name = |which: Tool| match which {
        Tool::Draw => "Draw",
        Tool::Erase => "Erase",
        Tool::Move => "Move view",
    };
    let buttons = [Tool::Draw, Tool::Erase, Tool::Move].map(|which| {
        view! {
            <button
                aria-pressed=move || (tool.get() == which).to_string()
                on:click=move |_| tool.set(which)
            >
                {name(which)}
            </button>
        }
    });
    view! {
        <div class="own-points" hidden=move || !chosen.get()>
            <div class="segmented" role="group" aria-label="Dragging on the picture">
                {buttons.into_iter().collect_view()}
            </div>
            <button on:click=move |_| state.set_points(&[])>"Clear"</button>
            <label class="button">
                "Open CSV"
                <input
                    type="file"
                    class="unseen"
                    accept=".csv,.txt,.tsv,text/*"
                    data-testid="points-file"
                    on:change:target=move |event| {
                        if let Some(file) = event.target().files().and_then(|files| files.get(0)) {
                            open(state, file);
                        }
                        event.target().set_value("");
                    }
                />
            </label>
            <details>
                <summary>"Paste"</summary>
                <textarea
                    rows="4"
                    placeholder="x, y on each line"
                    aria-label="Points, two numbers a line"
                    data-testid="points-text"
                    prop:value=move || pasted.get()
                    on:input:target=move |event| pasted.set(event.target().value())
                ></textarea>
                <button on:click=move |_| read(state, &pasted.get_untracked())>"Use these"</button>
            </details>
            <span class="count">
                {move || match count.get() {
                    0 => "Draw at least one point to train on.".to_owned(),
                    n => format!("{n} of {MOST} points"),
                }}
            </span>
        </div>
    }
}

/// Makes a file's points the data set.
pub fn open(state: State, file: File) {
    spawn_local(async move {
        match bytes_of(&file).await {
            Ok(bytes) => read(state, &String::from_utf8_lossy(&bytes)),
            Err(error) => state.note(
                format!(
                    "The file could not be read: {}.",
                    crate::thrown::message_of(&error)
                ),
                true,
            ),
        }
    });
}

fn read(state: State, text: &str) {
    match parse_csv(text) {
        Ok((points, notices)) => {
            state.note_all(notices);
            if state
                .settings
                .with_untracked(|s| s.choice(Key::Dataset) != "points")
            {
                state.set_text(Key::Dataset, "points");
            }
            state.set_points(&points);
        }
        Err(problem) => state.note(problem, true),
    }
}
