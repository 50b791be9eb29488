//! A small image of bytes on a canvas of its own.

use crate::data::images::{NUMBERS, SIDE};
use leptos::html::Canvas;
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

/// An image `[3, SIDE, SIDE]`, or one channel of it `[SIDE, SIDE]`, which is shown as a heat map.
#[component]
pub fn Pixels(
    #[prop(into)] pixels: Signal<Vec<u8>>,
    #[prop(into)] label: Signal<String>,
) -> impl IntoView {
    let host = NodeRef::<Canvas>::new();
    Effect::new(move || {
        let Some(canvas) = host.get() else { return };
        let rgba = pixels.with(|pixels| rgba_of(pixels));
        paint(&canvas, SIDE as u32, SIDE as u32, &rgba);
    });
    view! { <canvas class="pixels" node_ref=host role="img" aria-label=move || label.get()></canvas> }
}

/// The small copy of an original.
#[component]
pub fn Thumb(size: (u32, u32), rgba: Vec<u8>, label: String) -> impl IntoView {
    let host = NodeRef::<Canvas>::new();
    Effect::new(move || {
        if let Some(canvas) = host.get() {
            paint(&canvas, size.0, size.1, &rgba);
        }
    });
    view! { <canvas class="thumb" node_ref=host role="img" aria-label=label></canvas> }
}

fn rgba_of(pixels: &[u8]) -> Vec<u8> {
    let count = SIDE * SIDE;
    match pixels.len() {
        NUMBERS => (0..count)
            .flat_map(|i| [pixels[i], pixels[count + i], pixels[2 * count + i], 255])
            .collect(),
        n if n == count => pixels
            .iter()
            .flat_map(|&v| {
                let [r, g, b] = crate::colour::sequential(f32::from(v) / 255.0);
                [r, g, b]
                    .map(|c| (255.0 * c) as u8)
                    .into_iter()
                    .chain([255])
            })
            .collect(),
        _ => vec![0; 4 * count],
    }
}

/// Makes a canvas this picture; one that the browser refuses stays empty.
fn paint(canvas: &HtmlCanvasElement, width: u32, height: u32, rgba: &[u8]) {
    canvas.set_width(width);
    canvas.set_height(height);
    let context = canvas.get_context("2d").ok().flatten();
    let Some(context) = context.and_then(|c| c.dyn_into::<CanvasRenderingContext2d>().ok()) else {
        return;
    };
    if let Ok(data) = ImageData::new_with_u8_clamped_array_and_sh(Clamped(rgba), width, height) {
        let _ = context.put_image_data(&data, 0.0, 0.0);
    }
}
