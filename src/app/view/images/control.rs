//! One control per row of the images' settings.
//!
//! Invariant: what a control shows is what the settings hold, also after a refused entry.

use super::studio::use_studio;
use crate::app::image_words;
use crate::app::scale;
use crate::settings::{ImageKey, Kind, Value};
use leptos::prelude::*;

/// A setting with its label, unit and help; hidden while it has no meaning.
#[component]
pub fn ImageControl(key: ImageKey) -> impl IntoView {
    let studio = use_studio();
    let row = key.row();
    let relevant = Memo::new(move |_| studio.settings.with(|s| s.relevant(key)));
    let id = format!("image-{}", row.name);
    let test_id = format!("set-{}", row.name);
    let text = Memo::new(move |_| studio.settings.with(|s| s.text(key)));
    let input = match row.kind {
        Kind::Switch => view! {
            <input
                type="checkbox"
                id=id.clone()
                data-testid=test_id
                prop:checked=move || studio.settings.with(|s| s.on(key))
                on:change:target=move |event| studio.set(key, Value::Switch(event.target().checked()))
            />
        }
        .into_any(),
        Kind::Choice(options) => {
            let options = options.iter().map(|name| {
                view! {
                    <option value=*name selected=move || text.get() == *name>
                        {image_words::option(name)}
                    </option>
                }
            });
            view! {
                <select
                    id=id.clone()
                    data-testid=test_id
                    prop:value=move || text.get()
                    on:change:target=move |event| studio.set_text(key, &event.target().value())
                >
                    {options.collect_view()}
                </select>
            }
            .into_any()
        }
        Kind::Int { min, max } => {
            number(key, id.clone(), test_id, [min.to_string(), max.to_string()], "1")
        }
        Kind::Float { min, max, .. } => {
            number(key, id.clone(), test_id, [min.to_string(), max.to_string()], "any")
        }
    };
    let unit = (!row.unit.is_empty()).then(|| view! { <span class="unit">{row.unit}</span> });
    view! {
        <div class="control" hidden=move || !relevant.get()>
            <span class="label">
                <label for=id>{row.label}</label>
                {unit}
                <details class="help">
                    <summary aria-label=format!("Help on {}", row.label)>"?"</summary>
                    <p>{row.help}</p>
                </details>
            </span>
            {input}
        </div>
    }
}

/// A number to type and a slider to drag; seeds have no slider.
fn number(
    key: ImageKey,
    id: String,
    test_id: String,
    [min, max]: [String; 2],
    step: &'static str,
) -> AnyView {
    let studio = use_studio();
    let row = key.row();
    let shown = Memo::new(move |_| {
        studio
            .settings
            .with(|s| (s.text(key), scale::position(row.kind, s.get(key))))
    });
    let slides = !matches!(key, ImageKey::Seed | ImageKey::Second);
    let slider = slides.then(|| {
        view! {
            <input
                type="range"
                min="0"
                max=scale::steps(row.kind).to_string()
                aria-label=format!("{}, slider", row.label)
                aria-valuetext=move || shown.with(|s| s.0.clone())
                prop:value=move || shown.with(|s| s.1.to_string())
                on:input:target=move |event| {
                    let position = event.target().value().parse().unwrap_or(0);
                    if let Some(value) = scale::value(row.kind, position) {
                        studio.set(key, value);
                    }
                }
            />
        }
    });
    view! {
        <input
            type="number"
            id=id
            step=step
            min=min
            max=max
            data-testid=test_id
            prop:value=move || shown.with(|s| s.0.clone())
            on:change:target=move |event| {
                studio.set_text(key, &event.target().value());
                event.target().set_value(&studio.settings.with_untracked(|s| s.text(key)));
            }
        />
        {slider}
    }
    .into_any()
}
