//! How far a model, its chains and the truth are apart.

pub mod detection;
pub mod diagnostics;
#[cfg(feature = "cli")]
pub mod frechet;
pub mod mmd;
pub mod modes;
pub mod truth2d;
