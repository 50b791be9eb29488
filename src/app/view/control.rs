//! One control per row of the settings table: label, help, number and slider, list or box.
//!
//! Invariant: what a control shows is what the settings hold, also after a refused entry; settings
//! that start a new run are only committed when the visitor lets go.

use super::state::use_state;
use crate::app::{scale, words};
use crate::settings::{Applies, Key, Kind, Value};
use leptos::prelude::*;
use web_sys::KeyboardEvent;

/// The test id of a setting's control.
fn test_id(key: Key) -> String {
    match key {
        Key::Dataset => "dataset".into(),
        Key::Method => "method".into(),
        Key::Sampler => "sampler".into(),
        _ => format!("set-{}", key.row().name),
    }
}

/// A setting with its label, unit and help; hidden while it has no meaning.
#[component]
pub fn Control(key: Key) -> impl IntoView {
    let state = use_state();
    let row = key.row();
    let relevant = Memo::new(move |_| state.settings.with(|s| s.relevant(key)));
    let id = format!("control-{}", row.name);
    let input = match row.kind {
        Kind::Switch => view! { <Toggle key id=id.clone() /> }.into_any(),
        Kind::Choice(_) => view! { <Choice key id=id.clone() /> }.into_any(),
        Kind::Int { .. } | Kind::Float { .. } => view! { <Number key id=id.clone() /> }.into_any(),
    };
    let unit = (!row.unit.is_empty()).then(|| view! { <span class="unit">{row.unit}</span> });
    let on_reset = (row.applies == Applies::OnReset).then(|| {
        view! {
            <span class="on-reset" title="Changing this starts a new run">
                "applies on reset"
            </span>
        }
    });
    view! {
        <div class="control" hidden=move || !relevant.get()>
            <span class="label">
                <label for=id>{row.label}</label>
                {unit}
                <details class="help">
                    <summary aria-label=format!("Help on {}", row.label)>"?"</summary>
                    <p>{row.help}</p>
                </details>
                {on_reset}
            </span>
            {input}
        </div>
    }
}

/// A list of named options.
#[component]
pub fn Choice(key: Key, #[prop(optional, into)] id: Option<String>) -> impl IntoView {
    let state = use_state();
    let row = key.row();
    let options = match row.kind {
        Kind::Choice(options) => options,
        _ => &[],
    };
    let now = Memo::new(move |_| state.settings.with(|s| s.choice(key)));
    let label = |name: &str| match key {
        Key::Dataset => words::dataset(name).to_owned(),
        Key::Method => words::method(name).0.to_owned(),
        _ => words::option(name),
    };
    view! {
        <select
            id=id
            data-testid=test_id(key)
            title=row.help
            aria-label=row.label
            prop:value=move || now.get()
            on:change:target=move |event| state.set_text(key, &event.target().value())
        >
            {options
                .iter()
                .map(|name| {
                    view! {
                        <option value=*name selected=move || now.get() == *name>
                            {label(name)}
                        </option>
                    }
                })
                .collect_view()}
        </select>
    }
}

/// A box to tick.
#[component]
fn Toggle(key: Key, #[prop(into)] id: String) -> impl IntoView {
    let state = use_state();
    view! {
        <input
            type="checkbox"
            id=id
            data-testid=test_id(key)
            prop:checked=move || state.settings.with(|s| s.on(key))
            on:change:target=move |event| state.set(key, Value::Switch(event.target().checked()))
        />
    }
}

/// A ticked box with its label behind it, for the toolbar.
#[component]
pub fn Tick(key: Key) -> impl IntoView {
    view! {
        <label class="tick" title=key.row().help>
            <Toggle key id=format!("tick-{}", key.row().name) />
            {key.row().label}
        </label>
    }
}

/// A number to type and a slider to drag.
#[component]
fn Number(key: Key, #[prop(into)] id: String) -> impl IntoView {
    let state = use_state();
    let row = key.row();
    let (min, max) = match row.kind {
        Kind::Int { min, max } => (min.to_string(), max.to_string()),
        Kind::Float { min, max, .. } => (min.to_string(), max.to_string()),
        Kind::Choice(_) | Kind::Switch => return ().into_any(),
    };
    let waits = row.applies == Applies::OnReset;
    // What the slider shows while it is dragged and not yet committed.
    let dragged = RwSignal::new(None::<Value>);
    let shown = Memo::new(move |_| {
        let mut settings = state.settings.get();
        if let Some(value) = dragged.get() {
            settings.set(key, value);
        }
        (
            settings.text(key),
            scale::position(row.kind, settings.get(key)),
        )
    });
    let at = move |position: String| scale::value(row.kind, position.parse().unwrap_or(0));
    let commit = move |value: Option<Value>| {
        dragged.set(None);
        if let Some(value) = value {
            state.set(key, value);
        }
    };
    // Browsers step by 1, which would throw most real values to the end of their range.
    let whole = matches!(row.kind, Kind::Int { .. });
    let nudge = move |event: KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowUp" => 1,
            "ArrowDown" => -1,
            _ => return,
        };
        if !whole {
            event.prevent_default();
            let now = state.settings.with_untracked(|s| s.get(key));
            commit(scale::nudged(row.kind, now, by));
        }
    };
    view! {
        <input
            type="number"
            id=id
            step=if whole { "1" } else { "any" }
            on:keydown=nudge
            min=min
            max=max
            data-testid=test_id(key)
            prop:value=move || shown.with(|s| s.0.clone())
            on:change:target=move |event| {
                state.set_text(key, &event.target().value());
                event.target().set_value(&state.settings.with_untracked(|s| s.text(key)));
            }
        />
        <input
            type="range"
            min="0"
            max=scale::steps(row.kind).to_string()
            aria-label=format!("{}, slider", row.label)
            aria-valuetext=move || shown.with(|s| s.0.clone())
            prop:value=move || shown.with(|s| s.1.to_string())
            on:input:target=move |event| {
                let value = at(event.target().value());
                if waits { dragged.set(value) } else { commit(value) }
            }
            on:change:target=move |event| {
                if waits {
                    commit(at(event.target().value()));
                }
            }
        />
    }
    .into_any()
}
