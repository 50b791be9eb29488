//! Images of the visitor's: where they are dropped, pasted and picked.

use super::studio::{MOST, Studio, use_studio};
use crate::app::view::page::Page;
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{ClipboardEvent, File, FileList};

/// Pictures that browsers are likely to read; whatever else is picked gets its own error.
const ACCEPT: &str = "image/*,.avif,.webp";

/// Every file of a list.
pub fn files_of(list: Option<FileList>) -> Vec<File> {
    let list = list.iter();
    list.flat_map(|l| (0..l.length()).filter_map(|i| l.get(i)))
        .collect()
}

/// Takes pasted pictures in on the pages of images, for as long as the page lives.
pub fn accept_pastes(studio: Studio) {
    window_event_listener(ev::paste, move |event| {
        if !Page::now().of_images() {
            return;
        }
        let event: ClipboardEvent = event.unchecked_into();
        let files = files_of(event.clipboard_data().and_then(|data| data.files()));
        if !files.is_empty() {
            event.prevent_default();
            studio.open(files);
        }
    });
}

#[component]
pub fn DropZone() -> impl IntoView {
    let studio = use_studio();
    let over = RwSignal::new(false);
    let count = Memo::new(move |_| studio.gallery.with(|g| g.own.len()));
    view! {
        <div
            class="drop-zone"
            class:over=move || over.get()
            data-testid="drop-zone"
            on:dragover=move |_| over.set(true)
            on:dragleave=move |_| over.set(false)
            on:drop=move |_| over.set(false)
        >
            <p>
                <b>"Drop images here"</b>
                ", paste them, or "
                <label class="button">
                    "pick files"
                    <input
                        type="file"
                        class="unseen"
                        multiple
                        accept=ACCEPT
                        data-testid="pick"
                        on:change:target=move |event| {
                            studio.open(files_of(event.target().files()));
                            event.target().set_value("");
                        }
                    />
                </label>
                " "
                <button data-testid="made" on:click=move |_| studio.add_made()>
                    "Try some made by this page"
                </button>
                " "
                <button
                    hidden=move || count.get() == 0
                    on:click=move |_| {
                        let ids = studio.gallery.with_untracked(|g| g.own.keys().copied().collect());
                        studio.close(ids);
                    }
                >
                    "Clear"
                </button>
            </p>
            <p class="quiet">
                {format!("Up to {MOST} images of any size. They stay on this machine: nothing is sent anywhere.")}
            </p>
        </div>
    }
}
