//! The Compare page: up to four methods on one data set and one seed, side by side.
//!
//! Invariant: canvases for every lane are made once for each worker; columns that are not shown keep
//! theirs, and do nothing.

use super::bench::Bench;
use super::compared::{Masses, Table, kl_of};
use super::control::Control;
use super::own_points::Tool;
use super::plane::Plane;
use super::select::Segmented;
use super::stage::offscreen;
use super::state::use_state;
use super::strip::Strip;
use super::transport::{Playback, Seed};
use super::wire::Canvases;
use crate::app::ablation::{self, Ablation};
use crate::app::words::{self, number};
use crate::protocol::Command;
use crate::settings::{Clock, DATASETS, FEWEST, Key, METHODS, MOST};
use leptos::context::Provider;
use leptos::html::Div;
use leptos::prelude::*;

/// The places of a lane's two canvases.
#[derive(Clone, Copy)]
struct Hosts {
    plane: NodeRef<Div>,
    strip: NodeRef<Div>,
}

#[component]
pub fn Compare(bench: Bench) -> impl IntoView {
    let hosts: [Hosts; MOST] = std::array::from_fn(|_| Hosts {
        plane: NodeRef::new(),
        strip: NodeRef::new(),
    });
    Effect::new(move || {
        bench.first().generation.track();
        let made: Option<Result<Vec<Canvases>, _>> = hosts
            .iter()
            .map(|hosts| Some((hosts.plane.get()?, hosts.strip.get()?)))
            .map(|pair| {
                pair.map(|(plane, strip)| {
                    Ok(Canvases {
                        plane: offscreen(&plane, "compare-canvas")?,
                        strip: offscreen(&strip, "compare-strip")?,
                    })
                })
            })
            .collect();
        match made {
            None => {}
            Some(Ok(canvases)) => bench.start(canvases),
            Some(Err(error)) => {
                let message = crate::thrown::message_of(&error);
                bench.first().fault.set(Some(message));
            }
        }
    });
    let columns = hosts.into_iter().enumerate().map(|(index, hosts)| {
        view! {
            <Provider value=bench.lane(index)>
                <Column bench index hosts />
            </Provider>
        }
    });
    view! {
        <Provider value=bench.first()>
            <Head bench />
        </Provider>
        <div class="columns" style=("--columns", move || bench.count().to_string())>
            {columns.collect_view()}
        </div>
        <Table bench />
        <Masses bench />
    }
}

/// What all columns share.
#[component]
fn Head(bench: Bench) -> impl IntoView {
    let state = use_state();
    let data = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Dataset)));
    let options = DATASETS.iter().map(|name| {
        view! {
            <option value=*name selected=move || data.get() == *name>
                {words::dataset(name)}
            </option>
        }
    });
    let clocks = [
        (
            Clock::Iterations,
            "Iterations",
            "Every column makes as many iterations, whatever they cost",
        ),
        (
            Clock::Time,
            "Time",
            "Every column gets as much training time, however many iterations that is",
        ),
    ];
    let clocks = clocks.map(|(clock, name, title)| {
        view! {
            <button
                title=title
                data-value=clock.name()
                aria-pressed=move || (bench.clock() == clock).to_string()
                on:click=move |_| bench.set_clock(clock)
            >
                {name}
            </button>
        }
    });
    view! {
        <div class="compare-head">
            <label class="inline">
                "Data "
                <select
                    data-testid="compare-data"
                    prop:value=move || data.get()
                    on:change:target=move |event| bench.set_data(&event.target().value())
                >
                    {options.collect_view()}
                </select>
            </label>
            <span class="inline" id="clock-label">"Keep step by "</span>
            <div class="segmented" role="group" aria-labelledby="clock-label" data-testid="compare-clock">
                {clocks}
            </div>
            <Segmented key=Key::Picture />
            <span class="grow"></span>
            <button
                data-testid="sample-all"
                title="Draw samples from noise and run long chains from data in every column, on its energy as it is now"
                on:click=move |_| bench.sample()
            >
                {move || if bench.sampling() { "Stop sampling" } else { "Sample all" }}
            </button>
            <button
                data-testid="add-column"
                disabled=move || { bench.count() >= MOST }
                on:click=move |_| bench.add()
            >
                "Add a method"
            </button>
        </div>
        <details class="lengths">
            <summary>"Lengths of the chains that “Sample all” runs"</summary>
            <Control key=Key::ShortSteps />
            <Control key=Key::LongSteps />
        </details>
    }
}

#[component]
fn Column(bench: Bench, index: usize, hosts: Hosts) -> impl IntoView {
    let state = use_state();
    let method = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Method)));
    let kl = Memo::new(move |_| state.run.with(kl_of));
    let iteration = Memo::new(move |_| state.run.with(|run| run.iteration));
    let length = Memo::new(move |_| state.settings.with(|s| s.int(Key::Iterations)));
    let verdict = Memo::new(move |_| {
        state.run.with(|run| {
            let comparison = run.comparison.as_ref()?;
            let said = words::verdict(comparison).text;
            Some(format!(
                "Samples and long run at iteration {}: {said}",
                comparison.iteration
            ))
        })
    });
    let tool = RwSignal::new(Tool::Move);
    let options = METHODS.iter().map(|name| {
        view! {
            <option value=*name selected=move || method.get() == *name>
                {words::method(name).0}
            </option>
        }
    });
    let switches = move || {
        let switches = ablation::of(method.get());
        switches
            .map(|ablation| view! { <Switch ablation /> })
            .collect_view()
    };
    // How many of the switches are not at their defaults.
    let changed = move || {
        let count = state.settings.with(|s| {
            let switches = ablation::of(s.choice(Key::Method));
            switches.filter(|a| s.text(a.key) != a.choices[0].0).count()
        });
        (count > 0).then(|| format!(": {count} changed"))
    };
    view! {
        <section
            class="column"
            hidden=move || bench.place(index).is_none()
            style:order=move || bench.place(index).unwrap_or_default().to_string()
            aria-label=move || words::method(method.get()).0
            data-testid=format!("column-{index}")
        >
            <div class="column-head">
                <select
                    aria-label="Method"
                    data-testid=format!("method-{index}")
                    prop:value=move || method.get()
                    on:change:target=move |event| bench.set_method(index, &event.target().value())
                >
                    {options.collect_view()}
                </select>
                <button
                    class="plain"
                    aria-label="Take this column away"
                    title="Take this column away"
                    disabled=move || { bench.count() <= FEWEST }
                    on:click=move |_| bench.remove(index)
                >
                    "×"
                </button>
            </div>
            <p class="column-kl">
                <b data-testid=format!("kl-{index}") data-value=move || kl.get().map(|v| v.to_string())>
                    {move || kl.get().map_or_else(|| "–".into(), number)}
                </b>
                <small>" nats to the truth"</small>
                <span class="count">
                    <b data-testid=format!("step-{index}")>{move || iteration.get()}</b>
                    {move || format!(" of {}", length.get())}
                </span>
            </p>
            <Plane host=hosts.plane tool />
            <Strip host=hosts.strip />
            <p class="quiet">{move || words::method(method.get()).1}</p>
            <p class="quiet" data-testid=format!("verdict-{index}") hidden=move || verdict.with(Option::is_none)>
                {move || verdict.get()}
            </p>
            <details class="switches" hidden=move || ablation::of(method.get()).next().is_none()>
                <summary>"Ablations"{changed}</summary>
                {switches}
            </details>
        </section>
    }
}

/// One ablation switch, and a sentence on what it does once it is not at its default.
#[component]
fn Switch(ablation: &'static Ablation) -> impl IntoView {
    let state = use_state();
    let Ablation {
        key, name, choices, ..
    } = *ablation;
    let now = Memo::new(move |_| state.settings.with(|s| s.text(key)));
    let changed = move || now.get() != choices[0].0;
    let buttons = choices.iter().map(|(value, label)| {
        view! {
            <button
                data-value=*value
                aria-pressed=move || (now.get() == *value).to_string()
                on:click=move |_| {
                    state.set_text(key, value);
                    // What a link replays: the switch as it is, from the start.
                    state.send(Command::Reset);
                }
            >
                {*label}
            </button>
        }
    });
    view! {
        <div class="switch" class:changed=changed data-testid=format!("switch-{}", key.row().name)>
            <span class="name">{name}</span>
            <div class="segmented small" role="group" aria-label=name>
                {buttons.collect_view()}
            </div>
            <p class="quiet">{ablation.watch}</p>
        </div>
    }
}

/// The playback bar of a comparison.
#[component]
pub fn CompareTransport(bench: Bench) -> impl IntoView {
    let playing = Memo::new(move |_| bench.playing());
    let act = move |command| bench.send(&command);
    view! {
        <footer>
            <Playback playing act step="One iteration of every column (S)" />
            <span class="grow"></span>
            <Seed state=bench.first() />
        </footer>
    }
}
