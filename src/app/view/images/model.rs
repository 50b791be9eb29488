//! Which model is at work: choice, loading, what is known about it.

use super::studio::use_studio;
use crate::app::gallery::Weights;
use crate::app::image_words;
use crate::app::words::number;
use crate::protocol::ImageCommand;
use crate::weights::manifest::Entry;
use leptos::prelude::*;

#[component]
pub fn ModelCard() -> impl IntoView {
    let studio = use_studio();
    let gallery = studio.gallery;
    let names = Memo::new(move |_| {
        gallery.with(|g| {
            let models = g.manifest.iter().flat_map(|m| &m.models);
            models.map(|e| e.model.name.clone()).collect::<Vec<_>>()
        })
    });
    let chosen = Memo::new(move |_| {
        let asked = studio.settings.with(|s| s.model.clone());
        gallery.with(|g| {
            let manifest = g.manifest.as_ref()?;
            manifest.entry(&asked).or(manifest.models.first()).cloned()
        })
    });
    let weights = Memo::new(move |_| gallery.with(|g| g.weights.clone()));
    let loading = Memo::new(move |_| matches!(weights.get(), Weights::Loading { .. }));
    let loaded =
        Memo::new(move |_| gallery.with(|g| g.loaded.as_ref().map(|l| (l.name.clone(), l.own))));
    let name = Memo::new(move |_| chosen.with(|c| c.as_ref().map(|e| e.model.name.clone())));
    let at_work = Memo::new(move |_| {
        loaded.with(|l| {
            l.as_ref()
                .is_some_and(|(n, own)| !own && Some(n) == name.get().as_ref())
        })
    });
    let kept = Memo::new(move |_| {
        gallery.with(|g| name.with(|n| n.as_ref().is_some_and(|n| g.kept.contains(n))))
    });
    let size = move || chosen.with(|c| c.as_ref().map_or(0.0, |e| e.file.bytes as f64 / 1e6));
    let share = move || match weights.get() {
        Weights::Loading { received, total } if total > 0 => received as f64 / total as f64,
        _ => 0.0,
    };
    let bytes = move || match weights.get() {
        Weights::Loading { received, total } if total > 0 => format!(
            "{:.2} of {:.2} MB",
            received as f64 / 1e6,
            total as f64 / 1e6
        ),
        _ => "Opening…".into(),
    };
    view! {
        <section class="model" aria-label="Model">
            <h2>
                <label for="image-model">"Model"</label>
                <select
                    id="image-model"
                    data-testid="model"
                    data-loaded=move || loaded.get().map(|(name, _)| name)
                    disabled=move || names.with(Vec::is_empty)
                    prop:value=move || name.get().unwrap_or_default()
                    on:change:target=move |event| studio.choose_model(event.target().value())
                >
                    {move || {
                        names
                            .get()
                            .into_iter()
                            .map(|n| view! { <option value=n.clone()>{n.clone()}</option> })
                            .collect_view()
                    }}
                </select>
            </h2>
            <Show when=move || loading.get()>
                <div class="loading">
                    <progress
                        data-testid="weights-progress"
                        max="1"
                        prop:value=share
                        aria-label="Loading the model"
                    ></progress>
                    <span class="count">{bytes}</span>
                    <button
                        data-testid="stop-loading"
                        on:click=move |_| studio.send(ImageCommand::StopLoading)
                    >
                        "Cancel"
                    </button>
                </div>
            </Show>
            <div class="buttons">
                <button
                    class="primary"
                    data-testid="load"
                    hidden=move || { loading.get() || at_work.get() || name.get().is_none() }
                    on:click=move |_| studio.load()
                >
                    {move || match (kept.get(), weights.get() == Weights::Stopped) {
                        (true, _) => "Load from this machine".to_owned(),
                        (_, true) => "Go on loading".to_owned(),
                        _ => format!("Load ({:.1} MB)", size()),
                    }}
                </button>
                <button
                    class="quietly"
                    data-testid="forget"
                    title="Delete the model's files from this machine; the page loads them again when asked"
                    hidden=move || !kept.get()
                    on:click=move |_| {
                        if let Some(name) = name.get_untracked() {
                            studio.send(ImageCommand::Forget { name });
                        }
                    }
                >
                    "Delete from this machine"
                </button>
                <label class="button">
                    "Open weights"
                    <input
                        type="file"
                        class="unseen"
                        accept=".safetensors"
                        data-testid="open-weights"
                        on:change:target=move |event| {
                            let files = event.target().files();
                            studio.open(files.and_then(|f| f.get(0)).into_iter().collect());
                            event.target().set_value("");
                        }
                    />
                </label>
            </div>
            <p class="quiet" data-testid="model-state">
                {move || gallery.with(image_words::model_state)}
            </p>
            {move || {
                gallery
                    .with(|g| g.no_models.clone())
                    .map(|why| {
                        view! {
                            <p class="quiet">
                                {format!("The list of models could not be had: {why}. ")}
                                <button class="link" on:click=move |_| studio.list()>"Try again"</button>
                            </p>
                        }
                    })
            }}
            {move || chosen.get().map(|entry| view! { <Facts entry /> })}
        </section>
    }
}

/// What is known about a shipped model.
#[component]
fn Facts(entry: Entry) -> impl IntoView {
    let Entry {
        parameters,
        training,
        measured,
        model,
        ..
    } = entry;
    let method = image_words::method(model.method);
    let rows = measured.into_iter().flat_map(|m| {
        let distances = m.frechet.into_iter().map(|(by, samples, gaussian)| {
            let text = format!(
                "{} (Gaussian {})",
                number(samples as f32),
                number(gaussian as f32)
            );
            (format!("Fréchet distance, {by}"), text)
        });
        let areas = m
            .auroc
            .into_iter()
            .map(|(set, area)| (format!("AUROC, {set}"), format!("{area:.3}")));
        distances.chain(areas).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows
        .map(|(name, value)| view! { <tr><th scope="row">{name}</th><td>{value}</td></tr> })
        .collect();
    view! {
        <details class="facts">
            <summary>"About this model"</summary>
            <p class="quiet">
                {format!(
                    "{method} on {}: {} weights, {} images seen, {:.1} h on {}.",
                    training.data,
                    image_words::thousands(parameters),
                    image_words::thousands(training.images),
                    training.hours,
                    training.device,
                )}
            </p>
            <p class="quiet"><code>{training.command}</code></p>
            <table><tbody>{rows}</tbody></table>
        </details>
    }
}
