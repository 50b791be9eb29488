//! The Score page: how unlike the training images the visitor's own are.

use super::control::ImageControl;
use super::histogram::Histograms;
use super::own::DropZone;
use super::studio::use_studio;
use super::table::{Rows, Sorting};
use crate::app::gallery::Gallery;
use crate::app::outlying::{meaning, percentile};
use crate::app::score_table::{Order, best_column, to_csv, to_json};
use crate::settings::ImageKey;
use crate::weights::reference::{COLUMNS, column};
use leptos::prelude::*;

/// How the visitor's images become what the model sees.
#[component]
pub fn Reading() -> impl IntoView {
    view! {
        <h2>"How your images are read"</h2>
        <p class="quiet">"The model sees 32 by 32 pixels."</p>
        <ImageControl key=ImageKey::Fit />
        <ImageControl key=ImageKey::Filter />
        <ImageControl key=ImageKey::Background />
        <h2>"What scores are"</h2>
        <p class="quiet">
            "Each score is higher the more unlike the training images an image is. The percentile is the share of training images (of those kept for comparison) that score lower. No score decides anything by itself: look at the histograms, and at where scores differ."
        </p>
    }
}

/// The images and their scores.
#[component]
pub fn Scores() -> impl IntoView {
    let studio = use_studio();
    let best = Memo::new(move |_| studio.gallery.with(best_column));
    let sorting = Sorting {
        order: RwSignal::new(Order::Arrival),
        descending: RwSignal::new(false),
        text: RwSignal::default(),
        least: RwSignal::new(0.0),
        best,
    };
    let ids = Memo::new(move |_| sorting.ids());
    let picked = RwSignal::new(None::<usize>);
    let shown = Memo::new(move |_| picked.get().unwrap_or(best.get()));
    let progress = Memo::new(move |_| studio.gallery.with(Gallery::progress));
    let any = Memo::new(move |_| studio.gallery.with(|g| !g.own.is_empty()));
    let options = (0..COLUMNS).map(|c| {
        let (score, corrected) = column(c);
        let suffix = if corrected {
            ", corrected for complexity"
        } else {
            ""
        };
        view! {
            <option value=c.to_string() selected=move || shown.get() == c>
                {format!("{}{suffix}", score.name())}
            </option>
        }
    });
    let export = move |csv: bool| {
        let rows = ids.get_untracked();
        let (name, text, mime) = studio.gallery.with_untracked(|g| match csv {
            true => ("scores.csv", to_csv(g, &rows), "text/csv"),
            false => ("scores.json", to_json(g, &rows), "application/json"),
        });
        studio.state.save(name, text.as_bytes(), mime);
    };
    view! {
            <DropZone />
            <div class="score-tools">
                <label class="inline">
                    "Histogram of "
                    <select
                        data-testid="histogram-of"
                        on:change:target=move |event| picked.set(event.target().value().parse().ok())
                    >
                        {options.collect_view()}
                    </select>
                </label>
                <p class="quiet">{move || meaning(column(shown.get()).0)}</p>
            </div>
            <Histograms column=shown />
            <div class="score-tools" hidden=move || !any.get()>
                <p class="count" data-testid="scored" role="status">
                    {move || {
                        let (done, all) = progress.get();
                        format!("{done} of {all} scored")
                    }}
                </p>
                <progress
                    max=move || progress.get().1.max(1).to_string()
                    prop:value=move || progress.get().0 as f64
                    hidden=move || { progress.get().0 == progress.get().1 }
                    aria-label="Images scored"
                ></progress>
                <label class="inline">
                    "Name "
                    <input
                        type="search"
                        placeholder="filter"
                        aria-label="Show only names that hold this"
                        on:input:target=move |event| sorting.text.set(event.target().value())
                    />
                </label>
                <label class="inline">
                    "At least "
                    <input
                        type="range"
                        min="0"
                        max="100"
                        value="0"
                        data-testid="least"
                        aria-label="Show only images at or above this percentile"
                        on:input:target=move |event| {
                            sorting.least.set(event.target().value().parse().unwrap_or(0.0));
                        }
                    />
                    <span class="count">{move || match sorting.least.get() {
                            0.0 => "any".to_owned(),
                            least => percentile(least),
                        }}</span>
                </label>
                <button
                    title="Back to the order in which they came"
                    on:click=move |_| {
                        sorting.order.set(Order::Arrival);
                        sorting.descending.set(false);
                    }
                >
                    "As dropped"
                </button>
                <span class="grow"></span>
                <button data-testid="export-csv" on:click=move |_| export(true)>"CSV"</button>
                <button data-testid="export-json" on:click=move |_| export(false)>"JSON"</button>
            </div>
            <div hidden=move || !any.get()>
                <Rows sorting ids />
            </div>
    }
}
