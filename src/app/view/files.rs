//! Taking a run away and bringing it back: weights, settings, metrics.

use super::address::Entry;
use super::browser::bytes_of;
use super::images::{Studio, files_of};
use super::own_points;
use super::page::Page;
use super::state::{State, use_state};
use crate::protocol::Command;
use crate::settings::Settings;
use crate::thrown::message_of;
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::File;

#[component]
pub fn Files() -> impl IntoView {
    let state = use_state();
    let settings = move |_| {
        let json = format!("{:#}\n", state.settings.with_untracked(Settings::to_json));
        let name = state.settings.with_untracked(|s| s.preset().name());
        state.save(&format!("{name}.json"), json.as_bytes(), "application/json");
    };
    let metrics = move |_| {
        let csv = state.run.with_untracked(|run| run.history.to_csv());
        let name = state.settings.with_untracked(|s| s.preset().name());
        state.save(&format!("{name}.csv"), csv.as_bytes(), "text/csv");
    };
    view! {
        <details class="section">
            <summary>"Files"</summary>
            <p class="quiet">
                "A run's file holds weights and settings; import continues it. Files can be dropped anywhere on the page."
            </p>
            <div class="buttons">
                <button data-testid="export" on:click=move |_| state.send(Command::Export)>
                    "Export run"
                </button>
                <label class="button">
                    "Import"
                    <input
                        type="file"
                        class="unseen"
                        accept=".safetensors,.json,.csv,.txt,.tsv"
                        data-testid="import"
                        on:change:target=move |event| {
                            if let Some(file) = event.target().files().and_then(|files| files.get(0)) {
                                open(state, file);
                            }
                            event.target().set_value("");
                        }
                    />
                </label>
                <button data-testid="export-settings" on:click=settings>
                    "Settings as JSON"
                </button>
                <button data-testid="export-metrics" on:click=metrics>
                    "Metrics as CSV"
                </button>
            </div>
        </details>
    }
}

/// Opens files dropped anywhere on the page, for as long as the page lives.
pub fn accept_drops(state: State, studio: Studio) {
    window_event_listener(ev::dragover, |event| event.prevent_default());
    window_event_listener(ev::drop, move |event| {
        event.prevent_default();
        let files = event.data_transfer().and_then(|data| data.files());
        if Page::now().of_images() {
            return studio.open(files_of(files));
        }
        if let Some(file) = files.and_then(|files| files.get(0)) {
            open(state, file);
        }
    });
}

/// Does with a file what its name says it is for.
fn open(state: State, file: File) {
    if Page::now() == Page::Compare {
        return state.note(
            "Files open on the Train page: go there and drop it again.".into(),
            true,
        );
    }
    let name = file.name().to_lowercase();
    if !name.ends_with(".safetensors") && !name.ends_with(".json") {
        own_points::open(state, file);
        return;
    }
    spawn_local(async move {
        match bytes_of(&file).await {
            Err(error) => {
                state.note(
                    format!("The file could not be read: {}.", message_of(&error)),
                    true,
                );
            }
            Ok(bytes) if name.ends_with(".json") => read_settings(state, &bytes),
            Ok(bytes) => state.send(Command::Import(bytes)),
        }
    });
}

fn read_settings(state: State, bytes: &[u8]) {
    match serde_json::from_slice(bytes) {
        Ok(json) if !serde_json::Value::is_object(&json) => {
            state.note(
                "The file holds no settings: nothing has changed.".into(),
                true,
            );
        }
        Ok(json) => {
            let (settings, notices) = Settings::from_json(&json);
            state.note_all(notices);
            state.adopt(settings, Some(Entry::New));
        }
        Err(error) => state.note(format!("The file is no JSON: {error}."), true),
    }
}
