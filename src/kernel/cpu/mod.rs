//! Kernels for tensors in memory: the vector instructions of the machine, AVX-512 or AVX2 as found when the
//! program runs, or WebAssembly's relaxed SIMD.
//!
//! What runs in vector instructions is inlined into `with_simd` down to the last function: one that is
//! not does without them, and calls a function for every single instruction.
//!
//! Invariant: a row's numbers depend on that row alone, and sums over rows are taken in their order within
//! a part of a batch, and those of parts in theirs.

mod adam;
mod ceiling;
mod chains;
mod conv;
mod gates;
mod mlp;
mod product;
mod tape;
mod tile;
mod unit;

pub(super) use adam::adam;
pub use ceiling::cpu_multiply_add;
pub(super) use chains::{put, take};
pub(super) use conv::CpuPlan;
pub(super) use mlp::CpuMlp;

use burn::backend::Flex;
use burn::tensor::{DType, Device, Tensor, TensorData};
use pulp::{Scalar, WithSimd};

/// The numbers of a tensor, row by row; `None` for one that tracks gradients or is not in memory.
fn numbers<const D: usize>(tensor: &Tensor<D>) -> Option<Vec<f32>> {
    let tensor = tensor.clone().try_into_primitive::<Flex>().ok()?;
    (tensor.dtype() == DType::F32).then(|| tensor.to_contiguous().storage::<f32>().to_vec())
}

fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// SiLU of every number of a tensor; `None` for one that tracks gradients or is not in memory.
pub fn silu<const D: usize>(x: &Tensor<D>) -> Option<Tensor<D>> {
    let mut found = numbers(x)?;
    dispatch(|| found.iter_mut().for_each(|x| *x = unit::silu(Scalar, *x).0));
    Some(tensor(found, x.dims(), &x.device()))
}

/// Runs a kernel in the best vector instructions of this machine.
#[cfg(not(target_arch = "wasm32"))]
fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    pulp::Arch::new().dispatch(kernel)
}

/// Runs a kernel in WebAssembly's vector instructions, multiply-adds among them. For a browser that has
/// none of the latter, the build writes them out as two steps (`xtask/src/plain.rs`).
#[cfg(target_arch = "wasm32")]
fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    pulp::wasm::enable_relaxed_simd();
    let simd = pulp::wasm::RelaxedSimd::try_new().expect("relaxed SIMD was enabled just now");
    pulp::Simd::vectorize(simd, kernel)
}
