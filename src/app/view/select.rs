//! A row of buttons of which one is pressed.

use super::state::use_state;
use crate::app::words;
use crate::settings::{Key, Kind, Value};
use leptos::prelude::*;

/// A choice setting as a segmented control.
#[component]
pub fn Segmented(key: Key) -> impl IntoView {
    let state = use_state();
    let row = key.row();
    let options = match row.kind {
        Kind::Choice(options) => options,
        _ => &[],
    };
    let now = Memo::new(move |_| state.settings.with(|s| s.get(key)));
    view! {
        <div
            class="segmented"
            role="group"
            aria-label=row.label
            title=row.help
            data-testid=format!("set-{}", row.name)
        >
            {options
                .iter()
                .enumerate()
                .map(|(index, name)| {
                    view! {
                        <button
                            data-value=*name
                            aria-pressed=move || (now.get() == Value::Choice(index)).to_string()
                            on:click=move |_| state.set(key, Value::Choice(index))
                        >
                            {words::option(name)}
                        </button>
                    }
                })
                .collect_view()}
        </div>
    }
}
