//! The playback bar: of the Train page and the Lab, and its parts for a comparison.

use super::control::Choice;
use super::state::{State, use_state};
use crate::protocol::Command;
use crate::settings::Key;
use leptos::prelude::*;

#[component]
pub fn Transport() -> impl IntoView {
    let state = use_state();
    let playing = Memo::new(move |_| state.run.with(|run| run.playing));
    let iteration = Memo::new(move |_| state.run.with(|run| run.iteration));
    let rate = Memo::new(move |_| {
        let rate = state
            .run
            .with(|run| if run.playing { run.rate } else { 0.0 });
        match rate {
            r if r <= 0.0 => String::new(),
            r if r < 10.0 => format!("{r:.1} a second"),
            r => format!("{r:.0} a second"),
        }
    });
    let act = move |command| state.send(command);
    view! {
        <footer>
            <Playback playing act step="One iteration (S)" />
            <p class="count">
                <b data-testid="step">{move || iteration.get()}</b>
                <span>" iterations"</span>
                <span class="rate">{move || rate.get()}</span>
            </p>
            <span class="grow"></span>
            <label class="inline">
                "Speed "
                <Choice key=Key::Speed />
            </label>
            <Seed state />
        </footer>
    }
}

/// Play, pause, step and reset; `step` says what one step is.
#[component]
pub fn Playback(
    playing: Memo<bool>,
    act: impl Fn(Command) + Copy + 'static,
    step: &'static str,
) -> impl IntoView {
    let pressed = move |when: bool| (playing.get() == when).to_string();
    view! {
        <div class="segmented" role="group" aria-label="Playback">
            <button
                data-testid="play"
                title="Play (Space)"
                aria-pressed=move || pressed(true)
                on:click=move |_| act(Command::Play)
            >
                "Play"
            </button>
            <button
                data-testid="pause"
                title="Pause (Space)"
                aria-pressed=move || pressed(false)
                on:click=move |_| act(Command::Pause)
            >
                "Pause"
            </button>
        </div>
        <button data-testid="step-once" title=step on:click=move |_| act(Command::Step)>
            "Step"
        </button>
        <button data-testid="reset" title="Start again (R)" on:click=move |_| act(Command::Reset)>
            "Reset"
        </button>
    }
}

/// The seed of a run, or of all columns of a comparison.
#[component]
pub fn Seed(state: State) -> impl IntoView {
    view! {
        <label class="inline">
            "Seed "
            <input
                data-testid="seed"
                type="number"
                min="0"
                max="4294967295"
                title=Key::Seed.row().help
                prop:value=move || state.settings.with(|s| s.text(Key::Seed))
                on:change:target=move |event| {
                    state.set_text(Key::Seed, &event.target().value());
                    event.target().set_value(&state.settings.with_untracked(|s| s.text(Key::Seed)));
                }
            />
        </label>
    }
}
