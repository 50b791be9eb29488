//! How far a model, its chains and the truth are apart.

pub mod diagnostics;
pub mod mmd;
pub mod modes;
pub mod truth2d;
