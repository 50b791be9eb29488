//! The frame around every page: header, pages, playback bar, live region.

use super::address;
use super::files;
use super::header::Header;
use super::keys;
use super::lab::Lab;
use super::measures::Measures;
use super::notes::Notes;
use super::settings_panel::SettingsPanel;
use super::stage::Stage;
use super::state::State;
use super::transport::Transport;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::hooks::use_location;
use leptos_router::path;

#[component]
pub fn App() -> impl IntoView {
    let state = State::provide();
    keys::listen(state);
    files::accept_drops(state);
    let base = address::base().trim_end_matches('/').to_owned();
    view! {
        <Router base=base>
            <Shell />
        </Router>
    }
}

/// The Train view is hidden, not unmounted, on other pages: its canvases belong to the worker.
#[component]
fn Shell() -> impl IntoView {
    let state = super::state::use_state();
    let pathname = use_location().pathname;
    let on_lab = Memo::new(move |_| pathname.get().trim_end_matches('/').ends_with("/lab"));
    Effect::new(move || {
        document().set_title(if on_lab.get() {
            "Lab · Basin"
        } else {
            "Basin"
        });
    });
    view! {
        <Header on_lab />
        <Notes />
        <main>
            <div class="train" hidden=move || on_lab.get()>
                <SettingsPanel />
                <Stage />
                <Measures />
            </div>
            <FlatRoutes fallback=|| ()>
                <Route path=path!("/") view=|| () />
                <Route path=path!("/lab") view=Lab />
            </FlatRoutes>
        </main>
        <Transport />
        <p class="unseen" role="status" aria-live="polite">
            {move || state.said.get()}
        </p>
    }
}
