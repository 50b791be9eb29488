//! The views, in leptos.
//!
//! Invariant: views hold no facts of their own. They show [`state::State`] and call its methods;
//! the worker and its canvases live in the Train view, which stays mounted on every page.

mod address;
mod bars;
mod bench;
mod browser;
mod chart;
mod compare;
mod compared;
mod comparison;
mod control;
mod files;
mod header;
mod images;
mod keys;
mod lab;
mod measures;
mod notes;
mod own_points;
mod page;
mod plane;
mod select;
mod settings_panel;
mod shell;
mod speed;
mod stage;
mod state;
mod strip;
mod thumbs;
mod transport;
mod wire;

/// Shows the page in place of the static skeleton.
pub fn mount() {
    if let Some(skeleton) = leptos::prelude::document().get_element_by_id("skeleton") {
        skeleton.remove();
    }
    leptos::mount::mount_to_body(shell::App);
}
