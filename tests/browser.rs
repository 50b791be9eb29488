//! Tests on the browser's own WebGPU, in a dedicated worker as the app runs it.
#![cfg(target_arch = "wasm32")]

mod agreement;
mod closed_form;
mod kernels;
mod parity;
mod shipped;

use basin::engine::{CHECKS, Checkpoint, Train2d, self_test};
use basin::kernel::set_software;
use basin::protocol::Check;
use basin::settings::{Key, Preset, Size};
use burn::tensor::Device;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// The WebGPU device, opened once: burn refuses a second initialisation of the same adapter.
async fn webgpu() -> Device {
    use std::cell::RefCell;
    thread_local!(static OPENED: RefCell<Option<Device>> = const { RefCell::new(None) });
    if let Some(device) = OPENED.with(|o| o.borrow().clone()) {
        return device;
    }
    basin::worker::construct();
    let device = Device::wgpu_options().init_async().await.unwrap();
    OPENED.with(|o| *o.borrow_mut() = Some(device.clone()));
    device
}

#[wasm_bindgen_test]
async fn every_kernel_family_agrees_with_the_cpu() {
    let checks = self_test(&webgpu().await).await.unwrap();
    let failed: Vec<&Check> = checks.iter().filter(|c| !c.passed()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(checks.len(), CHECKS);
}

#[wasm_bindgen_test]
async fn kernels_agree_with_the_cpu_on_any_input() {
    for software in [false, true] {
        set_software(software);
        kernels::agree(&webgpu().await, 256).await;
    }
}

#[wasm_bindgen_test]
async fn the_closed_form_checks_pass_on_webgpu() {
    closed_form::pass(&webgpu().await).await;
}

#[wasm_bindgen_test]
async fn shipped_weights_give_the_golden_energies_on_the_wasm_cpu() {
    shipped::gives_golden_energies(&Device::flex()).await;
}

#[wasm_bindgen_test]
async fn shipped_weights_give_the_golden_energies_on_webgpu() {
    shipped::gives_golden_energies(&webgpu().await).await;
}

#[wasm_bindgen_test]
async fn the_papers_methods_agree_with_the_cpu() {
    for method in ["dcd", "ddaebm"] {
        agreement::method_agrees(method, &[], webgpu().await).await;
    }
}

#[wasm_bindgen_test]
async fn the_wasm_cpu_gives_the_golden_run() {
    parity::compare(&parity::measure(Device::flex()).await, 1e-4);
}

#[wasm_bindgen_test]
async fn webgpu_gives_the_golden_run() {
    parity::compare(&parity::measure(webgpu().await).await, 1e-4);
}

#[wasm_bindgen_test]
async fn kernels_change_nothing_about_a_run() {
    parity::kernels_change_nothing(&Device::flex()).await;
}

/// Dispatches since the page began, once asked for.
fn dispatches() -> f64 {
    const COUNT: &str = "
        if (self.dispatches === undefined) {
            self.dispatches = 0;
            const pass = GPUComputePassEncoder.prototype;
            for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
                const dispatch = pass[name];
                pass[name] = function (...size) {
                    self.dispatches += 1;
                    return dispatch.apply(this, size);
                };
            }
        }
        self.dispatches";
    js_sys::eval(COUNT).unwrap().as_f64().unwrap()
}

#[wasm_bindgen_test]
async fn an_iteration_of_da_ebm_takes_few_dispatches() {
    let preset = Preset::of("four-rings", "da-ebm", Size::Standard).unwrap();
    let mut s = preset.settings();
    for (key, text) in [
        (Key::Width, "16"),
        (Key::Chains, "64"),
        (Key::Buffer, "256"),
    ] {
        s.set_text(key, text).unwrap();
    }
    let mut run = Train2d::new(s, webgpu().await).unwrap();
    run.advance(2).await.unwrap();
    let mut counts = Vec::new();
    for iterations in [1, 11] {
        let before = dispatches();
        run.advance(iterations).await.unwrap();
        counts.push(dispatches() - before);
    }
    let each = (counts[1] - counts[0]) / 10.0;
    // Twelve, and the draw of labels.
    assert!(each > 1.0 && each <= 13.0, "{each} dispatches: {counts:?}");
}

#[wasm_bindgen_test]
async fn a_run_moves_from_webgpu_to_the_cpu_and_on() {
    let device = webgpu().await;
    let mut run = Train2d::new(parity::settings(), device).unwrap();
    run.advance(3).await.unwrap();
    let bytes = run.checkpoint().await.unwrap().to_bytes();
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    let mut moved = Train2d::resume(checkpoint.clone(), Device::flex()).unwrap();
    assert_eq!(
        moved.checkpoint().await.unwrap().weights,
        checkpoint.weights
    );
    moved.advance(2).await.unwrap();
    run.advance(2).await.unwrap();
    let (a, b) = (
        run.report(None).await.unwrap(),
        moved.report(None).await.unwrap(),
    );
    assert_eq!((a.iteration, b.iteration), (5, 5));
    assert!(
        (a.losses[4] - b.losses[1]).abs() < 1e-3,
        "{:?} {:?}",
        a.losses,
        b.losses
    );
    assert!((a.kl_truth_model - b.kl_truth_model).abs() < 1e-3);
}
