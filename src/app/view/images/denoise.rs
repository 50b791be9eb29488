//! An image of the visitor's with noise on it and without again.

use super::control::ImageControl;
use super::pixels::Pixels;
use super::studio::use_studio;
use crate::app::view::browser::per_frame;
use crate::app::words::number;
use crate::protocol::ImageCommand;
use crate::settings::ImageKey;
use leptos::prelude::*;

#[component]
pub fn Denoise() -> impl IntoView {
    let studio = use_studio();
    let picked = RwSignal::new(None::<u32>);
    let images = Memo::new(move |_| {
        studio.gallery.with(|g| {
            let seen = g.own.iter().filter(|(_, own)| own.seen.is_some());
            seen.map(|(id, own)| (*id, own.name.clone()))
                .collect::<Vec<_>>()
        })
    });
    let id = Memo::new(move |_| {
        images.with(|all| {
            let asked = picked
                .get()
                .filter(|id| all.iter().any(|(other, _)| other == id));
            asked.or(all.first().map(|(id, _)| *id))
        })
    });
    let original = Memo::new(move |_| {
        studio.gallery.with(|g| {
            let own = id.get().and_then(|id| g.own.get(&id));
            own.and_then(|own| own.seen.as_ref())
                .map(|seen| seen.pixels.clone())
                .unwrap_or_default()
        })
    });
    let model = Memo::new(move |_| {
        studio
            .gallery
            .with(|g| g.loaded.as_ref().map(|l| l.sha256.clone()))
    });
    let open = RwSignal::new(false);
    // Again whenever image, how it was read, noise, seed or model change, at most once a frame.
    let ask = per_frame(move |(id, noise, seed)| {
        studio.send(ImageCommand::Denoise { id, noise, seed });
    });
    Effect::new(move || {
        original.track();
        let noise = studio.settings.with(|s| s.float(ImageKey::Noise));
        let seed = studio.settings.with(|s| s.int(ImageKey::Seed)) as u64;
        if let (Some(id), Some(_), true) = (id.get(), model.get(), open.get()) {
            ask((id, noise, seed));
        }
    });
    let found = Memo::new(move |_| {
        studio
            .gallery
            .with(|g| g.denoised.clone().filter(|d| Some(d.id) == id.get()))
    });
    let noisy = Signal::derive(move || {
        found.with(|f| f.as_ref().map(|f| f.noisy.clone()).unwrap_or_default())
    });
    let clean = Signal::derive(move || {
        found.with(|f| f.as_ref().map(|f| f.clean.clone()).unwrap_or_default())
    });
    let ratio = move |of: fn(&crate::protocol::Denoised) -> f32| {
        found.with(|f| {
            f.as_ref()
                .map_or_else(|| "–".into(), |f| format!("{:.1} dB", of(f)))
        })
    };
    view! {
        <details class="section" on:toggle=move |_| open.update(|o| *o = !*o)>
            <summary>"Denoise an image of yours"</summary>
            <p class="quiet" hidden=move || id.get().is_some()>
                "Drop an image anywhere on this page first."
            </p>
            <div hidden=move || id.get().is_none()>
                <label class="inline">
                    "Image "
                    <select
                        prop:value=move || id.get().map(|id| id.to_string()).unwrap_or_default()
                        on:change:target=move |event| picked.set(event.target().value().parse().ok())
                    >
                        {move || {
                            images
                                .get()
                                .into_iter()
                                .map(|(id, name)| view! { <option value=id.to_string()>{name}</option> })
                                .collect_view()
                        }}
                    </select>
                </label>
                <ImageControl key=ImageKey::Noise />
                <div class="three">
                    <figure>
                        <Pixels pixels=original label=Signal::stored("The image".to_owned()) />
                        <figcaption>"the image"</figcaption>
                    </figure>
                    <figure>
                        <Pixels pixels=noisy label=Signal::stored("With noise".to_owned()) />
                        <figcaption>
                            {move || {
                                let noise = found.with(|f| f.as_ref().map_or(f32::NAN, |f| f.noise));
                                format!("noise {}: {}", number(noise), ratio(|f| f.noisy_psnr))
                            }}
                        </figcaption>
                    </figure>
                    <figure>
                        <Pixels pixels=clean label=Signal::stored("Denoised".to_owned()) />
                        <figcaption data-testid="psnr">
                            {move || format!("denoised: {}", ratio(|f| f.clean_psnr))}
                        </figcaption>
                    </figure>
                </div>
                <p class="quiet">
                    "Peak signal-to-noise ratios on the scale from -1 to 1, at the model's level with the nearest noise."
                </p>
            </div>
        </details>
    }
}
