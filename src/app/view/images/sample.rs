//! The Sample page: a grid of images drawn from a model, their path, and what the energy says of them.
//!
//! Invariant: nothing here is drawn by the page itself; the grid is the worker's.

use super::control::ImageControl;
use super::denoise::Denoise;
use super::grid::Grid;
use super::studio::use_studio;
use crate::app::image_words;
use crate::app::words::number;
use crate::protocol::{Format, ImageCommand};
use crate::settings::{IMAGE_SAMPLERS, ImageKey};
use leptos::prelude::*;

/// The settings of drawing, in the order of the page.
const CONTROLS: &[ImageKey] = &[
    ImageKey::Count,
    ImageKey::Seed,
    ImageKey::Interpolate,
    ImageKey::Second,
    ImageKey::Start,
    ImageKey::Level,
    ImageKey::Transitions,
    ImageKey::Steps,
    ImageKey::Refine,
    ImageKey::StepSize,
    ImageKey::Adjusted,
];

/// How images are drawn, beside the grid.
#[component]
pub fn Drawing() -> impl IntoView {
    view! {
        <h2>"Drawing"</h2>
        <Samplers />
        {CONTROLS.iter().map(|&key| view! { <ImageControl key /> }).collect_view()}
        <Draw />
        <Denoise />
    }
}

/// The grid and its path.
#[component]
pub fn Drawn() -> impl IntoView {
    view! {
        <Grid />
        <PathBar />
    }
}

/// The samplers that fit the model.
#[component]
fn Samplers() -> impl IntoView {
    let studio = use_studio();
    let now = Memo::new(move |_| studio.settings.with(|s| s.choice(ImageKey::Sampler)));
    let fits = move |name: &str| studio.gallery.with(|g| image_words::fits(g, name));
    let buttons = IMAGE_SAMPLERS.iter().map(|&name| {
        view! {
            <button
                data-testid=format!("sampler-{name}")
                aria-pressed=move || (now.get() == name).to_string()
                disabled=move || !fits(name)
                title=image_words::sampler(name).1
                on:click=move |_| studio.set_text(ImageKey::Sampler, name)
            >
                {image_words::sampler(name).0}
            </button>
        }
    });
    view! {
        <div class="methods" role="group" aria-label="Samplers">
            {buttons.collect_view()}
        </div>
        <p class="quiet">{move || image_words::sampler(now.get()).1}</p>
    }
}

/// The button that begins, and what it will take.
#[component]
fn Draw() -> impl IntoView {
    let studio = use_studio();
    let ready = Memo::new(move |_| studio.gallery.with(|g| g.loaded.is_some()));
    let estimate = Memo::new(move |_| {
        studio.settings.with(|s| {
            studio.gallery.with(|g| {
                g.loaded
                    .as_ref()
                    .map(|loaded| image_words::estimate(loaded, s))
            })
        })
    });
    let too_many = Memo::new(move |_| {
        let asked = studio.settings.with(|s| s.int(ImageKey::Count)) as u32;
        studio.gallery.with(|g| {
            g.loaded
                .as_ref()
                .map(|l| l.most)
                .filter(|most| asked > *most)
        })
    });
    let unfit = Memo::new(move |_| {
        let sampler = studio.settings.with(|s| s.choice(ImageKey::Sampler));
        let fits = studio.gallery.with(|g| image_words::fits(g, sampler));
        (!fits).then(|| image_words::unfit(sampler))
    });
    let stale = Memo::new(move |_| {
        studio.drawn.with(|drawn| {
            let drawn = drawn.as_ref();
            studio
                .settings
                .with(|s| drawn.is_some_and(|drawn| drawn.draws_otherwise(s)))
        })
    });
    view! {
        <p class="quiet" data-testid="estimate">
            {move || estimate.get().unwrap_or_else(|| "Load a model to draw from it.".into())}
        </p>
        <p class="quiet warning" hidden=move || unfit.get().is_none()>
            {move || unfit.get()}
        </p>
        {move || {
            too_many
                .get()
                .map(|most| {
                    view! {
                        <p class="quiet warning">
                            {format!("This device holds the maps of {most} images at a time. ")}
                            <button
                                class="link"
                                on:click=move |_| studio.set_text(ImageKey::Count, &most.to_string())
                            >
                                {format!("Draw {most}")}
                            </button>
                        </p>
                    }
                })
        }}
        <button
            class="primary wide"
            data-testid="sample"
            disabled=move || !ready.get() || unfit.get().is_some()
            on:click=move |_| studio.draw()
        >
            {move || if stale.get() { "Draw with these settings" } else { "Draw" }}
        </button>
    }
}

/// Playback, and the way back along the path.
#[component]
fn PathBar() -> impl IntoView {
    let studio = use_studio();
    let gallery = studio.gallery;
    let playing = Memo::new(move |_| gallery.with(|g| g.playing));
    let frame = Memo::new(move |_| {
        gallery.with(|g| {
            g.frame
                .as_ref()
                .map(|f| (f.index, f.frames, f.step, f.done, f.total))
        })
    });
    let none = Memo::new(move |_| frame.with(Option::is_none));
    let finished = Memo::new(move |_| frame.with(|f| f.is_some_and(|f| f.3 >= f.4)));
    let show = move |index: Option<u32>| {
        studio.send(ImageCommand::Show(index));
    };
    let last = move || frame.with(|f| f.map_or(0, |f| f.1.saturating_sub(1)));
    let said = move || match frame.get() {
        None => "Nothing drawn yet".to_owned(),
        Some((_, _, step, done, total)) if done < total => {
            format!("step {step}, {done} of {total} done")
        }
        Some((_, _, step, _, total)) => format!("step {step} of {}", total - 1),
    };
    let save = move |format: Format| {
        let image = studio.chosen.get_untracked();
        studio.send(ImageCommand::Save { format, image });
    };
    let which = move || match studio.chosen.get() {
        Some(i) => format!(" of image {}", i + 1),
        None => String::new(),
    };
    view! {
        <div class="path" hidden=move || none.get()>
            <div class="segmented" role="group" aria-label="Playback">
                <button
                    data-testid="play"
                    aria-pressed=move || playing.get().to_string()
                    disabled=move || finished.get()
                    on:click=move |_| studio.send(ImageCommand::Play(true))
                >
                    "Play"
                </button>
                <button
                    data-testid="pause"
                    aria-pressed=move || (!playing.get()).to_string()
                    on:click=move |_| studio.send(ImageCommand::Play(false))
                >
                    "Pause"
                </button>
            </div>
            <button
                data-testid="step-once"
                disabled=move || finished.get()
                on:click=move |_| studio.send(ImageCommand::Step)
            >
                "Step"
            </button>
            <button
                data-testid="stop"
                title="End the drawing here; what is drawn stays"
                disabled=move || finished.get()
                on:click=move |_| studio.send(ImageCommand::Stop)
            >
                "Stop"
            </button>
            <label class="inline scrub">
                <span class="unseen">"Place on the path"</span>
                <input
                    type="range"
                    min="0"
                    data-testid="scrub"
                    max=move || last().to_string()
                    prop:value=move || frame.with(|f| f.map_or(0, |f| f.0)).to_string()
                    aria-valuetext=said
                    on:input:target=move |event| {
                        let index = event.target().value().parse().unwrap_or(0);
                        show((index < last()).then_some(index));
                    }
                />
            </label>
            <span class="count" data-testid="path-step" data-drawing=move || gallery.with(|g| g.drawings.to_string()) data-done=move || finished.get().to_string()>
                {said}
            </span>
            <ShowSwitch />
            <span class="grow"></span>
            <button
                data-testid="save-png"
                title=move || format!("The pixels{} as a PNG file", which())
                on:click=move |_| save(Format::Png)
            >
                "PNG"
            </button>
            <button
                data-testid="save-npy"
                title=move || format!("The numbers{} as a NumPy file", which())
                on:click=move |_| save(Format::Npy)
            >
                "npy"
            </button>
        </div>
    }
}

/// Clean guesses or the images themselves.
#[component]
fn ShowSwitch() -> impl IntoView {
    let studio = use_studio();
    let now = Memo::new(move |_| studio.settings.with(|s| s.choice(ImageKey::Picture)));
    let button = |value: &'static str, name: &'static str, title: &'static str| {
        view! {
            <button
                title=title
                data-value=value
                aria-pressed=move || (now.get() == value).to_string()
                on:click=move |_| studio.set_text(ImageKey::Picture, value)
            >
                {name}
            </button>
        }
    };
    view! {
        <div class="segmented small" role="group" aria-label="Show" data-testid="show">
            {button("guess", "Guess", "The clean image that the model guesses behind the noise")}
            {button("state", "State", "The noisy image as it is, cut off at black and white")}
        </div>
    }
}

/// What the energy says of the images: energies, levels and acceptance.
#[component]
pub fn Energies() -> impl IntoView {
    let studio = use_studio();
    let frame = Memo::new(move |_| studio.gallery.with(|g| g.frame.clone()));
    let mean = Memo::new(move |_| {
        frame.with(|f| {
            let f = f.as_ref()?;
            Some(f.energies.iter().sum::<f32>() / f.energies.len() as f32)
        })
    });
    let level = move || {
        frame.with(|f| {
            let f = f.as_ref()?;
            let (low, high) = (f.levels.iter().min()?, f.levels.iter().max()?);
            let noise = studio.gallery.with(|g| {
                let noise = &g.loaded.as_ref()?.noise;
                noise.get(*low as usize).copied()
            });
            Some(match low == high {
                true => format!("{low} (noise {})", number(noise.unwrap_or(f32::NAN))),
                false => format!("{low} to {high}"),
            })
        })
    };
    let acceptance = move || {
        frame.with(|f| {
            let f = f.as_ref().filter(|f| f.acceptance.is_finite())?;
            Some(format!("{:.0} %", 100.0 * f.acceptance))
        })
    };
    let rows = move || {
        let Some(frame) = frame.get() else {
            return Vec::new();
        };
        let most = frame.energies.iter().fold(f32::MIN, |m, e| m.max(*e));
        let least = frame.energies.iter().fold(f32::MAX, |m, e| m.min(*e));
        let pairs = frame.energies.iter().zip(&frame.levels).zip(0u32..);
        pairs
            .map(|((&energy, &level), i)| {
                let share = (energy - least) / (most - least).max(f32::MIN_POSITIVE);
                view! {
                    <tr
                        class:chosen=move || studio.chosen.get() == Some(i)
                        on:click=move |_| studio.chosen.set(Some(i))
                    >
                        <th scope="row">{i + 1}</th>
                        <td>{number(energy)}</td>
                        <td class="bar">
                            <meter min="0" max="1" value=share.to_string()></meter>
                        </td>
                        <td>{level}</td>
                    </tr>
                }
            })
            .collect::<Vec<_>>()
    };
    view! {
            <h2>"Energy"</h2>
            <p class="figure">
                <b data-testid="energy" data-value=move || mean.get().map(|e| e.to_string())>
                    {move || mean.get().map_or_else(|| "–".into(), number)}
                </b>
                <small>" mean over the images, low where likely"</small>
            </p>
            <dl class="pairs">
                <dt>"Noise level"</dt>
                <dd data-testid="level">{move || level().unwrap_or_else(|| "–".into())}</dd>
                <dt>"Acceptance"</dt>
                <dd data-testid="acceptance">
                    {move || acceptance().unwrap_or_else(|| "no test".into())}
                </dd>
            </dl>
            <div class="scroll-down">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"image"</th>
                            <th scope="col">"E(x, t)"</th>
                            <th scope="col"><span class="unseen">"among the others"</span></th>
                            <th scope="col">"level"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
    }
}
