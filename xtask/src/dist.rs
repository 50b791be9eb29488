//! The built page, as static files.
//!
//! Invariant: `dist/` works at any path of any static host, `/lab` opened directly included, and
//! every wasm file is within its budget.

use crate::place::Place;
use crate::process::{Result, read, run};
use crate::toolchain::TARGET;
use crate::{names, setup, size, worker};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// Paths of the page other than its root; each is a folder with a copy of the page.
const ROUTES: &[&str] = &["compare", "images", "ood", "lab"];

const SERVICE_WORKER: &str = "service-worker.js";

/// Installs what is missing and builds `dist/`.
///
/// # Errors
/// When a step fails or a wasm file is over its budget.
pub fn build(place: &Place) -> Result {
    let toolchain = setup::for_build(place)?;
    println!("building dist/");
    // Trunk then runs offline, so that it neither downloads tools nor looks for its own update.
    let version = read(place.command("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("rustc does not say what machine this is")?;
    run(place
        .command("cargo")
        .args(["fetch", "--locked", "--target", host, "--target", TARGET]))?;
    let mut trunk = toolchain.command(place, "trunk");
    trunk
        .args(["build", "--release=true", "--offline=true", "--locked=true"])
        // Trunk 0.21 takes the usual NO_COLOR=1 for a wrong value of its own flag.
        .env_remove("NO_COLOR");
    run(&mut trunk)?;
    strip_names(&place.dist())?;
    worker::finish(&place.dist())?;
    copy_routes(&place.dist())?;
    fill_service_worker(&place.dist())?;
    size::check(&place.dist())
}

/// Takes the names of functions out of the wasm files.
fn strip_names(dist: &Path) -> Result {
    let io = |error| format!("cannot shrink the wasm in {}: {error}", dist.display());
    for entry in fs::read_dir(dist).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let small = names::stripped(&fs::read(&file).map_err(io)?)?;
            fs::write(&file, small).map_err(io)?;
        }
    }
    Ok(())
}

/// Copies the page to the paths it is opened at, and to the page for unknown paths.
fn copy_routes(dist: &Path) -> Result {
    let io = |error| format!("cannot copy the page in {}: {error}", dist.display());
    let page = fs::read_to_string(dist.join("index.html")).map_err(io)?;
    for route in ROUTES {
        let folder = dist.join(route);
        fs::create_dir_all(&folder).map_err(io)?;
        fs::write(folder.join("index.html"), one_deeper(&page)?).map_err(io)?;
    }
    fs::write(dist.join("404.html"), &page).map_err(io)
}

/// Tells the service worker which files are the page, and by their bytes which version of it.
fn fill_service_worker(dist: &Path) -> Result {
    let io = |error| format!("cannot read {}: {error}", dist.display());
    let mut files: Vec<String> = ROUTES.iter().map(|route| format!("{route}/")).collect();
    let mut hasher = DefaultHasher::new();
    for entry in fs::read_dir(dist).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Folders hold routes, which are listed, and weights, which their loader keeps.
        if entry.path().is_dir() || name == SERVICE_WORKER || name == "404.html" {
            continue;
        }
        files.push(match name.as_str() {
            "index.html" => "./".into(),
            _ => name,
        });
    }
    files.sort();
    for file in files.iter().filter(|file| !file.ends_with('/')) {
        fs::read(dist.join(file)).map_err(io)?.hash(&mut hasher);
    }
    fs::read(dist.join("index.html"))
        .map_err(io)?
        .hash(&mut hasher);
    let place = dist.join(SERVICE_WORKER);
    let text = fs::read_to_string(&place).map_err(io)?;
    fs::write(&place, filled(&text, &files, hasher.finish())?).map_err(io)
}

fn filled(text: &str, files: &[String], version: u64) -> Result<String> {
    let list = files
        .iter()
        .map(|file| format!("{file:?}"))
        .collect::<Vec<_>>();
    let parts = [
        (
            "const VERSION = \"\";",
            format!("const VERSION = \"{version:016x}\";"),
        ),
        (
            "const FILES = [];",
            format!("const FILES = [{}];", list.join(", ")),
        ),
    ];
    parts
        .into_iter()
        .try_fold(text.to_owned(), |text, (from, to)| {
            match text.matches(from).count() {
                1 => Ok(text.replace(from, &to)),
                n => Err(format!(
                    "{SERVICE_WORKER} should say {from} once, but does so {n} times"
                )),
            }
        })
}

/// The page for a folder one level below.
fn one_deeper(page: &str) -> Result<String> {
    const BASE: &str = "<base href=\"./\"";
    match page.matches(BASE).count() {
        1 => Ok(page.replace(BASE, "<base href=\"../\"")),
        n => Err(format!(
            "the page should say {BASE} once, but does so {n} times"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_worker_is_told_files_and_version() {
        let text = "const VERSION = \"\";\nconst FILES = [];\n";
        let files = ["./".to_owned(), "app-1.js".to_owned()];
        let right =
            "const VERSION = \"000000000000002a\";\nconst FILES = [\"./\", \"app-1.js\"];\n";
        assert_eq!(filled(text, &files, 42), Ok(right.into()));
        assert!(filled("const FILES = [];", &files, 42).is_err());
    }

    #[test]
    fn only_the_base_changes() {
        let page = "<head><base href=\"./\" /><link href=\"./a.css\" /></head>";
        let deeper = "<head><base href=\"../\" /><link href=\"./a.css\" /></head>";
        assert_eq!(one_deeper(page), Ok(deeper.into()));
        assert!(one_deeper("<head></head>").is_err());
    }
}
