//! `basin publish`: puts weights with all that is known about them where the page finds them.

use crate::arguments;
use basin::engine::block_on;
use basin::engine::model::ImageModel;
use basin::weights::manifest::{Entry, FileFacts, Input, Manifest, Summary, Training, VERSION};
use basin::weights::reference::{Reference, Score};
use basin::weights::{WeightsFile, sha256};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help);
    let file = |name, help| flag(name, help).value_parser(value_parser!(PathBuf));
    Command::new("publish")
        .about("Puts weights, their reference and what was measured into the page's folder")
        .args([
            file("weights", "Weights (safetensors)").required(true),
            file("reference", "What `evaluate --reference` wrote").required(true),
            file(
                "evaluation",
                "What `evaluate --json` printed; of several, each adds its parts",
            )
            .action(ArgAction::Append),
            file("www", "The page's folder").default_value("www"),
            flag("data", "What the model was trained on").default_value("CIFAR-10"),
            flag("images", "Training images seen")
                .default_value("0")
                .value_parser(value_parser!(u64)),
            flag("hours", "Hours of training")
                .default_value("0")
                .value_parser(value_parser!(f64)),
            flag("machine", "What it was trained on").default_value("unknown"),
            flag("command", "The training's command").default_value(""),
            flag("commit", "The commit it was trained at").default_value(""),
            arguments::device(),
        ])
}

pub fn run(matches: &ArgMatches) -> Result<(), String> {
    let device = arguments::open_device(matches)?;
    let path = |name: &str| matches.get_one::<PathBuf>(name);
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let missing = |name: &str| format!("--{name} is missing");
    let weights = read(path("weights").ok_or_else(|| missing("weights"))?)?;
    let reference = read(path("reference").ok_or_else(|| missing("reference"))?)?;
    let hash = sha256(&weights);
    let of = Reference::read(&String::from_utf8_lossy(&reference))?.weights;
    if of != hash {
        return Err(format!("the reference is of weights {of}, not {hash}"));
    }
    let file = WeightsFile::read(&weights).map_err(|e| e.to_string())?;
    let model = ImageModel::new(&file, &device).map_err(|e| e.to_string())?;
    let name = file.model.name.clone();
    let evaluations: Vec<&PathBuf> = matches
        .get_many("evaluation")
        .into_iter()
        .flatten()
        .collect();
    let evaluations = evaluations.iter().map(|file| read(file));
    let evaluations = evaluations.collect::<Result<Vec<_>, _>>()?;
    let measured = match evaluations.is_empty() {
        true => None,
        false => Some(summary(&evaluations, &hash)?),
    };
    let www = path("www").ok_or_else(|| missing("www"))?;
    let put = |folder: &str, extension: &str, bytes: &[u8]| -> Result<FileFacts, String> {
        let place = format!("{folder}/{name}.{extension}");
        let full = www.join(&place);
        fs::create_dir_all(www.join(folder))
            .and_then(|()| fs::write(&full, bytes))
            .map_err(|e| format!("{}: {e}", full.display()))?;
        Ok(FileFacts {
            path: place,
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        })
    };
    let entry = Entry {
        parameters: model.parameters as u64,
        file: put("weights", "safetensors", &weights)?,
        reference: put("reference", "json", &reference)?,
        input: Input::default(),
        training: Training {
            data: text("data"),
            images: matches.get_one("images").copied().unwrap_or_default(),
            hours: matches.get_one("hours").copied().unwrap_or_default(),
            device: text("machine"),
            command: text("command"),
            commit: text("commit"),
        },
        measured,
        golden: block_on(model.golden()).map_err(|e| e.to_string())?,
        model: file.model,
    };
    let place = www.join("weights/manifest.json");
    let mut manifest = match place.exists() {
        true => Manifest::read(&String::from_utf8_lossy(&read(&place)?))?,
        false => Manifest::default(),
    };
    manifest.version = VERSION;
    // In its old place: the first one is what visitors meet first.
    let old = manifest.models.iter_mut().find(|e| e.model.name == name);
    match old {
        Some(old) => *old = entry,
        None => manifest.models.push(entry),
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| e.to_string())?;
    // What is written is what pages will read.
    Manifest::read(&text)?;
    fs::write(&place, text + "\n").map_err(|e| format!("{}: {e}", place.display()))?;
    println!("{name}: {} parameters, weights {hash}", model.parameters);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// The lines of evaluations of the same weights that a visitor wants to know.
fn summary(evaluations: &[Vec<u8>], hash: &str) -> Result<Summary, String> {
    let mut all = serde_json::Map::new();
    let (mut commands, mut commits) = (Vec::new(), Vec::new());
    for evaluation in evaluations {
        let one: Value = serde_json::from_slice(evaluation).map_err(|e| e.to_string())?;
        if one["weights"] != hash {
            return Err(format!(
                "an evaluation is of weights {}, not {hash}",
                one["weights"]
            ));
        }
        for (list, key) in [(&mut commands, "command"), (&mut commits, "commit")] {
            let text = one[key].as_str().unwrap_or_default().to_owned();
            if !list.contains(&text) {
                list.push(text);
            }
        }
        all.extend(one.as_object().cloned().unwrap_or_default());
    }
    let all = Value::from(all);
    let empty = Vec::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let distances = all["samples"]["distances"].as_array().unwrap_or(&empty);
    let distance = |set: &str, by: &str| {
        let row = distances.iter().find(|row| row["set"] == set);
        row.map(|row| number(&row[by]))
    };
    let frechet = [("ResNet-56", "resnet56"), ("MobileNet", "mobilenet")];
    let frechet = frechet.into_iter().filter_map(|(name, by)| {
        Some((
            name.into(),
            distance("samples", by)?,
            distance("Gaussian", by)?,
        ))
    });
    let best = Score::Denoising.name();
    let rows = list(&all["outliers"]);
    let rows = rows
        .iter()
        .filter(|r| r["score"] == best && r["corrected"] == false);
    Ok(Summary {
        frechet: frechet.collect(),
        score: best.into(),
        auroc: rows
            .map(|r| (name(&r["set"]), number(&r["auroc"])))
            .collect(),
        command: commands.join("; "),
        commit: commits.join(", "),
    })
}
