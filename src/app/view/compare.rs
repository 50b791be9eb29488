//! The Compare page: up to four methods on one data set and one seed, side by side.
//!
//! Invariant: canvases for every lane are made once for each worker; columns that are not shown keep
//! theirs, and do nothing.

use super::bench::Bench;
use super::own_points::Tool;
use super::plane::Plane;
use super::select::Segmented;
use super::stage::offscreen;
use super::state::{State, use_state};
use super::strip::Strip;
use super::transport::{Playback, Seed};
use super::wire::Canvases;
use crate::app::ablation::{self, Ablation};
use crate::app::run::Run;
use crate::app::words::{self, number};
use crate::protocol::Command;
use crate::settings::{Clock, DATASETS, FEWEST, Key, METHODS, MOST};
use leptos::context::Provider;
use leptos::html::Div;
use leptos::prelude::*;

/// KL below which a method counts as having learned the density.
const LEARNED: f32 = 0.1;

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
                let message = super::browser::message_of(&error);
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
                data-testid="add-column"
                disabled=move || { bench.count() >= MOST }
                on:click=move |_| bench.add()
            >
                "Add a method"
            </button>
        </div>
    }
}

#[component]
fn Column(bench: Bench, index: usize, hosts: Hosts) -> impl IntoView {
    let state = use_state();
    let method = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Method)));
    let kl = Memo::new(move |_| state.run.with(kl_of));
    let iteration = Memo::new(move |_| state.run.with(|run| run.iteration));
    let length = Memo::new(move |_| state.settings.with(|s| s.int(Key::Iterations)));
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

/// KL(truth ‖ model) of the newest report.
fn kl_of(run: &Run) -> Option<f32> {
    run.history.rows().last().map(|row| row.kl_truth_model)
}

/// Total variation of the model's mode masses from the true ones; NaN before a report.
fn mass_error(run: &Run) -> f32 {
    let modes = run.started.iter().flat_map(|started| &started.modes);
    let gaps = modes
        .zip(&run.report.mass_model)
        .map(|((_, truth), mass)| (truth - mass).abs());
    match run.report.mass_model.is_empty() {
        true => f32::NAN,
        false => gaps.sum::<f32>() / 2.0,
    }
}

/// Seconds of training at the first report with KL below [`LEARNED`].
fn time_to_learn(run: &Run) -> Option<f64> {
    let rows = run.history.rows().iter();
    let mut learned = rows.filter(|row| row.kl_truth_model < LEARNED);
    learned.next().map(|row| row.seconds)
}

/// A row of the table: its name, what it means, and how a column's cell is read.
type Measure = (&'static str, &'static str, fn(State) -> String);

const MEASURES: &[Measure] = &[
    ("KL, truth to model", "nats, summed on the grid", |s| {
        s.run.with(|r| kl_of(r).map_or_else(|| "–".into(), number))
    }),
    (
        "KL, model to truth",
        "nats; large where the model puts mass that the truth lacks",
        |s| {
            s.run.with(|r| {
                r.history
                    .rows()
                    .last()
                    .map_or_else(|| "–".into(), |row| number(row.kl_model_truth))
            })
        },
    ),
    (
        "Error of the masses",
        "share of the probability that sits in the wrong mode",
        |s| s.run.with(|r| number(mass_error(r))),
    ),
    (
        "MMD² of samples",
        "of the points on show to fresh data; chains that start at data are near them by construction",
        |s| {
            s.run
                .with(|r| number(r.history.rows().last().map_or(f32::NAN, |row| row.mmd)))
        },
    ),
    (
        "Energy evaluations",
        "a training iteration, points counted one by one",
        |s| s.settings.with(|s| s.evaluations().to_string()),
    ),
    (
        "Milliseconds",
        "a training iteration, mean of the run",
        |s| {
            s.run.with(|r| {
                let each = r.report.seconds * 1e3 / r.report.iteration as f64;
                number(each as f32)
            })
        },
    ),
    (
        "Time to KL < 0.1",
        "seconds of training, at the first report that says so",
        |s| {
            s.run
                .with(|r| time_to_learn(r).map_or_else(|| "–".into(), |t| format!("{t:.1} s")))
        },
    ),
    ("Training time", "seconds", |s| {
        s.run.with(|r| format!("{:.1} s", r.report.seconds))
    }),
];

#[component]
fn Table(bench: Bench) -> impl IntoView {
    let head = move || {
        let columns = bench.columns().into_iter();
        columns
            .map(|column| {
                let name = move || {
                    column
                        .settings
                        .with(|s| words::method(s.choice(Key::Method)).0)
                };
                view! { <th scope="col">{name}</th> }
            })
            .collect_view()
    };
    let rows = MEASURES
        .iter()
        .enumerate()
        .map(|(row, (name, meaning, read))| {
            let cells = move || {
                let columns = bench.columns().into_iter();
                columns
                    .map(|column| {
                        let text = Memo::new(move |_| read(column));
                        view! { <td>{move || text.get()}</td> }
                    })
                    .collect_view()
            };
            view! {
                <tr data-testid=format!("measure-{row}")>
                    <th scope="row">
                        {*name}
                        <small>{*meaning}</small>
                    </th>
                    {cells}
                </tr>
            }
        });
    view! {
        <div class="scroll-across">
            <table class="compared" data-testid="compared">
                <thead>
                    <tr>
                        <td></td>
                        {head}
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
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
