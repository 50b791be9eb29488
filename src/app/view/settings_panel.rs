//! The left column: data, method, and every other setting by group.

use super::control::{Choice, Control};
use super::files::Files;
use super::state::use_state;
use super::thumbs::Thumbs;
use crate::app::words;
use crate::settings::{Group, Key, METHODS, PAPERS, Preset, Row, Settings, Size, TABLE};
use leptos::prelude::*;

/// Groups shown as sections, with their headings and whether they start open.
const SECTIONS: &[(Group, &str, bool)] = &[
    (Group::Method, "This method", true),
    (Group::Sampler, "Sampler", true),
    (Group::Optimiser, "Optimiser", true),
    (Group::Diffusion, "Diffusion", false),
    (Group::Network, "Network", false),
    (Group::Buffer, "Chains and buffer", false),
    (Group::Run, "Measuring", false),
];

/// Settings that have a place elsewhere on the page.
const ELSEWHERE: &[Key] = &[Key::Dataset, Key::Method, Key::Seed, Key::Speed];

fn rows(group: Group) -> impl Iterator<Item = &'static Row> {
    TABLE
        .iter()
        .filter(move |row| row.group == group && !ELSEWHERE.contains(&row.key))
}

#[component]
pub fn SettingsPanel() -> impl IntoView {
    let sections = SECTIONS.iter().map(|&(group, heading, open)| {
        view! { <Section group heading open /> }
    });
    view! {
        <aside class="settings" aria-label="Settings">
            <h2>
                <label for="control-data">"Data"</label>
                <Choice key=Key::Dataset id="control-data" />
            </h2>
            <Thumbs />
            {rows(Group::Data).map(|row| view! { <Control key=row.key /> }).collect_view()}
            <h2>
                <label for="control-method">"Method"</label>
                <Choice key=Key::Method id="control-method" />
            </h2>
            <Methods />
            <Formula />
            {sections.collect_view()}
            <Files />
        </aside>
    }
}

/// Hidden when none of its settings has a meaning.
#[component]
fn Section(group: Group, heading: &'static str, open: bool) -> impl IntoView {
    let state = use_state();
    let any = Memo::new(move |_| {
        state
            .settings
            .with(|settings| rows(group).any(|row| settings.relevant(row.key)))
    });
    view! {
        <details class="section" open=open hidden=move || !any.get()>
            <summary>{heading}</summary>
            {rows(group).map(|row| view! { <Control key=row.key /> }).collect_view()}
        </details>
    }
}

/// The papers' methods first, then the baselines, and what the chosen one does.
#[component]
fn Methods() -> impl IntoView {
    let state = use_state();
    let now = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Method)));
    let card = |name: &'static str| {
        let (title, sentence) = words::method(name);
        view! {
            <button
                title=sentence
                aria-pressed=move || (now.get() == name).to_string()
                on:click=move |_| state.set_text(Key::Method, name)
            >
                {title}
            </button>
        }
    };
    view! {
        <div class="methods" role="group" aria-label="Methods">
            {METHODS.iter().map(|name| card(name)).collect_view()}
        </div>
        <p class="quiet">{move || words::method(now.get()).1}</p>
        {move || PAPERS.contains(&now.get()).then(|| view! { <AsPublished /> })}
    }
}

/// Switches between this page's settings of a method and those of its paper's code.
#[component]
fn AsPublished() -> impl IntoView {
    let state = use_state();
    let paper = Memo::new(move |_| state.settings.with(|s| s.preset().size() == Size::Paper));
    let switch = move |_| {
        let other = if paper.get() {
            Size::Standard
        } else {
            Size::Paper
        };
        let of = |s: &Settings| Preset::of(s.choice(Key::Dataset), s.choice(Key::Method), other);
        state.load(state.settings.with_untracked(of));
    };
    view! {
        <button
            class="published"
            title="Every setting as in the paper's own code for the plane, as far as this page has it"
            aria-pressed=move || paper.get().to_string()
            on:click=switch
        >
            "The paper's own settings"
        </button>
    }
}

/// What the chosen method fits, and how.
#[component]
fn Formula() -> impl IntoView {
    let state = use_state();
    let method = Memo::new(move |_| state.settings.with(|s| s.choice(Key::Method)));
    let update = |from: &'static str| {
        view! {
            <p>
                "∇" <i>"L"</i> " = ⟨∇" <i>"E"</i> "⟩" <sub>"data"</sub> " − ⟨∇" <i>"E"</i> "⟩"
                <sub>{from}</sub>
            </p>
        }
    };
    let formula = move || {
        match method.get() {
        "da-ebm" => view! {
            <p>
                <i>"p"</i> "(" <i>"x"</i> ", " <i>"t"</i> ") ∝ exp(−" <i>"E"</i> "(" <i>"x"</i> ", "
                <i>"t"</i> ")), "
                <span class="nowrap">
                    <i>"x"</i> <sub>"t"</sub> " = √ᾱ" <sub>"t"</sub> " " <i>"x"</i> <sub>"0"</sub>
                    " + √(1 − ᾱ" <sub>"t"</sub> ") ε"
                </span>
            </p>
            {update("chains at all t")}
        }
        .into_any(),
        "dcd" => view! {
            <p><i>"L"</i> " = KL(" <i>"p"</i> "‖" <i>"q"</i> ") − KL(" <i>"p"</i> <sub>"τ"</sub> "‖" <i>"q"</i> <sub>"τ"</sub> ")"</p>
            <p>
                "= ⟨" <i>"E"</i> "(" <i>"x"</i> ") + log ⟨exp(−" <i>"E"</i> "(" <i>"x"</i> " + √τ(" <i>"z"</i> " + "
                <i>"z′"</i> ")))⟩" <sub>"z′"</sub> "⟩ + const"
            </p>
        }
        .into_any(),
        "energy-discrepancy" => view! {
            <p>
                <i>"L"</i> " = ⟨log(" <i>"w"</i> "/" <i>"M"</i> " + 1/" <i>"M"</i> " Σ" <sub>"j"</sub> " exp(" <i>"E"</i>
                "(" <i>"x"</i> ") − " <i>"E"</i> "(" <i>"x"</i> " + √τ(" <i>"z"</i> " + " <i>"z"</i> <sub>"j"</sub> "))))⟩"
            </p>
        }
        .into_any(),
        "ddaebm" => view! {
            <p>
                <i>"p"</i> "(" <i>"x"</i> <sub>"k"</sub> " | " <i>"x"</i> <sub>"k+1"</sub> ") ∝ exp(−" <i>"E"</i> "("
                <i>"x"</i> <sub>"k"</sub> ", " <i>"k"</i> ")) " <i>"q"</i> "(" <i>"x"</i> <sub>"k+1"</sub> " | "
                <i>"x"</i> <sub>"k"</sub> ")"
            </p>
            <p>
                <i>"L"</i> <sub>"E"</sub> " = ⟨" <i>"E"</i> "⟩" <sub>"data"</sub> " − ⟨" <i>"E"</i> "⟩"
                <sub>"generator"</sub> " + γ/2 ⟨|∇" <i>"E"</i> "|²⟩" <sub>"data"</sub>
            </p>
        }
        .into_any(),
        "nce" => view! {
            <p>
                <i>"L"</i> " = ⟨log(1 + exp(−" <i>"h"</i> "))⟩" <sub>"data"</sub> " + " <i>"M"</i> " ⟨log(1 + exp("
                <i>"h"</i> "))⟩" <sub>"noise"</sub>
            </p>
            <p><i>"h"</i> " = −" <i>"E"</i> " − log " <i>"M p"</i> <sub>"noise"</sub></p>
        }
        .into_any(),
        "dsm" => view! {
            <p>
                <i>"L"</i> " = ½ ⟨|σ ∇" <i>"E"</i> "(" <i>"x"</i> " + σ" <i>"z"</i> ") − " <i>"z"</i> "|²⟩"
            </p>
        }
        .into_any(),
        "ssm" => view! {
            <p>
                <i>"L"</i> " = ⟨½ (" <i>"v"</i> "·∇" <i>"E"</i> ")² − " <i>"v"</i> "·(∇²" <i>"E"</i> ") " <i>"v"</i>
                "⟩" <sub>"data"</sub>
            </p>
        }
        .into_any(),
        name => {
            let from = match name {
                "pcd" => "persistent chains",
                "cd" => "K steps from data",
                "drl" => "K steps from xₜ₊₁",
                _ => "K steps from noise",
            };
            view! {
                <p>
                    <i>"p"</i> "(" <i>"x"</i> ") ∝ exp(−" <i>"E"</i> "(" <i>"x"</i> "))"
                </p>
                {update(from)}
            }
            .into_any()
        }
    }
    };
    view! { <div class="formula">{formula}</div> }
}
