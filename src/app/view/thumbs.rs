//! Pictures of the data sets to choose from.
//!
//! Invariant: each picture is the exact density, computed here once and one at a time, so that the
//! page stays answerable meanwhile.

use super::state::use_state;
use crate::app::words;
use crate::data::Density;
use crate::settings::{DATASETS, DEFAULT_PRESET, Key, Preset, Settings};
use gloo_timers::future::TimeoutFuture;
use leptos::html::Canvas;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// Cells per side, and the half-width of the square shown.
const SIDE: usize = 48;
const HALF: f32 = 5.0;

/// Colours of matplotlib's "magma" at equal steps.
const MAGMA: [[u8; 3]; 9] = [
    [0, 0, 4],
    [28, 16, 68],
    [79, 18, 123],
    [129, 37, 129],
    [181, 54, 122],
    [229, 80, 100],
    [251, 135, 97],
    [254, 194, 135],
    [252, 253, 191],
];

#[component]
pub fn Thumbs() -> impl IntoView {
    view! {
        <div class="thumbs" role="group" aria-label="Data sets">
            {DATASETS.iter().enumerate().map(|(index, name)| view! { <Thumb index name /> }).collect_view()}
        </div>
    }
}

#[component]
fn Thumb(index: usize, name: &'static str) -> impl IntoView {
    let state = use_state();
    let canvas = NodeRef::<Canvas>::new();
    let on = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Dataset) == name));
    let own = name == "points";
    let settings = Memo::new(move |_| {
        let preset = Preset::of(name, "cd", DEFAULT_PRESET.size());
        let mut settings = preset.map(Preset::settings).unwrap_or_default();
        if own {
            settings.points = state.settings.with(|s| s.points.clone());
            if settings.points.is_empty() {
                settings.points = PENCIL.to_vec();
            }
        }
        settings
    });
    Effect::new(move || {
        let (Some(canvas), settings) = (canvas.get(), settings.get()) else {
            return;
        };
        spawn_local(async move {
            // After the first paint, each in a turn of its own.
            TimeoutFuture::new(60 + 12 * index as u32).await;
            paint(&canvas, &settings);
        });
    });
    view! {
        <button
            title=words::dataset(name)
            aria-label=words::dataset(name)
            aria-pressed=move || on.get().to_string()
            on:click=move |_| state.set_text(Key::Dataset, name)
        >
            <canvas node_ref=canvas width=SIDE.to_string() height=SIDE.to_string()></canvas>
        </button>
    }
}

/// What stands for the visitor's points before there are any.
const PENCIL: [[f32; 2]; 7] = [
    [-3.0, -1.5],
    [-2.0, 0.8],
    [-1.0, 1.6],
    [0.0, 0.0],
    [1.0, -1.6],
    [2.0, -0.8],
    [3.0, 1.5],
];

fn paint(canvas: &HtmlCanvasElement, settings: &Settings) {
    // A data set that has no density yet has no picture either.
    let Ok(density) = Density::from_settings(settings) else {
        return;
    };
    let logs = density.log_density_grid([0.0; 2], HALF, SIDE, 1.0, 0.0);
    let top = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut pixels = Vec::with_capacity(4 * logs.len());
    // Grids run upwards, images downwards.
    for row in logs.chunks_exact(SIDE).rev() {
        for log in row {
            // The root of the density: thin shapes next to broad ones stay visible.
            let [r, g, b] = magma(((log - top) / 2.0).exp());
            pixels.extend([r, g, b, 255]);
        }
    }
    let side = SIDE as u32;
    let context = canvas.get_context("2d").ok().flatten();
    let context = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok());
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(&pixels), side, side);
    if let (Some(context), Ok(image)) = (context, image) {
        // Fails only for coordinates that are no numbers.
        let _ = context.put_image_data(&image, 0.0, 0.0);
    }
}

/// The colour of a share in 0..=1.
fn magma(share: f32) -> [u8; 3] {
    let at = share.clamp(0.0, 1.0) * (MAGMA.len() - 1) as f32;
    let low = (at as usize).min(MAGMA.len() - 2);
    let part = at - low as f32;
    std::array::from_fn(|c| {
        let (a, b) = (f32::from(MAGMA[low][c]), f32::from(MAGMA[low + 1][c]));
        (a + (b - a) * part).round() as u8
    })
}
