//! Where an image's scores come from: maps of the gradient, energies over the levels, and what a few
//! Langevin steps make of it.

use super::pixels::Pixels;
use super::studio::use_studio;
use crate::app::gallery::Own;
use crate::app::outlying::{meaning, percentile};
use crate::app::words::number;
use crate::data::images::SIDE;
use crate::protocol::{Explained, ImageCommand};
use crate::weights::reference::{COLUMNS, Score, column};
use leptos::prelude::*;

#[component]
pub fn Explain(id: u32) -> impl IntoView {
    let studio = use_studio();
    let own = Memo::new(move |_| studio.gallery.with(|g| g.own.get(&id).cloned()));
    let missing = Memo::new(move |_| {
        own.with(|own| {
            own.as_ref()
                .is_some_and(|own| own.explained.is_none() && !own.scores.is_empty())
        })
    });
    Effect::new(move || {
        if missing.get() {
            studio.send(ImageCommand::Explain { id });
        }
    });
    view! {
        {move || own.get().map(|own| view! { <Scores own /> })}
        {move || match own.get().and_then(|own| own.explained) {
            Some(explained) => view! { <Maps explained /> }.into_any(),
            None => view! { <p class="quiet">"Looking at where the scores come from…"</p> }.into_any(),
        }}
    }
}

/// Every score with its percentile.
#[component]
fn Scores(own: Own) -> impl IntoView {
    let rows = Score::ALL.iter().enumerate().map(|(i, score)| {
        let cell = |c: usize| {
            let value = own
                .scores
                .get(c)
                .copied()
                .map_or_else(|| "–".into(), number);
            let rank = own
                .percentiles
                .get(c)
                .copied()
                .map_or_else(|| "–".into(), percentile);
            (value, rank)
        };
        let plain = cell(i);
        let corrected = (0..COLUMNS)
            .find(|&c| column(c) == (*score, true))
            .map_or_else(|| cell(i), cell);
        view! {
            <tr title=meaning(*score)>
                <th scope="row">{score.name()}</th>
                <td>{plain.0}</td>
                <td>{plain.1}</td>
                <td>{corrected.0}</td>
                <td>{corrected.1}</td>
            </tr>
        }
    });
    view! {
        <div class="scroll-across">
            <table class="all-scores">
                <thead>
                    <tr>
                        <th scope="col">"score"</th>
                        <th scope="col">"value"</th>
                        <th scope="col">"percentile"</th>
                        <th scope="col" title="Less what the size of the image's PNG file predicts (Serrà et al. 2020)">
                            "corrected"
                        </th>
                        <th scope="col">"percentile"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Maps(explained: Explained) -> impl IntoView {
    let count = explained.noise.len();
    // Four of the levels: fine to coarse.
    let chosen: Vec<usize> = match count {
        0..=4 => (0..count).collect(),
        _ => (0..4).map(|i| i * (count - 1) / 3).collect(),
    };
    let maps = chosen.into_iter().filter_map(|level| {
        let size = SIDE * SIDE;
        let map = explained.gradients.get(level * size..(level + 1) * size)?.to_vec();
        let noise = number(explained.noise[level]);
        Some(view! {
            <figure>
                <Pixels
                    pixels=Signal::stored(map)
                    label=Signal::stored(format!("Length of the gradient at each pixel at noise {noise}"))
                />
                <figcaption>{format!("gradient, noise {noise}")}</figcaption>
            </figure>
        })
    });
    let steps = explained.steps;
    let rows = (0..count).map(|i| {
        view! {
            <tr>
                <th scope="row">{number(explained.noise[i])}</th>
                <td>{number(explained.energies[i])}</td>
                <td>{number(explained.norms[i])}</td>
            </tr>
        }
    });
    view! {
        <div class="maps">
            <figure>
                <Pixels
                    pixels=Signal::stored(explained.before.clone())
                    label=Signal::stored("The image as the model saw it".to_owned())
                />
                <figcaption>"as the model saw it"</figcaption>
            </figure>
            {maps.collect_view()}
            <figure>
                <Pixels
                    pixels=Signal::stored(explained.after.clone())
                    label=Signal::stored(format!("After {steps} Langevin steps"))
                />
                <figcaption>{format!("after {steps} Langevin steps")}</figcaption>
            </figure>
            <Curve norms=explained.norms.clone() noise=explained.noise.clone() />
        </div>
        <details>
            <summary>"Numbers"</summary>
            <table class="all-scores">
                <thead>
                    <tr>
                        <th scope="col">"noise"</th>
                        <th scope="col">"E(x, t)"</th>
                        <th scope="col">"|∂E/∂x|"</th>
                    </tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </details>
    }
}

/// The profile against that of training images: logarithms of the gradient's lengths over the levels.
#[component]
fn Curve(norms: Vec<f32>, noise: Vec<f32>) -> impl IntoView {
    const WIDTH: f32 = 180.0;
    const HEIGHT: f32 = 90.0;
    let studio = use_studio();
    let usual = studio.gallery.with_untracked(|g| {
        let reference = g.loaded.as_ref().and_then(|l| l.reference.as_ref());
        reference.map(|r| {
            r.fit
                .profile
                .mean
                .iter()
                .map(|&m| m as f32)
                .collect::<Vec<_>>()
        })
    });
    let own: Vec<f32> = norms.iter().map(|n| n.max(1e-12).ln()).collect();
    let all = || own.iter().chain(usual.iter().flatten());
    let (low, high) = all().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let line = |values: &[f32]| {
        let step = WIDTH / (values.len().max(2) - 1) as f32;
        let place = |(i, v): (usize, &f32)| {
            let y = HEIGHT * (1.0 - (v - low) / (high - low).max(1e-6));
            format!("{:.1},{y:.1}", i as f32 * step)
        };
        values
            .iter()
            .enumerate()
            .map(place)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let ends = [noise.first(), noise.last()].map(|n| n.map_or_else(String::new, |n| number(*n)));
    view! {
        <figure class="curve">
            <svg
                viewBox=format!("-4 -4 {} {}", WIDTH + 8.0, HEIGHT + 8.0)
                role="img"
                aria-label="Length of the gradient over noise levels: this image's and the mean of training images"
            >
                {usual.as_ref().map(|u| view! { <polyline class="usual" points=line(u)></polyline> })}
                <polyline class="this" points=line(&own)></polyline>
            </svg>
            <figcaption>
                {format!("log |∂E/∂x| at noise {} to {}; grey: training images", ends[0], ends[1])}
            </figcaption>
        </figure>
    }
}
