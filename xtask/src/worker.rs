//! The worker's files, which Trunk names without a hash; one of them is made here.
//!
//! Invariant: page and worker talk in a format of their own build, so a page must never be given a worker
//! of another one out of a cache: the names of the worker's files change with what they hold.

use crate::plain::without_relaxed_simd;
use crate::process::Result;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

const WASM: &str = "worker_bg.wasm";
/// For browsers without relaxed SIMD.
const PLAIN: &str = "worker_plain.wasm";
const SCRIPT: &str = "worker.js";
const LOADER: &str = "worker_loader.js";

/// Adds the wasm for browsers without relaxed SIMD, renames the worker's files by their contents, and tells
/// the page.
///
/// # Errors
/// When a file is missing, does not name the next one as expected, or cannot be rewritten.
pub fn finish(dist: &Path) -> Result {
    let io = |error| {
        format!(
            "cannot name the worker's files in {}: {error}",
            dist.display()
        )
    };
    let text = |name: &str| fs::read_to_string(dist.join(name)).map_err(io);
    let wasm = fs::read(dist.join(WASM)).map_err(io)?;
    let plain = without_relaxed_simd(&wasm)?;
    let (script, loader, page) = (text(SCRIPT)?, text(LOADER)?, text("index.html")?);
    let mut hasher = DefaultHasher::new();
    (&wasm, &plain, &script, &loader).hash(&mut hasher);
    let named =
        |name: &str| name.replacen("worker", &format!("worker-{:016x}", hasher.finish()), 1);
    let script = pointed(&script, WASM, &named(WASM))?;
    let mut loader = pointed(&loader, SCRIPT, &named(SCRIPT))?;
    for wasm in [WASM, PLAIN] {
        loader = pointed(&loader, wasm, &named(wasm))?;
    }
    let page = pointed(&page, LOADER, &named(LOADER))?;
    fs::rename(dist.join(WASM), dist.join(named(WASM))).map_err(io)?;
    fs::write(dist.join(named(PLAIN)), plain).map_err(io)?;
    for (name, text) in [(SCRIPT, script), (LOADER, loader)] {
        fs::write(dist.join(named(name)), text).map_err(io)?;
        fs::remove_file(dist.join(name)).map_err(io)?;
    }
    fs::write(dist.join("index.html"), page).map_err(io)
}

/// `text` with the one file that it names renamed.
fn pointed(text: &str, from: &str, to: &str) -> Result<String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        n => Err(format!("{from} should be named once, but is {n} times")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, contents: u8) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("basin-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // A module with one custom section, without a name.
        let wasm = [&b"\0asm\x01\0\0\0\0\x02\0"[..], &[contents]].concat();
        fs::write(folder.join(WASM), wasm).unwrap();
        fs::write(folder.join(SCRIPT), "new URL('worker_bg.wasm')").unwrap();
        let loader = "import './worker.js'; 'worker_bg.wasm' 'worker_plain.wasm'";
        fs::write(folder.join(LOADER), loader).unwrap();
        fs::write(
            folder.join("index.html"),
            "<meta content=\"worker_loader.js\">",
        )
        .unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn names_change_with_contents_and_each_file_names_the_next() {
        let [one, other] = [folder("one", 1), folder("other", 2)];
        finish(&one).unwrap();
        finish(&other).unwrap();
        let found = names(&one);
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(
            found
                .iter()
                .all(|name| !names(&other).contains(name) || name == "index.html")
        );
        let read = |start: &str| {
            let name = found.iter().find(|name| name.starts_with(start)).unwrap();
            fs::read_to_string(one.join(name)).unwrap()
        };
        let hash = &found[1]["worker-".len()..][..16];
        assert_eq!(
            read("index"),
            format!("<meta content=\"worker-{hash}_loader.js\">")
        );
        assert!(found.contains(&format!("worker-{hash}_loader.js")));
        assert!(found.contains(&format!("worker-{hash}.js")));
        assert!(found.contains(&format!("worker-{hash}_bg.wasm")));
        assert!(found.contains(&format!("worker-{hash}_plain.wasm")));
        assert!(
            read(&format!("worker-{hash}_loader")).contains(&format!("'worker-{hash}_plain.wasm'"))
        );
        // A second time there is nothing under the old names.
        assert!(finish(&one).is_err());
        for folder in [one, other] {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
