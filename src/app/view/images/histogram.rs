//! Where the visitor's images lie among known ones, in one score.

use super::studio::use_studio;
use crate::weights::reference::Table;
use leptos::prelude::*;

/// Size of the drawing in its own units.
const WIDTH: f32 = 600.0;
const HEIGHT: f32 = 150.0;

/// Sets that are drawn by default, the first filled.
const SHOWN: usize = 5;

/// The histograms of a column's sets as lines, with a mark for each image of the visitor's.
#[component]
pub fn Histograms(column: Memo<usize>) -> impl IntoView {
    let studio = use_studio();
    let table = Memo::new(move |_| {
        studio.gallery.with(|g| {
            let reference = g.loaded.as_ref()?.reference.as_ref()?;
            reference.tables.get(column.get()).cloned()
        })
    });
    // A first look shows a few sets; the rest wait behind their keys.
    let hidden = RwSignal::new(Vec::<String>::new());
    Effect::new(move |before: Option<bool>| {
        let done = before.unwrap_or_default();
        let Some(table) = table.get().filter(|_| !done) else {
            return done;
        };
        hidden.set(
            table
                .histograms
                .iter()
                .skip(SHOWN)
                .map(|h| h.set.clone())
                .collect(),
        );
        true
    });
    let marks = Memo::new(move |_| {
        studio.gallery.with(|g| {
            let scores = g.own.iter().filter_map(|(id, own)| {
                Some((*id, own.name.clone(), *own.scores.get(column.get())?))
            });
            scores.collect::<Vec<_>>()
        })
    });
    let picture = move || {
        let table = table.get()?;
        let marks = marks.get();
        Some(view! { <Picture table=table hidden marks /> })
    };
    view! {
        <div class="histograms">
            {move || picture().map_or_else(
                || view! {
                    <p class="quiet">"The scores of known images appear here with a shipped model."</p>
                }.into_any(),
                IntoAny::into_any,
            )}
        </div>
    }
}

#[component]
fn Picture(
    table: Table,
    hidden: RwSignal<Vec<String>>,
    marks: Vec<(u32, String, f32)>,
) -> impl IntoView {
    let [low, high] = table.range;
    let place = move |score: f32| ((score - low) / (high - low)).clamp(0.0, 1.0) * WIDTH;
    let lines = table.histograms.iter().enumerate().map(|(i, h)| {
        let (name, path) = (h.set.clone(), outline(&h.counts));
        let shown = move || hidden.with(|names| !names.contains(&name));
        view! { <path class=format!("set set-{}", i % 10) class:filled=i == 0 class:off=move || !shown() d=path></path> }
    });
    let keys = table.histograms.iter().enumerate().map(|(i, h)| {
        let name = h.set.clone();
        let (a, b) = (name.clone(), name.clone());
        let area = h.auroc.map(|area| format!(" {area:.2}"));
        view! {
            <button
                class=format!("key set-{}", i % 10)
                aria-pressed=move || hidden.with(|names| !names.contains(&a)).to_string()
                title="Show or hide this set; the number is its AUROC against CIFAR-10's test images"
                on:click=move |_| {
                    hidden.update(|names| match names.iter().position(|n| *n == b) {
                        Some(at) => drop(names.remove(at)),
                        None => names.push(b.clone()),
                    });
                }
            >
                <i aria-hidden="true"></i>
                {name}
                <small>{area}</small>
            </button>
        }
    });
    let count = marks.len();
    let marks = marks.into_iter().map(|(_, name, score)| {
        let x = place(score);
        view! {
            <line class="mark" x1=x x2=x y1="0" y2=HEIGHT>
                <title>{name}</title>
            </line>
        }
    });
    view! {
        <svg
            viewBox=format!("0 -4 {WIDTH} {}", HEIGHT + 8.0)
            preserveAspectRatio="none"
            role="img"
            aria-label=format!("Histograms of known images' scores, with {count} marks for yours")
        >
            {lines.collect_view()}
            {marks.collect_view()}
        </svg>
        <p class="axis"><span>{crate::app::words::number(low)}</span><span>"more outlying →"</span><span>{crate::app::words::number(high)}</span></p>
        <div class="keys" role="group" aria-label="Sets">{keys.collect_view()}</div>
    }
}

/// A histogram as the outline of its bars, its highest bar reaching the top.
fn outline(counts: &[u32]) -> String {
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f32;
    let width = WIDTH / counts.len() as f32;
    let mut path = format!("M0 {HEIGHT}");
    for (i, &count) in counts.iter().enumerate() {
        let y = HEIGHT * (1.0 - count as f32 / most);
        path += &format!(
            "L{:.1} {y:.1}L{:.1} {y:.1}",
            i as f32 * width,
            (i + 1) as f32 * width
        );
    }
    path + &format!("L{WIDTH} {HEIGHT}Z")
}
