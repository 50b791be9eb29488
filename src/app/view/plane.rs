//! The large canvas under the visitor's hand: zoom, pan, read-out, drawing of points.
//!
//! Invariant: pointers are tracked by id from down to up or cancel, so one finger pans or draws
//! and two pinch, however they come and go.

use super::browser::per_frame;
use super::own_points::{MOST, SPACING, Tool};
use super::state::{State, use_state};
use crate::app::lens::Lens;
use crate::app::words::number;
use crate::protocol::Command;
use crate::settings::Key;
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{
    AddEventListenerOptions, Element, KeyboardEvent, MouseEvent, PointerEvent, ResizeObserver,
    WheelEvent,
};

/// Longest side of the drawing in device pixels; beyond it sharpness is no longer seen.
const LONGEST: f64 = 2400.0;

/// One press of an arrow key moves this share of the picture; `+` and `-` zoom by [`ZOOM`].
const NUDGE: f32 = 0.1;
const ZOOM: f32 = 1.25;

/// Radius of the eraser in CSS pixels.
const ERASER: f32 = 14.0;

#[component]
pub fn Plane(host: NodeRef<Div>, tool: RwSignal<Tool>) -> impl IntoView {
    let state = use_state();
    let size = RwSignal::new([1.0_f32, 1.0]);
    let fingers = RwSignal::new(Vec::<(i32, [f32; 2])>::new());
    // The points while a stroke is under way; settings take them when it ends.
    let stroke = RwSignal::new(None::<Vec<[f32; 2]>>);
    let draws = Memo::new(move |_| {
        state.settings.with(|s| s.choice(Key::Dataset) == "points") && tool.get() != Tool::Move
    });

    watch_size(state, host, size);
    watch_wheel(state, host, size);
    let show = per_frame(move |()| state.send(Command::Camera(state.camera())));
    Effect::new(move || {
        state.lens.track();
        state.sizes.track();
        show(());
    });
    let ask = StoredValue::new_local(per_frame(move |at| state.send(Command::Probe(at))));
    let over = RwSignal::new(false);
    let probe = move |at: Option<[f32; 2]>| {
        over.set(at.is_some());
        ask.with_value(|ask| ask(at));
    };

    let touch = move |at: [f32; 2]| {
        let size = size.get_untracked();
        let point = state.lens.get_untracked().to_data(at, size);
        let reach = state.lens.get_untracked().half * 2.0 * ERASER / size[0].min(size[1]).max(1.0);
        stroke.update(|stroke| {
            let Some(points) = stroke else { return };
            let far = |p: &[f32; 2], d: f32| (p[0] - point[0]).hypot(p[1] - point[1]) > d;
            if tool.get_untracked() == Tool::Erase {
                points.retain(|p| far(p, reach));
            } else if points.len() < MOST && points.last().is_none_or(|p| far(p, SPACING)) {
                points.push(point);
            }
        });
    };
    let down = move |event: PointerEvent| {
        if event.button() != 0 {
            return;
        }
        let at = place(&event);
        if let Some(element) = event
            .current_target()
            .and_then(|t| t.dyn_into::<Element>().ok())
        {
            // A pointer that is already gone cannot be captured, and then need not be.
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        fingers.update(|fingers| fingers.push((event.pointer_id(), at)));
        if draws.get_untracked() && fingers.with_untracked(Vec::len) == 1 {
            stroke.set(Some(state.settings.with_untracked(|s| s.points.clone())));
            touch(at);
        }
    };
    let moved = move |event: PointerEvent| {
        let at = place(&event);
        let before = fingers.get_untracked();
        let Some(index) = before.iter().position(|(id, _)| *id == event.pointer_id()) else {
            probe(Some(
                state.lens.get_untracked().to_data(at, size.get_untracked()),
            ));
            return;
        };
        let mut after = before.clone();
        after[index].1 = at;
        let size = size.get_untracked();
        if stroke.with_untracked(Option::is_some) {
            touch(at);
        } else if let ([a, b], [c, d]) = (before.as_slice(), after.as_slice()) {
            state
                .lens
                .update(|lens| *lens = lens.pinched([a.1, b.1], [c.1, d.1], size));
        } else {
            let by = [at[0] - before[index].1[0], at[1] - before[index].1[1]];
            state.lens.update(|lens| *lens = lens.panned(by, size));
        }
        fingers.set(after);
    };
    let lifted = move |event: PointerEvent| {
        fingers.update(|fingers| fingers.retain(|(id, _)| *id != event.pointer_id()));
        let mut drawn = None;
        stroke.update(|stroke| drawn = stroke.take());
        if let Some(points) = drawn {
            state.set_points(&points);
        }
    };
    let key = move |event: KeyboardEvent| {
        // Those are the browser's: its own zoom, the step back.
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let size = size.get_untracked();
        let centre = [size[0] / 2.0, size[1] / 2.0];
        let (x, y) = (size[0] * NUDGE, size[1] * NUDGE);
        let lens = state.lens.get_untracked();
        let next = match event.key().as_str() {
            "ArrowLeft" => lens.panned([x, 0.0], size),
            "ArrowRight" => lens.panned([-x, 0.0], size),
            "ArrowUp" => lens.panned([0.0, y], size),
            "ArrowDown" => lens.panned([0.0, -y], size),
            "+" | "=" => lens.zoomed(ZOOM, centre, size),
            "-" => lens.zoomed(1.0 / ZOOM, centre, size),
            "0" => Lens::default(),
            _ => return,
        };
        event.prevent_default();
        state.lens.set(next);
    };

    view! {
        <div class="plane-room">
            <div
                class="plane"
                class:draws=move || draws.get()
                tabindex="0"
                role="application"
                aria-label="Picture of the plane. Arrow keys move it, plus and minus zoom, 0 shows all."
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=lifted
                on:pointercancel=lifted
                on:pointerleave=move |_| probe(None)
                on:dblclick=move |_| {
                    if !draws.get_untracked() {
                        state.lens.set(Lens::default());
                    }
                }
                on:keydown=key
            >
                <div class="canvas-host" node_ref=host></div>
                <Sketch size stroke draws />
                <Readout over />
            </div>
        </div>
    }
}

/// The visitor's points while they are being edited.
#[component]
fn Sketch(
    size: RwSignal<[f32; 2]>,
    stroke: RwSignal<Option<Vec<[f32; 2]>>>,
    draws: Memo<bool>,
) -> impl IntoView {
    let state = use_state();
    let circles = move || {
        let (lens, size) = (state.lens.get(), size.get());
        let points = stroke
            .get()
            .unwrap_or_else(|| state.settings.with(|s| s.points.clone()));
        points
            .into_iter()
            .map(|point| {
                let [x, y] = lens.to_screen(point, size);
                view! { <circle cx=x.to_string() cy=y.to_string() r="3.5" /> }
            })
            .collect_view()
    };
    view! {
        <Show when=move || draws.get()>
            <svg class="sketch" aria-hidden="true">
                {circles}
            </svg>
        </Show>
    }
}

/// What is under the cursor. The last answer may come after the cursor has left.
#[component]
fn Readout(over: RwSignal<bool>) -> impl IntoView {
    let state = use_state();
    let probe = Memo::new(move |_| state.run.with(|run| run.probe).filter(|_| over.get()));
    let signed = |v: f32| format!("{v:.2}").replace('-', "−");
    let text = move || {
        probe.get().map(|p| {
            format!(
                "x {}, y {}   E {}   p {}   truth {}",
                signed(p.at[0]),
                signed(p.at[1]),
                signed(p.energy),
                number(p.density),
                number(p.truth)
            )
        })
    };
    view! { <p class="readout" data-testid="readout" hidden=move || probe.get().is_none()>{text}</p> }
}

/// Where a pointer is, in CSS pixels from the corner of the element that listens.
fn place(event: &MouseEvent) -> [f32; 2] {
    let Some(element) = event
        .current_target()
        .and_then(|t| t.dyn_into::<Element>().ok())
    else {
        return [0.0; 2];
    };
    let corner = element.get_bounding_client_rect();
    [
        event.client_x() as f32 - corner.x() as f32,
        event.client_y() as f32 - corner.y() as f32,
    ]
}

/// Keeps `size` (CSS pixels) and the state's device pixels in step with the layout.
fn watch_size(state: State, host: NodeRef<Div>, size: RwSignal<[f32; 2]>) {
    measured(host, move |width, height, ratio| {
        size.set([width as f32, height as f32]);
        let ratio = ratio.min(LONGEST / width.max(height));
        let plane = [width, height].map(|side| (side * ratio).round() as u32);
        if state.sizes.with_untracked(|sizes| sizes.plane != plane) {
            state.sizes.update(|sizes| sizes.plane = plane);
        }
    });
}

/// Calls `act` with the element's width and height in CSS pixels and the device pixels in each,
/// now and whenever they change. An element that is not shown has no size and is passed over.
pub fn measured(host: NodeRef<Div>, act: impl Fn(f64, f64, f64) + 'static) {
    let act = std::rc::Rc::new(act);
    Effect::new(move || {
        let Some(element) = host.get() else { return };
        let act = std::rc::Rc::clone(&act);
        let measure = std::rc::Rc::new(move || {
            let area = element.get_bounding_client_rect();
            if area.width() > 0.0 && area.height() > 0.0 {
                act(area.width(), area.height(), window().device_pixel_ratio());
            }
        });
        measure();
        let observed = std::rc::Rc::clone(&measure);
        let on_resize = Closure::<dyn FnMut()>::new(move || observed());
        if let (Ok(observer), Some(element)) = (
            ResizeObserver::new(on_resize.as_ref().unchecked_ref()),
            host.get_untracked(),
        ) {
            observer.observe(&element);
        }
        // The element lives as long as the page, and so does what watches it. Moving a window to
        // another screen changes the pixels but not the layout.
        on_resize.forget();
        window_event_listener(leptos::ev::resize, move |_| measure());
    });
}

/// Wheels zoom about the cursor. Listened to by hand: the page must not scroll meanwhile, which
/// only a listener that is not passive can prevent.
fn watch_wheel(state: State, host: NodeRef<Div>, size: RwSignal<[f32; 2]>) {
    Effect::new(move || {
        let Some(host) = host.get() else { return };
        let Some(plane) = host.parent_element() else {
            return;
        };
        let on_wheel = Closure::<dyn FnMut(WheelEvent)>::new(move |event: WheelEvent| {
            event.prevent_default();
            let lines = if event.delta_mode() == WheelEvent::DOM_DELTA_LINE {
                16.0
            } else {
                1.0
            };
            let factor = (-event.delta_y() * lines * 0.0015).exp() as f32;
            let (at, size) = (place(&event), size.get_untracked());
            state
                .lens
                .update(|lens| *lens = lens.zoomed(factor, at, size));
        });
        let options = AddEventListenerOptions::new();
        options.set_passive(false);
        // Listening for a known event on an element cannot fail.
        let _ = plane.add_event_listener_with_callback_and_add_event_listener_options(
            "wheel",
            on_wheel.as_ref().unchecked_ref(),
            &options,
        );
        on_wheel.forget();
    });
}
