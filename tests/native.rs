//! Native integration tests: the golden run, and the command line.
#![cfg(not(target_arch = "wasm32"))]

mod closed_form;
mod parity;

use basin::engine::block_on;
use burn::tensor::Device;
use std::process::Command;

#[test]
fn the_closed_form_checks_pass() {
    block_on(closed_form::pass(&Device::flex()));
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

/// A stopped study goes on from the checkpoint of the run under way, if that is still what the presets
/// say.
#[cfg(unix)]
#[test]
fn a_stopped_study_goes_on_in_the_middle_of_a_run() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = [
        "study2d",
        "--densities",
        "8-gaussians",
        "--methods",
        "dcd",
        "--seeds",
        "1",
        "--budget",
        "5s",
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_basin"))
        .args(arguments)
        .current_dir(folder)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The run begins.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut String::new()).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    std::io::copy(&mut said, &mut std::io::sink()).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!folder.join("study2d.json").exists());
    let file = folder.join("study2d-runs/8-gaussians-dcd-seed1-5s.safetensors");
    let kept = std::fs::read(&file).unwrap();
    let stopped = basin::engine::Checkpoint::from_bytes(&kept).unwrap();
    assert!(stopped.iteration > 0);

    // The same run with another clip, as after a change of the presets.
    let mut other = stopped.settings.clone();
    other.set_text(basin::settings::Key::Clip, "3").unwrap();
    let other = basin::engine::Checkpoint {
        settings: other,
        ..stopped
    };
    std::fs::write(&file, other.to_bytes()).unwrap();
    let told = basin(folder, &arguments);
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        !told.status.success() && said.contains("other settings (clip)"),
        "{said}"
    );

    // Of so much training only a run that goes on can tell.
    let spent = basin::engine::Checkpoint {
        seconds: 100.0,
        ..basin::engine::Checkpoint::from_bytes(&kept).unwrap()
    };
    std::fs::write(&file, spent.to_bytes()).unwrap();
    let done = basin(folder, &arguments);
    assert!(done.status.success(), "{done:?}");
    let rows = std::fs::read(folder.join("study2d.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&rows).unwrap();
    assert!(rows[0]["iterations"].as_u64().unwrap() >= spent.iteration);
    assert!(rows[0]["seconds"].as_f64().unwrap() >= 100.0, "{rows:?}");
    assert_eq!(rows[0]["samples"], 2000);
}

/// A study of seconds: one object a run, a table, a figure; done runs are not done again.
#[test]
fn a_study_trains_measures_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = [
        "study2d",
        "--densities",
        "gaussian,8-gaussians",
        "--methods",
        "dcd,nce",
        "--seeds",
        "1",
        "--budget",
        "2s",
        "--json",
        "study.json",
    ];
    let first = basin(folder, &arguments);
    assert!(first.status.success(), "{first:?}");
    let read = || -> Vec<serde_json::Value> {
        serde_json::from_slice(&std::fs::read(folder.join("study.json")).unwrap()).unwrap()
    };
    let rows = read();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        for number in [
            "seed",
            "kl_truth_model",
            "kl_model_truth",
            "mass_error",
            "iterations",
            "seconds",
        ] {
            assert!(
                row[number].as_f64().is_some_and(f64::is_finite),
                "{number}: {row}"
            );
        }
        // Two seconds of training, and at least one slice of it.
        assert!(row["iterations"].as_u64().unwrap() >= 10, "{row}");
    }
    let table = std::fs::read_to_string(folder.join("study.md")).unwrap();
    assert!(table.contains("| 8-gaussians | "), "{table}");
    let figure = std::fs::read_to_string(folder.join("study.svg")).unwrap();
    // The truth and two methods for each of two densities.
    assert_eq!(figure.matches("<image").count(), 6);
    assert!(basin(folder, &arguments).status.success());
    assert_eq!(read(), rows);
    // Asked for less, the files beside the results are still of all of them; without the checkpoints the
    // figure stays as it is.
    let part = [
        "study2d",
        "--densities",
        "gaussian",
        "--methods",
        "dcd",
        "--seeds",
        "1",
        "--budget",
        "2s",
        "--json",
        "study.json",
        "--runs",
        "elsewhere",
    ];
    let less = basin(folder, &part);
    assert!(less.status.success(), "{less:?}");
    assert!(
        String::from_utf8_lossy(&less.stderr).contains("no figure"),
        "{less:?}"
    );
    let again = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!((again("study.md"), again("study.svg")), (table, figure));
    let lines = basin(
        folder,
        &[
            "study2d",
            "--densities",
            "gaussian",
            "--methods",
            "dcd",
            "--seeds",
            "1",
            "--budget",
            "1s",
            "--json",
            "-",
        ],
    );
    assert!(lines.status.success(), "{lines:?}");
    let text = String::from_utf8(lines.stdout).unwrap();
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    let row: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(
        (row["density"].as_str(), row["method"].as_str()),
        (Some("gaussian"), Some("dcd"))
    );
    for bad in [
        ["--methods", "gan"],
        ["--budget", "soon"],
        ["--densities", "mars"],
    ] {
        let told = basin(folder, &["study2d", bad[0], bad[1]]);
        assert!(!told.status.success());
        assert!(
            String::from_utf8_lossy(&told.stderr).contains(bad[1]),
            "{told:?}"
        );
    }
}
