//! The software GPU of the native tests.
//!
//! Invariant: where this succeeds, a Vulkan driver that computes on the CPU is installed, so that
//! kernels are tested the same with or without a GPU.

use crate::debian;
use crate::process::Result;
use std::fs;

/// Where drivers announce themselves to the Vulkan loader.
const FOLDERS: &[&str] = &["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// Finds Mesa's lavapipe, or installs it.
///
/// # Errors
/// When it cannot be installed.
pub fn install() -> Result {
    println!("lavapipe: a Vulkan driver in software, runs the kernels' native tests");
    if installed() {
        println!("  ok (already)");
        return Ok(());
    }
    debian::install(&["mesa-vulkan-drivers"])
}

fn installed() -> bool {
    FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .any(|file| file.file_name().to_string_lossy().starts_with("lvp_icd"))
}
