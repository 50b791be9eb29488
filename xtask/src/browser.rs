//! The browser of the tests.
//!
//! Invariant: browser and driver have the same major version; drivers refuse any other browser.

use crate::debian;
use crate::place::which;
use crate::process::{Result, read};
use std::env;
use std::path::PathBuf;
use std::process::Command;

const BROWSERS: &[&str] = &[
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A Chromium and its WebDriver.
pub struct Browser {
    pub chromium: PathBuf,
    pub driver: PathBuf,
}

impl Browser {
    /// Finds a browser, or installs Debian's.
    ///
    /// # Errors
    /// When there is none and it cannot be installed, or its versions do not match.
    pub fn install() -> Result<Self> {
        println!("chromium and chromedriver: run the page's tests");
        let found = match Self::find() {
            Some(found) => found,
            None => {
                debian::install(&["chromium", "chromium-driver"])?;
                Self::find()
                    .ok_or("no chromium and chromedriver on the PATH after installing them")?
            }
        };
        let browser = read(Command::new(&found.chromium).arg("--version"))?;
        let driver = read(Command::new(&found.driver).arg("--version"))?;
        if major(&browser).is_none() || major(&browser) != major(&driver) {
            return Err(format!("{browser:?} and {driver:?} are not of one version"));
        }
        println!("  ok ({browser})");
        Ok(found)
    }

    fn find() -> Option<Self> {
        let chosen = |name, programs| {
            env::var_os(name)
                .map(PathBuf::from)
                .or_else(|| which(programs))
        };
        Some(Self {
            chromium: chosen("BASIN_CHROMIUM", BROWSERS)?,
            driver: chosen("BASIN_CHROMEDRIVER", &["chromedriver"])?,
        })
    }

    /// Tells a child which browser to use: wasm-bindgen's test runner and our own tests.
    pub fn announce<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("CHROMEDRIVER", &self.driver)
            .env("BASIN_CHROMIUM", &self.chromium)
    }
}

/// The first number of the first word that begins with a digit.
fn major(version: &str) -> Option<u32> {
    let word = version
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    word.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("Chromium 156.0.8078.73 built on Debian"), Some(156));
        assert_eq!(
            major("ChromeDriver 156.0.8078.73 (abc-refs/branch@{#1})"),
            Some(156)
        );
        assert_eq!(major("Chromium"), None);
    }
}
