//! Where things are kept.
//!
//! Invariant: everything that outlives a command and is no part of the clone sits under `cache`,
//! so that several clones share tools and compiled dependencies.

use crate::process::Result;
use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The folders of one clone.
pub struct Place {
    /// The repository.
    pub root: PathBuf,
    /// Tools and builds, shared by all clones of this user.
    pub cache: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
}

impl Place {
    /// Finds the folders from what cargo tells.
    ///
    /// # Errors
    /// When not started by `cargo xtask`, or the user has no home.
    pub fn find() -> Result<Self> {
        let root = env::var_os("CARGO_MANIFEST_DIR")
            .and_then(|package| Some(PathBuf::from(package).parent()?.to_owned()))
            .ok_or("start me as `cargo xtask`")?;
        let home = env::home_dir().ok_or("the environment names no home directory")?;
        let cache = home.join(".cache/basin");
        let target = env::var_os("CARGO_TARGET_DIR").map_or(cache.join("target"), PathBuf::from);
        Ok(Self {
            root,
            cache,
            target,
        })
    }

    /// The built page.
    pub fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }

    /// The tests of the built page.
    pub fn e2e(&self) -> PathBuf {
        self.root.join("tests/e2e")
    }

    /// What `cargo install` puts in place for this repository.
    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// A child in the repository that finds the tools first and shares the target directory.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.tools().join("bin")).chain(env::split_paths(&path));
        if let Ok(joined) = env::join_paths(paths) {
            command.env("PATH", joined);
        }
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null());
        command
    }
}

/// The first of these programs that the PATH has.
pub fn which(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = |name| {
        env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    };
    names.iter().find_map(found)
}
