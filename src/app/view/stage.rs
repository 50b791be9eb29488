//! The middle column: picture, toggles, large canvas, strip of levels.
//!
//! Invariant: the two canvas elements are made here by hand, once for each worker, because a canvas
//! can be handed to a worker only once.

use super::control::Tick;
use super::own_points::{OwnPoints, Tool};
use super::plane::Plane;
use super::select::Segmented;
use super::state::use_state;
use super::strip::Strip;
use super::wire::Canvases;
use crate::settings::Key;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{HtmlCanvasElement, HtmlDivElement, OffscreenCanvas};

#[component]
pub fn Stage() -> impl IntoView {
    let state = use_state();
    let plane = NodeRef::<Div>::new();
    let strip = NodeRef::<Div>::new();
    let tool = RwSignal::new(Tool::Draw);
    Effect::new(move || {
        state.generation.track();
        let (Some(plane), Some(strip)) = (plane.get(), strip.get()) else {
            return;
        };
        let made = offscreen(&plane, "canvas").and_then(|plane| {
            Ok(Canvases {
                plane,
                strip: offscreen(&strip, "strip-canvas")?,
            })
        });
        match made {
            Ok(canvases) => state.start(canvases),
            Err(error) => state.fault.set(Some(crate::thrown::message_of(&error))),
        }
    });
    view! {
        <section class="stage" aria-label="Picture">
            <div class="tools">
                <Segmented key=Key::Picture />
                <div class="ticks">
                    <Tick key=Key::ShowData />
                    <Tick key=Key::ShowChains />
                    <Tick key=Key::ShowScores />
                    <Tick key=Key::ShowContours />
                </div>
            </div>
            <OwnPoints tool />
            <Plane host=plane tool />
            <Strip host=strip />
        </section>
    }
}

/// Puts a fresh canvas into `host` and gives its drawing side away.
pub fn offscreen(host: &HtmlDivElement, test_id: &str) -> Result<OffscreenCanvas, JsValue> {
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_attribute("data-testid", test_id)?;
    host.replace_children_with_node_1(&canvas);
    canvas.transfer_control_to_offscreen()
}
