//! The frame around every page: header, pages, playback bar, live region.

use super::address;
use super::bench::Bench;
use super::compare::{Compare, CompareTransport};
use super::files;
use super::header::Header;
use super::keys;
use super::lab::Lab;
use super::measures::Measures;
use super::notes::Notes;
use super::page::Page;
use super::settings_panel::SettingsPanel;
use super::stage::Stage;
use super::state::State;
use super::transport::Transport;
use crate::protocol::Command;
use leptos::context::Provider;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::hooks::use_location;
use leptos_router::path;

#[component]
pub fn App() -> impl IntoView {
    let train = State::provide();
    let bench = Bench::provide(train);
    keys::listen(train, bench);
    files::accept_drops(train);
    let base = address::base().trim_end_matches('/').to_owned();
    view! {
        <Router base=base>
            <Shell train bench />
        </Router>
    }
}

/// The Train view is hidden, not unmounted, on other pages: its canvases belong to the worker. It is
/// first mounted when it is first shown, and so is the comparison.
#[component]
fn Shell(train: State, bench: Bench) -> impl IntoView {
    let pathname = use_location().pathname;
    let page = Memo::new(move |_| Page::of(&pathname.get()));
    let seen = move |wanted: Page| {
        Memo::new(move |seen: Option<&bool>| {
            seen.copied().unwrap_or_default() || page.get() == wanted
        })
    };
    let (train_seen, bench_seen) = (seen(Page::Train), seen(Page::Compare));
    // The Lab shows the Train page's device.
    let train_seen = Memo::new(move |_| train_seen.get() || page.get() == Page::Lab);
    Effect::new(move || {
        document().set_title(match page.get() {
            Page::Train => "Basin",
            Page::Compare => "Compare · Basin",
            Page::Lab => "Lab · Basin",
        });
        // One page's runs at a time: the other's keep still, and are not drawn.
        let compares = page.get() == Page::Compare;
        train.send(Command::Hidden(compares));
        bench.first().send(Command::Hidden(!compares));
        match compares {
            true => train.send(Command::Pause),
            false => bench.send(&Command::Pause),
        }
        // What the link to a page says is on show there already.
        let _ = match compares {
            true => bench.first().news(),
            false => train.news(),
        };
    });
    let comparing = Memo::new(move |_| page.get() == Page::Compare);
    let around = move || {
        let state = if comparing.get() {
            bench.first()
        } else {
            train
        };
        view! {
            <Provider value=state>
                <Header page train bench />
                <Notes />
            </Provider>
        }
    };
    let below = move || match comparing.get() {
        true => view! { <CompareTransport bench /> }.into_any(),
        false => view! { <Transport /> }.into_any(),
    };
    view! {
        {around}
        <main>
            <Show when=move || train_seen.get()>
                <div class="train" hidden=move || page.get() != Page::Train>
                    <SettingsPanel />
                    <Stage />
                    <Measures />
                </div>
            </Show>
            <Show when=move || bench_seen.get()>
                <div class="compare" hidden=move || page.get() != Page::Compare>
                    <Compare bench />
                </div>
            </Show>
            <FlatRoutes fallback=|| ()>
                <Route path=path!("/") view=|| () />
                <Route path=path!("/compare") view=|| () />
                <Route path=path!("/lab") view=Lab />
            </FlatRoutes>
        </main>
        {below}
        <p class="unseen" role="status" aria-live="polite">
            {move || train.said.get()}
        </p>
    }
}
