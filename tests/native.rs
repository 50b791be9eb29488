//! Native integration tests: the golden run, and the command line.
#![cfg(not(target_arch = "wasm32"))]

mod closed_form;
mod parity;
mod shipped;
mod study;

use basin::engine::block_on;
use burn::tensor::Device;
use std::process::Command;

#[test]
fn the_closed_form_checks_pass() {
    block_on(closed_form::pass(&Device::flex()));
}

#[test]
fn shipped_weights_give_the_golden_energies() {
    block_on(shipped::gives_golden_energies(&Device::flex()));
}

fn basin(folder: &std::path::Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_basin"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

const TINY: &[&str] = &[
    "train2d",
    "--preset",
    "gaussian-pcd",
    "--width",
    "8",
    "--depth",
    "1",
    "--chains",
    "16",
    "--buffer",
    "64",
    "--steps",
    "2",
    "--grid",
    "32",
    "--fresh",
    "20",
    "--visits",
    "2",
    "--report-every",
    "10",
    "--json",
];

fn tiny(folder: &std::path::Path, more: &[&str]) -> std::process::Output {
    basin(folder, &[TINY, more].concat())
}

fn has_checkpoint(folder: &std::path::Path) -> bool {
    folder.join("gaussian-pcd-seed1.safetensors").exists()
}

fn lines(output: &std::process::Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_cpu_gives_the_golden_run() {
    // 1e-5, not bits: the matrix product picks its kernel by the processor.
    parity::compare(&block_on(parity::measure(Device::flex())), 1e-5);
}

#[test]
fn kernels_change_nothing_about_a_run() {
    block_on(parity::kernels_change_nothing(&Device::flex()));
}

#[test]
#[ignore = "prints tests/golden/run.json anew"]
fn print_golden() {
    println!(
        "{}",
        serde_json::to_string(&block_on(parity::measure(Device::flex()))).unwrap()
    );
}

#[test]
fn train2d_prints_reports_and_a_last_line() {
    let folder = tempfile::tempdir().unwrap();
    let output = tiny(folder.path(), &["--iterations", "30"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = lines(&output);
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["event"], "report");
    assert_eq!(lines[0]["losses"].as_array().unwrap().len(), 10);
    let last = &lines[3];
    assert_eq!(last["event"], "final");
    assert_eq!(last["iterations"], 30);
    assert_eq!(last["seed"], 1);
    assert!(last["kl_truth_model"].as_f64().unwrap() > 0.0);
    assert_eq!(last["fresh_samples"], 20);
    assert!(has_checkpoint(folder.path()));
}

#[test]
fn a_long_run_is_held_against_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let long = [
        "--iterations",
        "10",
        "--long-run",
        "--sampler",
        "mala",
        "--step-size",
        "1",
        "--short-steps",
        "5",
        "--long-steps",
        "100",
    ];
    let output = tiny(folder.path(), &long);
    let lines = lines(&output);
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "long-run");
    let chains = last["chains"].as_array().unwrap();
    let steps: Vec<_> = chains
        .iter()
        .map(|c| c["steps"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [5, 5, 100, 100]);
    let from: Vec<_> = chains.iter().map(|c| c["from"].as_str().unwrap()).collect();
    assert_eq!(from, ["noise", "data", "noise", "data"]);
    for chain in chains {
        let acceptance = chain["acceptance"].as_f64().unwrap();
        assert!(0.1 < acceptance && acceptance < 1.0, "{acceptance}");
    }
    assert!(last["verdict"].as_str().unwrap().contains("the truth"));
}

#[test]
fn a_stopped_run_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let whole = tiny(
        folder.path(),
        &["--iterations", "40", "--decay", "off", "--out", "whole"],
    );
    let part = tiny(
        folder.path(),
        &["--iterations", "20", "--decay", "off", "--out", "part"],
    );
    assert!(part.status.success());
    let resumed = tiny(
        folder.path(),
        &[
            "--resume",
            "part/gaussian-pcd-seed1.safetensors",
            "--iterations",
            "40",
            "--out",
            "resumed",
        ],
    );
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
    let (a, b) = (lines(&whole), lines(&resumed));
    let (a, b) = (a.last().unwrap(), b.last().unwrap());
    for name in ["kl_truth_model", "mass_buffer", "mmd", "iterations"] {
        assert_eq!(a[name], b[name], "{name}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_a_checkpoint() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_basin"))
        .args([TINY, &["--iterations", "1000000"]].concat())
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    // SIGINT, as Ctrl-C sends it.
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
    let bytes = std::fs::read(folder.path().join("gaussian-pcd-seed1.safetensors")).unwrap();
    assert!(
        basin::engine::Checkpoint::from_bytes(&bytes)
            .unwrap()
            .iteration
            >= 10
    );
}

#[test]
fn bad_input_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "not a folder").unwrap();
    std::fs::write(folder.path().join("broken.safetensors"), "nonsense").unwrap();
    for (arguments, expected) in [
        (&["train2d", "--preset", "mars"][..], "no preset"),
        (&["train2d", "--steps", "1e9"], "outside its range"),
        (&["train2d", "--sampler", "nuts"], "could not be read"),
        (&["train2d", "--out", "file/inside"], "cannot write to"),
        (
            &["train2d", "--resume", "broken.safetensors"],
            "no readable safetensors",
        ),
        (&["train2d", "--resume", "missing"], "cannot read missing"),
        (&["train2d", "--preset", "points-pcd"], "points"),
    ] {
        let output = basin(folder.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said.contains(expected), "{arguments:?} said {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// A device that is always full: the checkpoint cannot be written, and the program says so.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("gaussian-pcd-seed1.part")).unwrap();
    let output = tiny(folder.path(), &["--iterations", "10"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("cannot write"),
        "{said}"
    );
}

/// Reports that cannot be written end the run, with its checkpoint kept.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_basin"))
        .args(TINY)
        .current_dir(folder.path())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success()
            && said.contains("cannot write the report")
            && !said.contains("panicked"),
        "{said}"
    );
    assert!(has_checkpoint(folder.path()));
}

#[test]
fn a_resumed_run_refuses_flags_that_would_change_it() {
    let folder = tempfile::tempdir().unwrap();
    assert!(
        tiny(folder.path(), &["--iterations", "10"])
            .status
            .success()
    );
    let file = ["--resume", "gaussian-pcd-seed1.safetensors"];
    for wrong in [&["--seed", "2"][..], &["--levels", "3", "--data", "banana"]] {
        let output = tiny(folder.path(), &[&file[..], wrong].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("leave that flag out"),
            "{wrong:?}: {said}"
        );
    }
    let other = basin(
        folder.path(),
        &[&["train2d", "--preset", "banana-pcd"], &file[..]].concat(),
    );
    assert!(!other.status.success());
}

#[test]
fn a_runaway_stops_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let wild = [
        "--lr",
        "0.1",
        "--clip",
        "0",
        "--warmup",
        "0",
        "--sampler",
        "ula",
        "--depth",
        "3",
        "--width",
        "64",
        "--iterations",
        "5000",
        "--decay",
        "off",
    ];
    let kept: Vec<&str> = TINY
        .iter()
        .copied()
        .filter(|a| !["--width", "8", "--depth", "1"].contains(a))
        .collect();
    let output = basin(folder.path(), &[&kept[..], &wild[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("ran away"),
        "{said}"
    );
    let lines = lines(&output);
    let last = lines.last().unwrap();
    assert_eq!(last["event"], "final");
    assert!(last["iterations"].as_u64() < last["ran_away"].as_u64());
    assert!(has_checkpoint(folder.path()));
}

/// The tiny model of the page's tests.
fn tiny_model(file: &str) -> String {
    format!("{}/tests/e2e/tiny/{file}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_training_of_images_is_timed_and_checked_against() {
    let folder = tempfile::tempdir().unwrap();
    let weights = tiny_model("weights/dcd-cifar.safetensors");
    let few = ["bench", "train", "--batch", "3", "--weights", &weights];
    let timed = basin(folder.path(), &[&few[..], &["--iterations", "1"]].concat());
    let said = String::from_utf8_lossy(&timed.stdout).into_owned();
    assert!(
        said.contains("images a second") && said.contains("% loss and gradient"),
        "{said}"
    );
    let checked = basin(folder.path(), &[&few[..], &["--check", "out"]].concat());
    assert!(checked.status.success());
    let facts = std::fs::read(folder.path().join("out/check.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_slice(&facts).unwrap();
    assert_eq!(facts["energies"].as_array().unwrap().len(), 3);
    assert!(facts["loss"].as_f64().unwrap() > 0.0);
    let x = std::fs::metadata(folder.path().join("out/x.npy")).unwrap();
    assert_eq!(x.len(), 128 + 4 * 3 * 3072);
}

#[test]
fn published_weights_are_what_the_page_reads_and_a_foreign_reference_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, reference) = (
        tiny_model("weights/dcd-cifar.safetensors"),
        tiny_model("reference/dcd-cifar.json"),
    );
    let publish = |reference: &str| {
        let arguments = ["publish", "--weights", &weights, "--reference", reference];
        basin(folder.path(), &[&arguments[..], &["--www", "www"]].concat())
    };
    let done = publish(&reference);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = std::fs::read_to_string(folder.path().join("www/weights/manifest.json")).unwrap();
    let manifest = basin::weights::manifest::Manifest::read(&text).unwrap();
    let right = std::fs::read_to_string(tiny_model("weights/manifest.json")).unwrap();
    let right = basin::weights::manifest::Manifest::read(&right).unwrap();
    assert_eq!(manifest.models[0].file, right.models[0].file);
    for (a, b) in manifest.models[0]
        .golden
        .iter()
        .zip(&right.models[0].golden)
    {
        assert!((a - b).abs() <= 1e-4 * b.abs(), "{a} {b}");
    }
    let foreign = folder.path().join("foreign.json");
    let text = std::fs::read_to_string(&reference).unwrap();
    let hash = &right.models[0].file.sha256;
    std::fs::write(&foreign, text.replace(hash.as_str(), &"0".repeat(64))).unwrap();
    let refused = publish(foreign.to_str().unwrap());
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the reference is of weights"));
}
