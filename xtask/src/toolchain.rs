//! A Rust toolchain that compiles for wasm32.
//!
//! Invariant: a [`Toolchain`] that [`install`] returns has compiled and linked a program for
//! wasm32 on this machine.

use crate::debian;
use crate::place::{Place, which};
use crate::process::{Result, read, run, run_within};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The only target of the page.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Name under which rustup knows Debian's compiler.
const FALLBACK: &str = "basin-wasm";

/// Debian's compiler for its browsers, with the sources of std, linker and lints.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "rust-web-clippy",
];

/// rustup may answer, refuse or hang where it cannot reach its server.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);

/// Which toolchain compiles for wasm32. Native code always uses the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The active one, with rustup's own target.
    Active,
    /// Debian's compiler with a std that we compiled.
    Fallback,
}

impl Toolchain {
    /// A cargo that compiles for wasm32.
    pub fn cargo(self, place: &Place) -> Command {
        self.command(place, "cargo")
    }

    /// A child whose cargo and rustc compile for wasm32.
    pub fn command(self, place: &Place, program: &str) -> Command {
        let mut command = place.command(program);
        if self == Self::Fallback {
            command.env("RUSTUP_TOOLCHAIN", FALLBACK);
        }
        command
    }

    fn works(self, place: &Place) -> bool {
        self.check(place).is_ok()
    }

    /// Compiles and links a small program that needs std.
    fn check(self, place: &Place) -> Result {
        let folder = place.cache.join("wasm-check");
        let source = folder.join("check.rs");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&source, "fn main() { println!(\"{:?}\", vec![1]); }\n"))
            .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        let mut rustc = self.command(place, "rustc");
        rustc
            .args(["--target", TARGET, "--out-dir"])
            .arg(&folder)
            .arg(&source);
        read(&mut rustc).map(drop)
    }
}

/// Finds a toolchain for wasm32 or makes one: rustup's target first, Debian's compiler next.
/// `fallback` skips the first way.
///
/// # Errors
/// When neither way works here.
pub fn install(place: &Place, fallback: bool) -> Result<Toolchain> {
    println!("wasm32 toolchain: compiles the page and its worker");
    if !fallback {
        if Toolchain::Active.works(place) {
            println!("  ok (already: the active toolchain has the target)");
            return Ok(Toolchain::Active);
        }
        match run_within(
            place.command("rustup").args(["target", "add", TARGET]),
            RUSTUP_LIMIT,
        ) {
            Ok(()) if Toolchain::Active.works(place) => return Ok(Toolchain::Active),
            Ok(()) => println!("  the new target does not compile; trying Debian's compiler"),
            Err(problem) => println!("  {problem}; trying Debian's compiler"),
        }
    }
    if Toolchain::Fallback.works(place) {
        println!("  ok (already: Debian's compiler is linked as {FALLBACK})");
        return Ok(Toolchain::Fallback);
    }
    debian::install(PACKAGES)?;
    install_linker()?;
    let linked = read(place.command("rustup").args(["toolchain", "list"]))?;
    if !linked
        .lines()
        .any(|line| line.split_whitespace().next() == Some(FALLBACK))
    {
        run(place
            .command("rustup")
            .args(["toolchain", "link", FALLBACK, "/usr"]))?;
    }
    if !Toolchain::Fallback.works(place) {
        install_std(&build_std(place)?)?;
    }
    Toolchain::Fallback.check(place)?;
    Ok(Toolchain::Fallback)
}

/// Adds a part of the active toolchain that a minimal rustup leaves out.
///
/// # Errors
/// When rustup cannot fetch it.
pub fn component(place: &Place, name: &str, subcommand: &str) -> Result {
    println!("{name}: for the lint step");
    if read(place.command("cargo").args([subcommand, "--version"])).is_ok() {
        println!("  ok (already)");
        return Ok(());
    }
    run_within(
        place.command("rustup").args(["component", "add", name]),
        RUSTUP_LIMIT,
    )
}

/// Debian's `rust-lld` is a link to an `lld-NUMBER` whose package, of that name, is only recommended.
fn install_linker() -> Result {
    let link = Path::new("/usr/bin/rust-lld");
    let target = fs::read_link(link).map_err(|error| format!("{}: {error}", link.display()))?;
    match target.file_name().and_then(|name| name.to_str()) {
        Some(package) if !link.exists() => debian::install(&[package]),
        _ => Ok(()),
    }
}

/// Compiles Debian's sources of std for wasm32; returns the folder with the libraries.
fn build_std(place: &Place) -> Result<PathBuf> {
    let folder = place.cache.join("wasm-std");
    let target = folder.join("target");
    let manifest = "[package]\nname = \"std-stub\"\nedition = \"2024\"\n\n[workspace]\n";
    let old = if target.exists() {
        fs::remove_dir_all(&target)
    } else {
        Ok(())
    };
    old.and_then(|()| fs::create_dir_all(folder.join("src")))
        .and_then(|()| fs::write(folder.join("Cargo.toml"), manifest))
        .and_then(|()| fs::write(folder.join("src/lib.rs"), "#![no_std]\n"))
        .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    // Debian's own binaries, not rustup's proxies; the switch allows -Z on a stable compiler.
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Z",
            "build-std=std,panic_abort",
        ])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS");
    run(&mut cargo)?;
    Ok(target.join(TARGET).join("release/deps"))
}

/// Puts the compiled std where Debian's compiler looks for it, in place of any older one.
fn install_std(built: &Path) -> Result {
    let libraries: Vec<PathBuf> = fs::read_dir(built)
        .map_err(|error| format!("cannot read {}: {error}", built.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            file.extension()
                .is_some_and(|end| end == "rlib" || end == "rmeta")
        })
        .filter(|file| !file.to_string_lossy().contains("libstd_stub-"))
        .collect();
    let home = Path::new("/usr/lib/rustlib").join(TARGET).join("lib");
    run(debian::as_root("rm")?.arg("-rf").arg(&home))?;
    run(debian::as_root("mkdir")?.arg("-p").arg(&home))?;
    println!(
        "  copying {} libraries of std to {}",
        libraries.len(),
        home.display()
    );
    read(debian::as_root("cp")?.args(&libraries).arg(&home)).map(drop)
}

/// Whether the environment asks for the second way.
pub fn forced() -> bool {
    std::env::var_os("BASIN_FALLBACK_TOOLCHAIN").is_some_and(|value| value == "1")
}

/// # Errors
/// When there is no rustup, which both ways need.
pub fn need_rustup() -> Result {
    let missing = || "rustup is not on the PATH; Basin builds with rustup's Rust".to_owned();
    which(&["rustup"]).map(drop).ok_or_else(missing)
}
