//! The frame around every page: header, pages, playback bar, live region.

use super::address;
use super::bench::Bench;
use super::compare::{Compare, CompareTransport};
use super::files;
use super::header::Header;
use super::images::{Studio, Workshop, accept_pastes};
use super::keys;
use super::lab::Lab;
use super::measures::Measures;
use super::notes::Notes;
use super::page::Page;
use super::settings_panel::SettingsPanel;
use super::stage::Stage;
use super::state::State;
use super::transport::Transport;
use crate::protocol::{Command, ImageCommand};
use leptos::context::Provider;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::hooks::use_location;
use leptos_router::path;

#[component]
pub fn App() -> impl IntoView {
    let train = State::provide();
    let bench = Bench::provide(train);
    let studio = Studio::provide(train);
    keys::listen(train, bench, studio);
    files::accept_drops(train, studio);
    accept_pastes(studio);
    let base = address::base().trim_end_matches('/').to_owned();
    view! {
        <Router base=base>
            <Shell train bench studio />
        </Router>
    }
}

/// The Train view is hidden, not unmounted, on other pages: its canvases belong to the worker. It is
/// first mounted when it is first shown, and so is the comparison.
#[component]
fn Shell(train: State, bench: Bench, studio: Studio) -> impl IntoView {
    let pathname = use_location().pathname;
    let page = Memo::new(move |_| Page::of(&pathname.get()));
    let seen = move |wanted: Page| {
        Memo::new(move |seen: Option<&bool>| {
            seen.copied().unwrap_or_default() || page.get() == wanted
        })
    };
    let (train_seen, bench_seen) = (seen(Page::Train), seen(Page::Compare));
    let (sample_seen, score_seen) = (seen(Page::Sample), seen(Page::Score));
    let images_seen = Memo::new(move |_| sample_seen.get() || score_seen.get());
    // The Lab shows the Train page's device.
    let train_seen = Memo::new(move |_| train_seen.get() || page.get() == Page::Lab);
    Effect::new(move || {
        document().set_title(match page.get() {
            Page::Train => "Basin",
            Page::Compare => "Compare · Basin",
            Page::Sample => "Sample · Basin",
            Page::Score => "Score · Basin",
            Page::Lab => "Lab · Basin",
        });
        // One page's runs at a time: the other's keep still, and are not drawn.
        let page = page.get();
        let trains = matches!(page, Page::Train | Page::Lab);
        train.send(Command::Hidden(!trains));
        bench.first().send(Command::Hidden(page != Page::Compare));
        if !trains {
            train.send(Command::Pause);
        }
        if page != Page::Compare {
            bench.send(&Command::Pause);
        }
        if page != Page::Sample {
            studio.send(ImageCommand::Play(false));
        }
        // What the link to a page says is on show there already.
        let _ = match page {
            Page::Compare => bench.first().news(),
            Page::Sample | Page::Score => studio.news(),
            Page::Train | Page::Lab => train.news(),
        };
    });
    let around = move || {
        let state = match page.get() {
            Page::Compare => bench.first(),
            Page::Sample | Page::Score => studio.state,
            Page::Train | Page::Lab => train,
        };
        view! {
            <Provider value=state>
                <Header page train bench studio />
                <Notes />
            </Provider>
        }
    };
    let below = move || match page.get() {
        Page::Compare => view! { <CompareTransport bench /> }.into_any(),
        Page::Sample | Page::Score => ().into_any(),
        Page::Train | Page::Lab => view! { <Transport /> }.into_any(),
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
            <Show when=move || images_seen.get()>
                <Workshop page />
            </Show>
            <FlatRoutes fallback=|| ()>
                <Route path=path!("/") view=|| () />
                <Route path=path!("/compare") view=|| () />
                <Route path=path!("/images") view=|| () />
                <Route path=path!("/ood") view=|| () />
                <Route path=path!("/lab") view=Lab />
            </FlatRoutes>
        </main>
        {below}
        <p class="unseen" role="status" aria-live="polite">
            {move || train.said.get()}
        </p>
    }
}
