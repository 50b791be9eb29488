//! The images being drawn: the worker's canvas, and a button over each of them.
//!
//! Invariant: the canvas is made here by hand, once for each worker, because it can be handed over only
//! once.

use super::studio::use_studio;
use crate::app::view::stage::offscreen;
use crate::app::words::number;
use crate::protocol::ImageCommand;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::ResizeObserver;

/// Longest side of the canvas in device pixels.
const LONGEST: f64 = 1600.0;

/// Images in a row of a grid of so many.
pub fn across(count: usize) -> u32 {
    (count as f64).sqrt().ceil().max(1.0) as u32
}

#[component]
pub fn Grid() -> impl IntoView {
    let studio = use_studio();
    let host = NodeRef::<Div>::new();
    let width = RwSignal::new(0.0);
    Effect::new(move || {
        studio.state.generation.track();
        let Some(host) = host.get() else { return };
        match offscreen(&host, "grid") {
            Ok(canvas) => studio.start(canvas),
            Err(error) => {
                let message = crate::thrown::message_of(&error);
                studio.state.fault.set(Some(message));
            }
        }
    });
    Effect::new(move || {
        let Some(host) = host.get() else { return };
        let element = host.clone();
        let measure = move || width.set(f64::from(element.client_width()));
        measure();
        let on_resize = Closure::<dyn FnMut()>::new(measure);
        if let Ok(observer) = ResizeObserver::new(on_resize.as_ref().unchecked_ref()) {
            observer.observe(&host);
        }
        // The element lives as long as the page, and so does what watches it.
        on_resize.forget();
    });
    let count = Memo::new(move |_| {
        let frame = studio.gallery.with(|g| {
            let frame = g.frame.as_ref().map(|f| f.energies.len());
            frame.or(g.drawing.map(|images| images as usize))
        });
        frame.unwrap_or_else(|| {
            studio
                .settings
                .with(|s| s.int(crate::settings::ImageKey::Count))
        })
    });
    Effect::new(move || {
        studio.state.generation.track();
        let (across, width) = (across(count.get()), width.get());
        let down = (count.get() as u32).div_ceil(across);
        // Whole device pixels an image, so that all small squares are equal.
        let dense = (width * window().device_pixel_ratio()).min(LONGEST);
        let cell = (dense / f64::from(across)).floor().max(1.0) as u32;
        if width > 0.0 {
            studio.send(ImageCommand::Grid {
                width: cell * across,
                height: cell * down,
                across,
            });
        }
    });
    let shape = move || {
        let across = across(count.get());
        let down = (count.get() as u32).div_ceil(across);
        format!("{across} / {down}")
    };
    let empty = move || studio.gallery.with(|g| g.frame.is_none());
    let buttons = move || {
        let shown = studio.gallery.with(|g| g.frame.is_some());
        let count = if shown { count.get() } else { 0 };
        (0..count as u32)
            .map(|i| view! { <Cell i /> })
            .collect_view()
    };
    view! {
        <div class="grid" class:empty=empty style:aspect-ratio=shape>
            <div class="grid-canvas" node_ref=host></div>
            <div
                class="grid-cells"
                style=("--across", move || across(count.get()).to_string())
                role="group"
                aria-label="Images"
            >
                {buttons}
            </div>
            <p class="hint" hidden=move || !empty()>
                {move || match studio.gallery.with(|g| g.loaded.is_some()) {
                    true => "Press Draw: the images appear here as they form.",
                    false => "Load a model, then press Draw: the images appear here as they form.",
                }}
            </p>
        </div>
    }
}

/// The button over an image, which says what is known of it.
#[component]
fn Cell(i: u32) -> impl IntoView {
    let studio = use_studio();
    let fact = move || {
        studio.gallery.with(|g| {
            let frame = g.frame.as_ref()?;
            let (energy, level) = (
                frame.energies.get(i as usize)?,
                frame.levels.get(i as usize)?,
            );
            Some((*energy, *level))
        })
    };
    let label = move || match fact() {
        Some((energy, level)) => {
            format!(
                "Image {}: energy {}, noise level {level}",
                i + 1,
                number(energy)
            )
        }
        None => format!("Image {}", i + 1),
    };
    view! {
        <button
            aria-label=label
            title=label
            aria-pressed=move || (studio.chosen.get() == Some(i)).to_string()
            on:click=move |_| {
                studio.chosen.update(|c| *c = if *c == Some(i) { None } else { Some(i) });
            }
        ></button>
    }
}
