//! What kind of adapter the kernels run on.
//!
//! Invariant: said once, when the device is opened; kernels are right on either kind and only slower on the
//! one that they were not made for.

use std::sync::atomic::{AtomicBool, Ordering};

static SOFTWARE: AtomicBool = AtomicBool::new(false);

/// Says whether devices opened from here on compute on a CPU: nothing below burn knows.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
}

pub(super) fn software() -> bool {
    SOFTWARE.load(Ordering::Relaxed)
}
