//! The pages of images in one frame: the model on the left serves both.
//!
//! Invariant: mounted once and never taken down, because its canvas belongs to the worker.

use super::model::ModelCard;
use super::sample::{Drawing, Drawn, Energies};
use super::score::{Reading, Scores};
use crate::app::view::page::Page;
use leptos::prelude::*;

#[component]
pub fn Workshop(page: Memo<Page>) -> impl IntoView {
    let samples = move || page.get() == Page::Sample;
    let scores = move || page.get() == Page::Score;
    view! {
        <div class="train pictures" class:score=scores hidden=move || !page.get().of_images()>
            <aside class="settings" aria-label="Settings">
                <ModelCard />
                <div hidden=move || !samples()>
                    <Drawing />
                </div>
                <div hidden=move || !scores()>
                    <Reading />
                </div>
            </aside>
            <section class="stage images" aria-label="Images" hidden=move || !samples()>
                <Drawn />
            </section>
            <aside class="measures" aria-label="What the energy says" hidden=move || !samples()>
                <Energies />
            </aside>
            <section class="scores" aria-label="Scores" hidden=move || !scores()>
                <Scores />
            </section>
        </div>
    }
}
