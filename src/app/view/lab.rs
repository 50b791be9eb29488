//! The Lab page: what the device is, whether its numbers are right, and how to lose it.

use super::browser::copy;
use super::images::use_studio;
use super::speed::Speed;
use super::state::use_state;
use crate::app::words::{self, number};
use crate::protocol::{Backend, Command, GOLDEN_TOLERANCE, Lab as Device};
use leptos::prelude::*;
use leptos::task::spawn_local;

#[component]
pub fn Lab() -> impl IntoView {
    let state = use_state();
    let device = Memo::new(move |_| state.run.with(|run| run.lab.clone()));
    let rate = Memo::new(move |_| state.run.with(|run| run.rate));
    let click = move |_| {
        let Some(text) =
            device.with_untracked(|d| d.as_ref().map(|d| report(d, rate.get_untracked())))
        else {
            return;
        };
        spawn_local(async move {
            state.say(if copy(&text).await {
                "Copied"
            } else {
                "This browser does not let the page copy: select the text of the report instead."
            });
        });
    };
    let on_gpu = Memo::new(move |_| state.run.with(|run| run.backend == Some(Backend::WebGpu)));
    let playing = Memo::new(move |_| state.run.with(|run| run.playing));
    view! {
        <section class="lab">
            <h1>"Lab"</h1>
            <p class="quiet">
                "At the start the device's numbers are held against the CPU's. "
                {move || if playing.get() { "The run goes on while you are here." } else { "The run rests." }}
            </p>
            <div class="buttons">
                <button data-testid="rerun-selftest" on:click=move |_| state.send(Command::SelfTest)>
                    "Run the self-test again"
                </button>
                <button
                    data-testid="lose-device"
                    title="Destroys the GPU device; the run should go on from its last checkpoint"
                    disabled=move || !on_gpu.get()
                    on:click=move |_| state.send(Command::LoseDevice)
                >
                    "Lose the device"
                </button>
                <button on:click=click>"Copy report"</button>
            </div>
            {move || match device.get() {
                None => view! { <p>"The worker is starting…"</p> }.into_any(),
                Some(device) => view! { <Report device rate /> }.into_any(),
            }}
            <Speed />
            <Golden />
        </section>
    }
}

/// The energies of the model of images against those of the machine that trained it.
#[component]
fn Golden() -> impl IntoView {
    let studio = use_studio();
    let row = move || {
        studio.gallery.with(|g| {
            let loaded = g.loaded.as_ref()?;
            let error = loaded.golden_error?;
            let passed = error <= GOLDEN_TOLERANCE;
            Some(view! {
                <table>
                    <tbody>
                        <tr class:failed=!passed data-testid="golden" data-passed=passed.to_string()>
                            <th scope="row">{loaded.name.clone()}</th>
                            <td>{if loaded.on_gpu { "WebGPU" } else { "CPU" }}</td>
                            <td>{if passed { "passed" } else { "failed" }}</td>
                            <td>{format!("{error:.1e}")}</td>
                            <td>{format!("{GOLDEN_TOLERANCE:.1e}")}</td>
                            <td>
                                {format!("{:.0} ms for {} gradients", 1e3 * loaded.seconds, loaded.batch)}
                            </td>
                        </tr>
                    </tbody>
                </table>
            })
        })
    };
    view! {
        <h2>"Golden energies of images"</h2>
        {move || match row() {
            Some(row) => view! { <div class="scroll-across">{row}</div> }.into_any(),
            None => view! {
                <p class="quiet">
                    "Load a shipped model on the Sample page: its energies of known images are then held against the trainer's."
                </p>
            }
            .into_any(),
        }}
    }
}

#[component]
fn Report(device: Device, rate: Memo<f64>) -> impl IntoView {
    let passed = device.passed().map(|passed| passed.to_string());
    let text = StoredValue::new(device.clone());
    let checks = device.checks.iter().map(|check| {
        view! {
            <tr class:failed=!check.passed()>
                <th scope="row">{check.name.clone()}</th>
                <td>{if check.passed() { "passed" } else { "failed" }}</td>
                <td>{format!("{:.1e}", check.error)}</td>
                <td>{format!("{:.1e}", check.tolerance)}</td>
                <td>{number(check.milliseconds)}</td>
            </tr>
        }
    });
    let facts = device.facts.iter().map(|(name, value)| {
        view! {
            <tr>
                <th scope="row">{name.clone()}</th>
                <td>{value.clone()}</td>
            </tr>
        }
    });
    view! {
        <h2>
            "Self-test: "
            <span data-testid="selftest" data-passed=passed>
                {verdict(&device)}
            </span>
        </h2>
        <div class="scroll-across">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"check"</th>
                        <th scope="col">"result"</th>
                        <th scope="col">"error"</th>
                        <th scope="col">"allowed"</th>
                        <th scope="col">"ms"</th>
                    </tr>
                </thead>
                <tbody>{checks.collect_view()}</tbody>
            </table>
        </div>
        <h2>"Device"</h2>
        <p>{device.adapter.clone()}</p>
        {device.why_cpu.as_ref().map(|why| view! { <p>{words::on_cpu(Some(why))}</p> })}
        <div class="scroll-across">
            <table>
                <tbody>{facts.collect_view()}</tbody>
            </table>
        </div>
        <details>
            <summary>"Report as text"</summary>
            <pre>{move || text.with_value(|device| report(device, rate.get()))}</pre>
        </details>
    }
}

fn verdict(device: &Device) -> String {
    let good = device.checks.iter().filter(|check| check.passed()).count();
    let word = match device.passed() {
        Some(true) => "passed",
        Some(false) => "failed",
        None => "running",
    };
    format!("{word} ({good} of {} checks)", device.planned)
}

/// The page's facts as lines of text, for a bug report.
fn report(device: &Device, rate: f64) -> String {
    let mut out = format!("Basin {}\n", env!("CARGO_PKG_VERSION"));
    out.push_str(&format!(
        "browser: {}\n",
        window().navigator().user_agent().unwrap_or_default()
    ));
    out.push_str(&format!(
        "backend: {:?}\nadapter: {}\n",
        device.backend, device.adapter
    ));
    if let Some(why) = &device.why_cpu {
        out.push_str(&format!("why CPU: {}\n", words::why_cpu(why)));
    }
    out.push_str(&format!(
        "iterations a second: {rate:.1}\nself-test: {}\n",
        verdict(device)
    ));
    for c in &device.checks {
        let word = if c.passed() { "passed" } else { "failed" };
        out.push_str(&format!(
            "  {}: {word}, error {:e} of {:e}, {} ms\n",
            c.name, c.error, c.tolerance, c.milliseconds
        ));
    }
    for (name, value) in &device.facts {
        out.push_str(&format!("{name}: {value}\n"));
    }
    out
}
