//! Kernels in WGSL on the buffers of burn's tensors.

mod adam;
mod adapter;
mod ceiling;
mod chains;
mod fence;
mod launch;
mod mlp;
mod program;

pub(super) use adam::adam;
pub use adapter::{set_parts, set_software};
pub use ceiling::{loads, multiply_add, products};
pub(super) use chains::{put, take};
pub use fence::fence;
pub use launch::on_gpu;
pub(super) use mlp::GpuMlp;
pub use program::{Plain, Program, Shape, What};
