//! Curves over iterations, each with its numbers as a table.
//!
//! Invariant: a chart draws at most [`COLUMNS`] points a curve, however long the run.

use super::state::use_state;
use crate::app::history::Row;
use crate::app::words::number;
use leptos::prelude::*;
use web_sys::HtmlDetailsElement;

/// Most points drawn, and the size of the drawing in its own units.
const COLUMNS: usize = 280;
const WIDTH: f64 = 280.0;
const HEIGHT: f64 = 64.0;

/// Rows of the table of numbers.
const LINES: usize = 16;

/// Values below it are drawn at it on a logarithmic axis.
const FLOOR: f64 = 1e-4;

/// A curve: its name and the column of the history it shows.
#[derive(Clone, Copy)]
pub struct Curve {
    pub name: &'static str,
    pub value: fn(&Row) -> f32,
}

#[derive(Clone, Default, PartialEq)]
struct Drawing {
    curves: Vec<String>,
    low: f64,
    high: f64,
    last: Option<Row>,
}

/// Curves that share one axis.
#[component]
pub fn Chart(
    label: &'static str,
    curves: &'static [Curve],
    #[prop(optional)] log: bool,
) -> impl IntoView {
    let state = use_state();
    let drawing = Memo::new(move |_| state.run.with(|run| draw(run.history.rows(), curves, log)));
    let lines = (0..curves.len()).map(|k| {
        let points = move || drawing.with(|d| d.curves.get(k).cloned().unwrap_or_default());
        view! { <polyline class=format!("curve-{k}") points=points /> }
    });
    let said = move || {
        drawing.with(|d| match d.last {
            None => format!("{label}: no numbers yet"),
            Some(row) => {
                let now: Vec<String> = curves
                    .iter()
                    .map(|c| format!("{} {}", c.name, number((c.value)(&row))))
                    .collect();
                format!("{label} at iteration {}: {}", row.iteration, now.join(", "))
            }
        })
    };
    let high = move || drawing.with(|d| d.last.map(|_| number(d.high as f32)));
    let low = move || drawing.with(|d| d.last.map(|_| number(d.low as f32)));
    let legend = (curves.len() > 1).then(|| {
        let names = curves.iter().enumerate().map(|(k, curve)| {
            view! { <span class=format!("curve-{k}")>{curve.name}</span> }
        });
        view! { <p class="legend">{names.collect_view()}</p> }
    });
    view! {
        <figure class="chart">
            <div class="drawing">
                <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=said>
                    {lines.collect_view()}
                </svg>
                <span class="high">{high}</span>
                <span class="low">{low}</span>
            </div>
            {legend}
            <Numbers label curves />
        </figure>
    }
}

/// The numbers of a chart, evenly spaced over the run.
#[component]
fn Numbers(label: &'static str, curves: &'static [Curve]) -> impl IntoView {
    let state = use_state();
    let open = RwSignal::new(false);
    let body = move || {
        let rows = state.run.with(|run| spread(run.history.rows(), LINES));
        rows.into_iter()
            .rev()
            .map(|row| {
                let cells = curves
                    .iter()
                    .map(|c| view! { <td>{number((c.value)(&row))}</td> });
                view! {
                    <tr>
                        <th scope="row">{row.iteration}</th>
                        {cells.collect_view()}
                    </tr>
                }
            })
            .collect_view()
    };
    let heads = curves
        .iter()
        .map(|curve| view! { <th scope="col">{curve.name}</th> })
        .collect_view();
    view! {
        <details on:toggle:target=move |event| {
            let details: HtmlDetailsElement = event.target();
            open.set(details.open());
        }>
            <summary>"Numbers"</summary>
            <table aria-label=label>
                <thead>
                    <tr>
                        <th scope="col">"iteration"</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{move || open.get().then(body)}</tbody>
            </table>
        </details>
    }
}

/// At most `most` rows, the newest among them.
fn spread(rows: &[Row], most: usize) -> Vec<Row> {
    let stride = rows.len().div_ceil(most).max(1);
    let mut some: Vec<Row> = rows.iter().rev().step_by(stride).copied().collect();
    some.reverse();
    some
}

fn draw(rows: &[Row], curves: &[Curve], log: bool) -> Drawing {
    let rows = spread(rows, COLUMNS);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Drawing::default();
    };
    let height = |v: f32| {
        if log {
            f64::from(v).max(FLOOR).ln()
        } else {
            f64::from(v)
        }
    };
    let heights = || {
        let values = rows
            .iter()
            .flat_map(|row| curves.iter().map(move |c| (c.value)(row)));
        values.filter(|v| v.is_finite()).map(height)
    };
    let low = heights().fold(f64::INFINITY, f64::min);
    let high = heights().fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return Drawing::default();
    }
    let across = (last.iteration - first.iteration).max(1) as f64;
    let up = if high > low { high - low } else { 1.0 };
    let curves = curves.iter().map(|curve| {
        let mut points = String::new();
        for row in rows.iter().filter(|row| (curve.value)(row).is_finite()) {
            let x = (row.iteration - first.iteration) as f64 / across * WIDTH;
            let y = HEIGHT - 2.0 - (height((curve.value)(row)) - low) / up * (HEIGHT - 4.0);
            points.push_str(&format!("{x:.1},{y:.1} "));
        }
        points
    });
    let value = |v: f64| if log { v.exp() } else { v };
    Drawing {
        curves: curves.collect(),
        low: value(low),
        high: value(high),
        last: Some(*last),
    }
}
