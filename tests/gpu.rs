//! The kernels on a GPU, software or not, against the same computation on the CPU.
#![cfg(not(target_arch = "wasm32"))]

mod agreement;
mod closed_form;
mod kernels;
mod parity;
mod shipped;

use basin::engine::{Checkpoint, Train2d, block_on, self_test};
use basin::kernel::{Network, Plain, Program, Shape, What, set_software};
use basin::settings::{Key, METHODS};
use burn::tensor::{Device, DeviceKind};
use std::sync::OnceLock;

/// Mesa's software Vulkan, which `cargo xtask test` installs: the same everywhere.
fn gpu() -> Device {
    static OPENED: OnceLock<Device> = OnceLock::new();
    let open = || {
        Device::wgpu_options()
            .device_kind(DeviceKind::Cpu)
            .init()
            .expect("a software Vulkan; `cargo xtask test` installs one")
    };
    OPENED.get_or_init(open).clone()
}

#[test]
fn the_self_test_passes() {
    for check in block_on(self_test(&gpu())).unwrap() {
        println!("{check:?}");
        assert!(check.passed(), "{check:?}");
    }
}

#[test]
fn kernels_agree_with_the_cpu_on_any_input() {
    block_on(kernels::agree(&gpu(), 256));
    // Mesa takes long over the shape that is made for another software adapter.
    set_software(true);
    block_on(kernels::agree(&gpu(), 33));
    set_software(false);
}

#[test]
fn the_closed_form_checks_pass() {
    block_on(closed_form::pass(&gpu()));
}

#[test]
fn every_method_agrees_with_the_cpu() {
    for method in METHODS {
        block_on(agreement::method_agrees(method, &[], gpu()));
    }
    for estimator in ["fp-stein", "fp-noised", "fp-clean", "anti"] {
        let changes = [(Key::Estimator, estimator), (Key::Diffusion, "vp")];
        block_on(agreement::method_agrees("dcd", &changes, gpu()));
    }
}

#[test]
fn shipped_weights_give_the_golden_energies() {
    block_on(shipped::gives_golden_energies(&gpu()));
}

#[test]
fn a_gpu_gives_the_golden_run() {
    let run = block_on(parity::measure(gpu()));
    parity::compare(&run, 1e-4);
}

#[test]
fn kernels_change_nothing_about_a_run() {
    block_on(parity::kernels_change_nothing(&gpu()));
}

#[test]
fn a_run_moves_from_gpu_to_cpu_and_on() {
    let mut run = Train2d::new(parity::settings(), gpu()).unwrap();
    block_on(run.advance(3)).unwrap();
    let bytes = block_on(run.checkpoint()).unwrap().to_bytes();
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    let mut moved = Train2d::resume(checkpoint, Device::flex()).unwrap();
    block_on(moved.advance(2)).unwrap();
    block_on(run.advance(2)).unwrap();
    let a = block_on(run.report(None)).unwrap();
    let b = block_on(moved.report(None)).unwrap();
    assert_eq!((a.iteration, b.iteration), (5, 5));
    assert!((a.kl_truth_model - b.kl_truth_model).abs() < 1e-3);
}

#[test]
fn shaders_are_valid_for_every_network() {
    let base = Network {
        width: 128,
        depth: 3,
        levels: 7,
        activation: 0,
        confinement: 0.05,
    };
    let networks = [
        base,
        Network { levels: 0, ..base },
        Network {
            width: 8,
            depth: 1,
            activation: 1,
            ..base
        },
        Network {
            width: 256,
            depth: 4,
            activation: 2,
            confinement: 0.0,
            ..base
        },
    ];
    let programs = [
        What::Energy,
        What::Gradient,
        What::Chains,
        What::Levels,
        What::Tape,
        What::Contrast,
        What::Reduce,
        What::Gates,
        What::GatesBack,
        What::GatesReduce,
    ];
    let plain = [
        Plain::Take(1),
        Plain::Put(7),
        Plain::Norm(64),
        Plain::Adam(64),
        Plain::MultiplyAdd,
        Plain::Loads,
        Plain::Products(128, 4),
    ];
    for kernel in plain {
        valid(&kernel.text(), &format!("{kernel:?}"));
    }
    for network in networks {
        let shapes = [Shape::Tile, Shape::Lane(2), Shape::Lane(8)];
        // The time network belongs to networks with levels.
        let of_time = [
            What::Levels,
            What::Gates,
            What::GatesBack,
            What::GatesReduce,
        ];
        for (what, shape) in programs.iter().flat_map(|what| shapes.map(|s| (*what, s))) {
            if network.levels == 0 && of_time.contains(&what) {
                continue;
            }
            let text = Program {
                what,
                network,
                shape,
            }
            .text();
            valid(&text, &format!("{what:?} {shape:?}"));
        }
    }
}

fn valid(text: &str, name: &str) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::empty(),
    )
    .validate(&module)
    .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
}
