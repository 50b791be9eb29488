//! Masses of the modes against the truth.

use super::state::use_state;
use crate::app::words::number;
use leptos::prelude::*;

/// What one mode holds.
#[derive(Clone, PartialEq)]
struct Mode {
    name: String,
    truth: f32,
    model: Option<f32>,
    chains: Option<f32>,
}

#[component]
pub fn Masses() -> impl IntoView {
    let state = use_state();
    let modes = Memo::new(move |_| {
        state.run.with(|run| {
            let modes = run
                .started
                .iter()
                .flat_map(|started| &started.modes)
                .enumerate();
            modes
                .map(|(k, (name, truth))| Mode {
                    name: name.clone(),
                    truth: *truth,
                    model: run.report.mass_model.get(k).copied(),
                    chains: run.report.mass_chains.get(k).copied(),
                })
                .collect::<Vec<_>>()
        })
    });
    // The longest bar fills its cell.
    let full = Memo::new(move |_| {
        modes.with(|modes| {
            let masses = modes
                .iter()
                .flat_map(|m| [Some(m.truth), m.model])
                .flatten();
            masses.filter(|v| v.is_finite()).fold(1e-6, f32::max) * 1.1
        })
    });
    let share = move |mass: f32| format!("{:.4}", (mass / full.get()).clamp(0.0, 1.0));
    let cell = |mass: Option<f32>| mass.map_or_else(|| "–".into(), |m| format!("{m:.3}"));
    let rows = move || {
        modes
            .get()
            .into_iter()
            .map(|mode| {
                view! {
                    <tr>
                        <th scope="row">{mode.name.clone()}</th>
                        <td class="bar" aria-hidden="true">
                            <i style=("--share", share(mode.model.unwrap_or(0.0)))></i>
                            <b style=("--share", share(mode.truth))></b>
                        </td>
                        <td>{cell(mode.model)}</td>
                        <td>{cell(mode.chains)}</td>
                        <td>{number(mode.truth)}</td>
                    </tr>
                }
            })
            .collect_view()
    };
    view! {
        <section class="card" hidden=move || modes.with(Vec::is_empty)>
            <h2>"Mass of each mode"</h2>
            <div class="scroll">
                <table class="masses">
                    <thead>
                        <tr>
                            <th scope="col">"mode"</th>
                            <td aria-hidden="true"></td>
                            <th scope="col">"model"</th>
                            <th scope="col">"chains"</th>
                            <th scope="col">"truth"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </section>
    }
}
