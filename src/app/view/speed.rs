//! The Lab page's benchmarks: how fast this machine moves chains and trains, with kernels and without.

use super::state::use_state;
use crate::app::run::Run;
use crate::app::timings::{Rates, rates, words};
use crate::app::words::number;
use crate::protocol::{Backend, Command, Subject};
use leptos::prelude::*;

const MOST_ROUNDS: usize = 100;

#[component]
pub fn Speed() -> impl IntoView {
    let state = use_state();
    let rounds = RwSignal::new(10usize);
    // What is still to be timed, last first.
    let queue = RwSignal::new(Vec::<Subject>::new());
    let done = Memo::new(move |_| state.run.with(|run| run.timings.len()));
    let on_gpu = Memo::new(move |_| state.run.with(|run| run.backend == Some(Backend::WebGpu)));
    let busy = Memo::new(move |_| queue.with(|queue| !queue.is_empty()));
    // Before there is a device its worker would be asked in vain.
    let ready = Memo::new(move |_| state.run.with(|run| run.lab.is_some()));
    let next = move || {
        if let Some(subject) = queue.with_untracked(|queue| queue.last().copied()) {
            state.send(Command::Time(subject));
        }
    };
    // One at a time: a timing is asked for when the one before has come.
    Effect::new(move |before: Option<usize>| {
        let now = done.get();
        if before.is_some_and(|before| now > before) {
            queue.update(|queue| {
                queue.pop();
            });
            next();
        }
        now
    });
    let start = move |_| {
        // A run beside it would be timed too.
        state.send(Command::Pause);
        let software = |run: &Run| run.lab.as_ref().is_some_and(|lab| lab.software);
        let software = state.run.with_untracked(software);
        let subjects = Subject::on(on_gpu.get_untracked(), software).rev();
        let subjects: Vec<Subject> = subjects.collect();
        queue.set(subjects.repeat(rounds.get_untracked()));
        next();
    };
    let set_rounds = move |event| {
        let asked: usize = event_target_value(&event).parse().unwrap_or(1);
        rounds.set(asked.clamp(1, MOST_ROUNDS));
    };
    view! {
        <h2>"Speed"</h2>
        <p class="quiet">
            "1,024 MALA chains on a network of three hidden layers of 128, and iterations of four-rings-da-ebm, in turn: with Basin's kernels, and by tensor operations one by one. Training rests meanwhile."
        </p>
        <div class="buttons">
            <label>
                "Rounds "
                <input
                    type="number"
                    min="1"
                    max=MOST_ROUNDS
                    data-testid="rounds"
                    prop:value=rounds
                    on:change=set_rounds
                />
            </label>
            <button
                data-testid="measure"
                disabled=move || busy.get() || !ready.get()
                on:click=start
            >
                "Measure"
            </button>
            <button disabled=move || !busy.get() on:click=move |_| queue.set(Vec::new())>
                "Stop"
            </button>
            <span class="quiet" role="status">
                {move || match queue.with(Vec::len) {
                    0 => String::new(),
                    left => format!("{left} to go"),
                }}
            </span>
        </div>
        <div class="scroll-across" data-testid="speed" data-busy=move || busy.get().to_string()>
            {move || state.run.with(|run| table(&rates(&run.timings)))}
        </div>
    }
}

fn table(rates: &[Rates]) -> Option<impl IntoView + use<>> {
    if rates.is_empty() {
        return None;
    }
    let rows = rates.iter().map(|rates| {
        let (what, unit) = words(rates.subject);
        let [median, least, most] = rates.summary().map(|rate| number(rate as f32));
        let all: Vec<String> = rates.rates.iter().map(f64::to_string).collect();
        view! {
            <tr data-subject=rates.subject.name() data-rates=all.join(" ")>
                <th scope="row">{what}</th>
                <td>{median}</td>
                <td>{least}</td>
                <td>{most}</td>
                <td>{unit}</td>
                <td>{rates.rates.len()}</td>
            </tr>
        }
    });
    Some(view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">"what"</th>
                    <th scope="col">"median"</th>
                    <th scope="col">"least"</th>
                    <th scope="col">"most"</th>
                    <th scope="col">"unit"</th>
                    <th scope="col">"timings"</th>
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    })
}
