//! Same energy, two chains: short and long runs, from noise and from data, side by side.

use super::control::Control;
use super::state::use_state;
use crate::app::run::Run;
use crate::app::words::{self, number};
use crate::protocol::{ChainRun, Command};
use crate::settings::Key;
use leptos::html::Canvas;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Short and long, from noise and from data.
const PLOTS: usize = 4;

/// Side of a plot in pixels, and the half-width of the square it shows.
const SIDE: u32 = 260;
const HALF: f64 = 5.0;

/// Colours of the plots, the same in both themes like the large picture's.
const GROUND: &str = "#150b2b";
const POINT: &str = "#7fe3d4";

#[component]
pub fn SameEnergy() -> impl IntoView {
    let state = use_state();
    let comparing = Memo::new(move |_| state.run.with(|run| run.comparing));
    let any = Memo::new(move |_| state.run.with(|run| run.comparison.is_some()));
    let verdict = Memo::new(move |_| {
        state
            .run
            .with(|run| run.comparison.as_ref().map(words::verdict))
    });
    let tempts = Memo::new(move |_| {
        let is_pcd = state.settings.with(|s| s.choice(Key::Method) == "pcd");
        let disagree = verdict.with(|v| v.as_ref().is_some_and(|v| v.agree == Some(false)));
        !is_pcd && !comparing.get() && !disagree
    });
    let click = move |_| {
        if comparing.get_untracked() {
            state.run.update(Run::stop_comparing);
            state.send(Command::StopCompare);
        } else {
            state.run.update(Run::compare);
            state.send(Command::Compare);
        }
    };
    let plots = (0..PLOTS).map(|index| view! { <Plot index /> });
    let text = move || match verdict.get() {
        Some(verdict) => verdict.text,
        None if comparing.get() => "Running…".into(),
        None => {
            "Do short chains show what the energy says? Run both on the energy as it is now.".into()
        }
    };
    let agree = move || {
        verdict
            .get()
            .and_then(|v| v.agree)
            .map(|agree| agree.to_string())
    };
    view! {
        <section class="card">
            <h2>
                "Same energy, two chains"
                <button data-testid="compare" on:click=click>
                    {move || if comparing.get() { "Stop" } else { "Run both" }}
                </button>
            </h2>
            <div class="plots" hidden=move || !any.get()>
                {plots.collect_view()}
            </div>
            <p class="verdict" data-testid="verdict" data-agree=agree>
                {text}
                <Show when=move || tempts.get()>
                    " With persistent CD they do not: "
                    <button class="link" on:click=move |_| state.set_text(Key::Method, "pcd")>
                        "see it fail"
                    </button>
                    "."
                </Show>
            </p>
            <details>
                <summary>"Lengths"</summary>
                <Control key=Key::ShortSteps />
                <Control key=Key::LongSteps />
            </details>
        </section>
    }
}

#[component]
fn Plot(index: usize) -> impl IntoView {
    let state = use_state();
    let canvas = NodeRef::<Canvas>::new();
    let run = Memo::new(move |_| {
        state
            .run
            .with(|run| run.comparison.as_ref()?.runs.get(index).cloned())
    });
    Effect::new(move || {
        if let Some(canvas) = canvas.get() {
            run.with(|run| paint(&canvas, run.as_ref().map_or(&[], |run| &run.points)));
        }
    });
    let sampled = Memo::new(move |_| {
        state.run.with(|run| {
            run.comparison
                .as_ref()
                .is_some_and(|c| c.runs.iter().any(|r| r.steps == 0))
        })
    });
    let caption = move || {
        run.get().map(|ChainRun { from_data, steps, masses, mmd, acceptance, ess, r_hat, .. }| {
            let start = match (from_data, sampled.get()) {
                (true, _) => "data",
                (false, true) => "samples",
                (false, false) => "noise",
            };
            let masses: Vec<String> = masses.iter().map(|m| format!("{m:.2}")).collect();
            let masses = (masses.len() > 1).then(|| {
                view! { <small class="one-line" title=masses.join(" ")>"masses " {masses.join(" ")}</small> }
            });
            let mixing = ess.is_finite().then(|| {
                view! { <small>{format!("ESS {ess:.0}, split R-hat {r_hat:.2}")}</small> }
            });
            view! {
                {match steps {
                    0 => "samples".to_owned(),
                    steps => format!("{steps} steps from {start}"),
                }}
                <small>{format!("MMD² {}, accept {}", number(mmd), number(acceptance))}</small>
                {masses}
                {mixing}
            }
        })
    };
    view! {
        <figure hidden=move || run.with(Option::is_none)>
            <canvas node_ref=canvas width=SIDE.to_string() height=SIDE.to_string() aria-hidden="true"></canvas>
            <figcaption>{caption}</figcaption>
        </figure>
    }
}

fn paint(canvas: &HtmlCanvasElement, points: &[[f32; 2]]) {
    let context = canvas.get_context("2d").ok().flatten();
    let Some(context) = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok()) else {
        return;
    };
    let side = f64::from(SIDE);
    context.set_fill_style_str(GROUND);
    context.fill_rect(0.0, 0.0, side, side);
    context.set_fill_style_str(POINT);
    for [x, y] in points {
        let at = |v: f32| (f64::from(v) / HALF + 1.0) * side / 2.0;
        context.fill_rect(at(*x) - 1.0, side - at(*y) - 1.0, 2.0, 2.0);
    }
}
