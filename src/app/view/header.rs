//! The header: pages, device, theme, link.

use super::address;
use super::bench::Bench;
use super::browser::{copy, keep, kept};
use super::images::Studio;
use super::page::Page;
use super::state::{State, use_state};
use crate::app::words;
use crate::protocol::Backend;
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::time::Duration;
use web_sys::HtmlInputElement;

/// Where the theme is kept; `boot.js` reads it before the first paint.
const THEME: &str = "basin-theme";

/// How long the button says that the link is copied.
const THANKS: Duration = Duration::from_secs(2);

#[component]
pub fn Header(page: Memo<Page>, train: State, bench: Bench, studio: Studio) -> impl IntoView {
    let single = Memo::new(move |_| train.link());
    let several = Memo::new(move |_| bench.first().link());
    let images = Memo::new(move |_| studio.link());
    let link = move |to: Page| match to {
        Page::Compare => to.link(&several.get()),
        Page::Sample | Page::Score => to.link(&images.get()),
        Page::Train | Page::Lab => to.link(&single.get()),
    };
    let pages = [
        Page::Train,
        Page::Compare,
        Page::Sample,
        Page::Score,
        Page::Lab,
    ]
    .map(|to| {
        view! {
            <a href=move || link(to) aria-current=move || (page.get() == to).then_some("page")>
                {to.name()}
            </a>
        }
    });
    view! {
        <header>
            <a class="logo" href=move || link(Page::Train)>
                <i aria-hidden="true"></i>
                "Basin"
            </a>
            <nav aria-label="Pages">
                {pages}
            </nav>
            <span class="grow"></span>
            <BackendChip />
            <ThemeButton />
            <CopyLink page studio />
        </header>
    }
}

#[component]
fn BackendChip() -> impl IntoView {
    let state = use_state();
    let label = Memo::new(move |_| {
        state.run.with(|run| {
            run.backend.map_or_else(
                || "Starting…".into(),
                |backend| words::backend(backend, run.lab.as_ref()),
            )
        })
    });
    let kind = Memo::new(move |_| match state.run.with(|run| run.backend) {
        None => "",
        Some(Backend::WebGpu) => "webgpu",
        Some(Backend::Cpu) => "cpu",
    });
    view! {
        <span class="chip" data-kind=move || kind.get()>
            <i aria-hidden="true"></i>
            <span data-testid="backend">{move || label.get()}</span>
        </span>
    }
}

/// Auto follows the system.
#[component]
fn ThemeButton() -> impl IntoView {
    let theme = RwSignal::new(
        kept(THEME)
            .filter(|t| t == "dark" || t == "light")
            .unwrap_or_default(),
    );
    Effect::new(move || {
        let Some(root) = document().document_element() else {
            return;
        };
        let theme = theme.get();
        keep(THEME, &theme);
        // Attributes of fixed names are always accepted.
        let _ = match theme.as_str() {
            "" => root.remove_attribute("data-theme"),
            theme => root.set_attribute("data-theme", theme),
        };
    });
    let next = move |_| {
        theme.update(|theme| {
            *theme = match theme.as_str() {
                "" => "dark",
                "dark" => "light",
                _ => "",
            }
            .into();
        });
    };
    let name = move || {
        theme.with(|t| {
            if t.is_empty() {
                "auto".to_owned()
            } else {
                t.clone()
            }
        })
    };
    view! {
        <button
            class="plain"
            on:click=next
            title="Theme: automatic, dark or light"
            aria-label=move || format!("Theme: {}", name())
        >
            "◐ "
            {name}
        </button>
    }
}

/// Copies the absolute link; where the clipboard is closed, shows it selected instead.
#[component]
fn CopyLink(page: Memo<Page>, studio: Studio) -> impl IntoView {
    let state = use_state();
    let by_hand = RwSignal::new(None::<String>);
    let copied = RwSignal::new(false);
    let field = NodeRef::<leptos::html::Input>::new();
    let click = move |_| {
        // The lab has nothing of its own to share.
        let to = match page.get_untracked() {
            Page::Lab => Page::Train,
            page => page,
        };
        let settings = untrack(|| match to.of_images() {
            true => studio.link(),
            false => state.link(),
        });
        let url = address::absolute(to.path(), &settings);
        spawn_local(async move {
            if copy(&url).await {
                by_hand.set(None);
                copied.set(true);
                state.say("Copied");
                set_timeout(
                    move || {
                        copied.set(false);
                        state.say("");
                    },
                    THANKS,
                );
            } else {
                by_hand.set(Some(url));
                state.say("This browser does not let the page copy: the link is selected for you to copy.");
            }
        });
    };
    Effect::new(move || {
        if let Some(field) = field.get() {
            let field: HtmlInputElement = field;
            field.select();
        }
    });
    view! {
        <button data-testid="copy-link" on:click=click>
            {move || if copied.get() { "Copied" } else { "Copy link" }}
        </button>
        {move || {
            by_hand
                .get()
                .map(|url| {
                    view! {
                        <input
                            class="by-hand"
                            node_ref=field
                            readonly
                            aria-label="Link to copy"
                            prop:value=url
                        />
                    }
                })
        }}
    }
}
