//! Notices and faults, in sight until dismissed.

use super::state::use_state;
use leptos::prelude::*;

#[component]
pub fn Notes() -> impl IntoView {
    let state = use_state();
    let any = Memo::new(move |_| state.notes.with(|notes| !notes.is_empty()));
    view! {
        <div class="messages">
            <Show when=move || state.fault.with(Option::is_some)>
                <div class="fault" role="alert">
                    <p>
                        <b>"Something broke: "</b>
                        {move || state.fault.get()}
                    </p>
                    <button class="primary" on:click=move |_| state.restart()>
                        "Restart"
                    </button>
                    <button on:click=move |_| state.fault.set(None)>"Dismiss"</button>
                </div>
            </Show>
            <Show when=move || any.get()>
                <ul class="notes" data-testid="notice">
                    <For each=move || state.notes.get() key=|note| note.id let:note>
                        <li class:warning=note.warning>
                            <span>{note.text}</span>
                            <button
                                class="plain"
                                aria-label="Dismiss this notice"
                                on:click=move |_| {
                                    state.notes.update(|notes| notes.retain(|other| other.id != note.id));
                                }
                            >
                                "×"
                            </button>
                        </li>
                    </For>
                </ul>
            </Show>
        </div>
    }
}
