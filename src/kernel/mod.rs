//! Hand-written kernels of the energies: WGSL (`shaders/`) for tensors on a GPU, vector instructions
//! for tensors in memory.
//!
//! Invariant: both do what `MlpAt` does op by op, up to rounding, and whoever calls them cannot tell
//! which ones they are.

mod cpu;
mod gpu;
mod mlp;
mod network;
pub mod plan;
mod plan_kernels;

pub use cpu::silu;
pub use gpu::{Program, Shape, What, on_gpu, set_software};
pub use mlp::{MlpKernels, Moved, TAIL, Tape, mlp_kernels};
pub use network::Network;
pub use plan_kernels::{PlanKernels, Rule, plan_kernels};
