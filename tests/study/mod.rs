//! `basin study2d` as its users call it.

use super::basin;
use std::process::Command;

/// One run of DCD, with one seed.
fn one_run<'a>(density: &'a str, budget: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let study = ["study2d", "--methods", "dcd", "--seeds", "1"];
    let this = ["--densities", density, "--budget", budget];
    [&study[..], &this[..], more].concat()
}

/// A stopped study goes on from the checkpoint of the run under way, if that is still what the presets
/// say.
#[cfg(unix)]
#[test]
fn a_stopped_study_goes_on_in_the_middle_of_a_run() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let arguments = one_run("8-gaussians", "5s", &[]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_basin"))
        .args(&arguments)
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
    let files = ["--json", "study.json", "--runs", "elsewhere"];
    let part = one_run("gaussian", "2s", &files);
    let less = basin(folder, &part);
    assert!(less.status.success(), "{less:?}");
    assert!(
        String::from_utf8_lossy(&less.stderr).contains("no figure"),
        "{less:?}"
    );
    let again = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!((again("study.md"), again("study.svg")), (table, figure));
    let lines = basin(folder, &one_run("gaussian", "1s", &["--json", "-"]));
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
