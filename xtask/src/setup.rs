//! What has to be installed for what.
//!
//! Invariant: each step is skipped when it is already done, so that setting up twice is quick.

use crate::browser::Browser;
use crate::node;
use crate::place::Place;
use crate::process::Result;
use crate::tool::Tool;
use crate::toolchain::{self, Toolchain};
use crate::vulkan;

/// What building the page needs.
///
/// # Errors
/// When something is missing and cannot be installed.
pub fn for_build(place: &Place) -> Result<Toolchain> {
    let toolchain = for_wasm(place, toolchain::forced())?;
    Tool::trunk().install(place)?;
    Ok(toolchain)
}

/// What compiling for the browser needs.
///
/// # Errors
/// As [`for_build`].
pub fn for_wasm(place: &Place, fallback: bool) -> Result<Toolchain> {
    toolchain::need_rustup()?;
    let toolchain = toolchain::install(place, fallback)?;
    Tool::wasm_bindgen(place)?.install(place)?;
    Ok(toolchain)
}

/// What the lints need.
///
/// # Errors
/// As [`for_build`].
pub fn for_lint(place: &Place) -> Result<Toolchain> {
    add_linters(place)?;
    toolchain::install(place, toolchain::forced())
}

/// Everything, the test tools included.
///
/// # Errors
/// As [`for_build`].
pub fn everything(place: &Place, fallback: bool) -> Result {
    for_wasm(place, fallback || toolchain::forced())?;
    Tool::trunk().install(place)?;
    add_linters(place)?;
    vulkan::install()?;
    Browser::install()?;
    node::install(place)
}

fn add_linters(place: &Place) -> Result {
    toolchain::component(place, "rustfmt", "fmt")?;
    toolchain::component(place, "clippy", "clippy")
}
