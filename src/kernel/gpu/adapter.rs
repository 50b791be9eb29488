//! What the adapter is like that the kernels run on.
//!
//! Invariant: kernels give the same numbers whatever is said here, and are only faster or slower, and their
//! dispatches shorter or longer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static SOFTWARE: AtomicBool = AtomicBool::new(false);
static PARTS: AtomicUsize = AtomicUsize::new(1);

/// Says whether devices opened from here on are SwiftShader, for which kernels have a shape of their own:
/// nothing below burn knows.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

pub(super) fn software() -> bool {
    SOFTWARE.load(Ordering::Relaxed)
}

/// Asks for the transitions of chains, from here on, in this many submits or more, so that whoever shares the
/// device is not kept waiting.
pub fn set_parts(parts: usize) {
    PARTS.store(parts.max(1), Ordering::Relaxed);
}

pub(super) fn parts() -> usize {
    PARTS.load(Ordering::Relaxed)
}
