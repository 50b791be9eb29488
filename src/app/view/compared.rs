//! What a comparison comes to: one table of numbers for all columns, and the masses of their modes.

use super::bench::Bench;
use super::state::State;
use crate::app::run::Run;
use crate::app::words::{self, Groups, number};
use crate::metric::modes::total_variation;
use crate::protocol::{ChainRun, Comparison};
use crate::settings::Key;
use leptos::prelude::*;

/// KL below which a method counts as having learned the density.
const LEARNED: f32 = 0.1;

/// KL(truth ‖ model) of the newest report.
pub fn kl_of(run: &Run) -> Option<f32> {
    run.history.rows().last().map(|row| row.kl_truth_model)
}

/// Total variation of the model's mode masses from the true ones; NaN before a report.
fn mass_error(run: &Run) -> f32 {
    let modes = run.started.iter().flat_map(|started| &started.modes);
    let truth: Vec<f32> = modes.map(|(_, mass)| *mass).collect();
    match run.report.mass_model.as_slice() {
        [] => f32::NAN,
        model => total_variation(model, &truth),
    }
}

/// Seconds of training at the first report with KL below [`LEARNED`].
fn time_to_learn(run: &Run) -> Option<f64> {
    let rows = run.history.rows().iter();
    let mut learned = rows.filter(|row| row.kl_truth_model < LEARNED);
    learned.next().map(|row| row.seconds)
}

/// A number of one group of the newest comparison of short and long chains, if there is one.
fn of_chains(
    state: State,
    group: for<'a> fn(&Groups<'a>) -> &'a ChainRun,
    measure: fn(&Comparison, &ChainRun) -> Option<f32>,
) -> String {
    let value = state.run.with(|run| {
        let comparison = run.comparison.as_ref()?;
        measure(comparison, group(&Groups::of(comparison)?))
    });
    value.map_or_else(|| "–".into(), number)
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
        "drawn from noise by “Sample all”, each method's own way, to fresh data",
        |s| of_chains(s, |g| g.samples(), |_, run| Some(run.mmd)),
    ),
    ("Samples: error of the masses", "of those samples", |s| {
        of_chains(s, |g| g.samples(), words::off_the_truth)
    }),
    (
        "Long run: error of the masses",
        "of the long chains from data that “Sample all” runs",
        |s| of_chains(s, |g| g.from_data, words::off_the_truth),
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
pub fn Table(bench: Bench) -> impl IntoView {
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
                        <Names bench />
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

/// The mass of each mode in every column, next to the true one.
#[component]
pub fn Masses(bench: Bench) -> impl IntoView {
    let modes = Memo::new(move |_| {
        let modes = |run: &Run| Some(run.started.as_ref()?.modes.clone());
        let column = bench.columns().into_iter().next();
        column.and_then(|c| c.run.with(modes)).unwrap_or_default()
    });
    let rows = move || {
        let modes = modes.get().into_iter().enumerate();
        modes
            .map(|(mode, (name, truth))| {
                let cells = bench.columns().into_iter().map(|column| {
                    let mass = Memo::new(move |_| {
                        column
                            .run
                            .with(|run| run.report.mass_model.get(mode).copied())
                    });
                    let text = move || mass.get().map_or_else(|| "–".into(), |m| format!("{m:.3}"));
                    view! { <td>{text}</td> }
                });
                view! {
                    <tr>
                        <th scope="row">{name}</th>
                        <td>{format!("{truth:.3}")}</td>
                        {cells.collect_view()}
                    </tr>
                }
            })
            .collect_view()
    };
    view! {
        <details class="card" data-testid="masses-compared" hidden=move || { modes.with(Vec::len) < 2 }>
            <summary>"Mass of each mode"</summary>
            <div class="scroll-across">
                <table class="compared">
                    <thead>
                        <tr>
                            <td></td>
                            <th scope="col">"Truth"</th>
                            <Names bench />
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

/// A head for every column.
#[component]
fn Names(bench: Bench) -> impl IntoView {
    move || {
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
    }
}
