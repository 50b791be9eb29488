//! The right column: how far the model is from the truth, and how training goes.

use super::bars::Masses;
use super::chart::{Chart, Curve};
use super::comparison::SameEnergy;
use super::state::use_state;
use crate::app::words::number;
use leptos::prelude::*;
use web_sys::HtmlDetailsElement;

const KL: &[Curve] = &[
    Curve {
        name: "truth to model",
        value: |row| row.kl_truth_model,
    },
    Curve {
        name: "model to truth",
        value: |row| row.kl_model_truth,
    },
];
const LOSS: &[Curve] = &[Curve {
    name: "loss",
    value: |row| row.loss,
}];
const GAP: &[Curve] = &[Curve {
    name: "chains minus data",
    value: |row| row.energy_gap,
}];
const ACCEPTANCE: &[Curve] = &[Curve {
    name: "acceptance",
    value: |row| row.acceptance,
}];

#[component]
pub fn Measures() -> impl IntoView {
    view! {
        <aside class="measures" aria-label="Measurements">
            <Divergence />
            <Masses />
            <SameEnergy />
            <Training />
            <Levels />
        </aside>
    }
}

#[component]
fn Divergence() -> impl IntoView {
    let state = use_state();
    let kl = Memo::new(move |_| {
        state
            .run
            .with(|run| run.history.rows().last().map(|row| row.kl_truth_model))
    });
    let text = move || match kl.get() {
        Some(v) if v.is_finite() && v < 10.0 => format!("{v:.3}"),
        Some(v) => number(v),
        None => "–".into(),
    };
    let facts = move || {
        let run = state.run.read();
        let report = &run.report;
        [
            ("KL, model to truth", number(report.kl_model_truth), "nats"),
            ("log Z", number(report.log_z), ""),
            ("MMD², chains to data", number(report.mmd), ""),
        ]
        .map(|(name, value, unit)| {
            view! {
                <div>
                    <dt>{name}</dt>
                    <dd>{value} " " {unit}</dd>
                </div>
            }
        })
        .into_iter()
        .collect_view()
    };
    view! {
        <section class="card">
            <p class="big">
                <b data-testid="kl" data-value=move || kl.get().map(|v| v.to_string())>
                    {text}
                </b>
                <small>"nats, KL from truth to model"</small>
            </p>
            <Chart label="KL divergence, logarithmic" curves=KL log=true />
            <p class="quiet">"No sampling: both densities are summed over the cells of the grid, so these should be finer than the finest mode."</p>
            <dl>{facts}</dl>
        </section>
    }
}

#[component]
fn Training() -> impl IntoView {
    let state = use_state();
    let loss = Memo::new(move |_| {
        state
            .run
            .with(|run| run.last_losses.back().map(|(_, loss)| loss.to_string()))
    });
    let first = Memo::new(move |_| {
        state.run.with(|run| {
            let losses: Vec<String> = run.first_losses.iter().map(f32::to_string).collect();
            losses.join(",")
        })
    });
    let facts = move || {
        let run = state.run.read();
        let report = &run.report;
        [
            ("Gradient length", number(report.gradient)),
            ("Learning rate", number(report.learning_rate)),
            (
                "Weights",
                run.started.as_ref().map_or(0, |s| s.parameters).to_string(),
            ),
            ("Training time", format!("{:.0} s", report.seconds)),
        ]
        .map(|(name, value)| {
            view! {
                <div>
                    <dt>{name}</dt>
                    <dd>{value}</dd>
                </div>
            }
        })
        .into_iter()
        .collect_view()
    };
    view! {
        <section class="card">
            <h2>
                "Loss"
                <b
                    data-testid="loss"
                    data-value=move || loss.get()
                    data-losses=move || first.get()
                >
                    {move || loss.get().unwrap_or_else(|| "–".into())}
                </b>
            </h2>
            <Chart label="Loss, mean of each report" curves=LOSS />
            <LastLosses />
            <h2>"Energy gap"</h2>
            <Chart label="Mean energy of chains minus that of data" curves=GAP />
            <h2>"Acceptance"</h2>
            <Chart label="Acceptance, mean over levels" curves=ACCEPTANCE />
            <dl>{facts}</dl>
        </section>
    }
}

/// Single losses in full precision, newest first.
#[component]
fn LastLosses() -> impl IntoView {
    let state = use_state();
    let open = RwSignal::new(false);
    let body = move || {
        let losses = state.run.with(|run| run.last_losses.clone());
        losses
            .into_iter()
            .rev()
            .map(|(iteration, loss)| {
                view! {
                    <tr>
                        <th scope="row">{iteration}</th>
                        <td>{loss.to_string()}</td>
                    </tr>
                }
            })
            .collect_view()
    };
    view! {
        <details on:toggle:target=move |event| {
            let details: HtmlDetailsElement = event.target();
            open.set(details.open());
        }>
            <summary>"The last 50 losses"</summary>
            <div class="scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"iteration"</th>
                            <th scope="col">"loss"</th>
                        </tr>
                    </thead>
                    <tbody>{move || open.get().then(body)}</tbody>
                </table>
            </div>
        </details>
    }
}

/// How the chains fare at each noise level.
#[component]
fn Levels() -> impl IntoView {
    let state = use_state();
    let rows = move || {
        let run = state.run.read();
        let report = &run.report;
        let at =
            |values: &[f32], t: usize| values.get(t).map_or_else(|| "–".into(), |v| number(*v));
        (0..run.levels() as usize)
            .map(|t| {
                view! {
                    <tr>
                        <th scope="row">{t}</th>
                        <td>{at(&report.acceptance, t)}</td>
                        <td>{at(&report.step_size, t)}</td>
                        <td>{at(&report.level_share, t)}</td>
                    </tr>
                }
            })
            .collect_view()
    };
    view! {
        <section class="card">
            <h2>"Noise levels"</h2>
            <table>
                <thead>
                    <tr>
                        <th scope="col">"level t"</th>
                        <th scope="col">"accept"</th>
                        <th scope="col">"step"</th>
                        <th scope="col">"share"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}
