//! The architecture's floors: a module may use those below its own, never those above.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module's floor.
const FLOORS: &[(&str, u32)] = &[
    ("app", 6),
    ("worker", 5),
    ("engine", 4),
    ("objective", 3),
    ("sampler", 2),
    ("metric", 2),
    ("energy", 1),
    ("kernel", 1),
    ("data", 1),
    ("colour", 0),
    ("diffusion", 0),
    ("protocol", 0),
    ("rng", 0),
    ("settings", 0),
    ("threads", 0),
    ("thrown", 0),
    ("weights", 0),
];

/// Uses on one floor that the design allows: messages and schedules come of settings, a test draws
/// numbers, a model names its noise levels, a network runs on its kernels.
const SIDEWAYS: &[(&str, &str)] = &[
    ("protocol", "settings"),
    ("protocol", "weights"),
    ("diffusion", "settings"),
    ("settings", "rng"),
    ("weights", "diffusion"),
    ("energy", "kernel"),
    ("energy", "data"),
];

/// What the page must never link, and the worker neither.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "app",
        &["burn", "wgpu", "engine", "energy", "sampler", "objective"],
    ),
    ("worker", &["leptos"]),
];

fn floor(module: &str) -> Option<u32> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

/// The top-level module that a file belongs to; `None` for the crate root and the binaries.
fn module_of(file: &Path, source: &Path) -> Option<String> {
    let first = file.strip_prefix(source).ok()?.components().next()?;
    let name = first
        .as_os_str()
        .to_str()?
        .trim_end_matches(".rs")
        .to_owned();
    (name != "lib" && name != "bin").then_some(name)
}

/// Names of our own modules that a text uses through `crate::`, groups included.
fn used_modules(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let group = rest
            .strip_prefix('{')
            .map_or("", |g| g.split_once("};").map_or("", |(g, _)| g));
        let names = if group.is_empty() {
            vec![rest]
        } else {
            group.split(',').collect()
        };
        for name in names {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            if floor(&name).is_some() {
                used.push(name);
            }
        }
    }
    used
}

#[test]
fn no_module_uses_one_above_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for file in rust_files(&source) {
        let Some(module) = module_of(&file, &source) else {
            continue;
        };
        let own = floor(&module).unwrap_or_else(|| panic!("{module} has no floor in this table"));
        let text = fs::read_to_string(&file).unwrap();
        for used in used_modules(&text) {
            seen += 1;
            let below = used == module
                || floor(&used).unwrap() < own
                || SIDEWAYS.contains(&(module.as_str(), used.as_str()));
            assert!(below, "{} (floor {own}) uses {used}", file.display());
        }
        for (_, names) in FORBIDDEN.iter().filter(|(m, _)| *m == module) {
            for name in *names {
                let bad = text.contains(&format!("{name}::"));
                assert!(!bad, "{} mentions {name}::", file.display());
            }
        }
    }
    assert!(seen > 50, "the scan found only {seen} uses: it is broken");
}

#[test]
fn the_scan_reads_groups_and_paths() {
    assert_eq!(
        used_modules("use crate::{data::Density, rng}; crate::engine::x"),
        ["data", "rng", "engine"]
    );
}
