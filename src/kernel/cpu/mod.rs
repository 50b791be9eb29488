//! Kernels for tensors in memory: the vector instructions of the machine (AVX-512, AVX2, WebAssembly's
//! SIMD), found when the program runs.
//!
//! What runs in vector instructions is inlined into `with_simd` down to the last function: one that is
//! not does without them, and calls a function for every single instruction.
//!
//! Invariant: a row's numbers depend on that row alone, and sums over rows are taken in their order.

mod adam;
mod chains;
mod conv;
mod gates;
mod mlp;
mod product;
mod tape;
mod tile;
mod unit;

pub(super) use adam::adam;
pub(super) use chains::{put, take};
pub(super) use conv::CpuPlan;
pub(super) use mlp::CpuMlp;

use burn::backend::Flex;
use burn::tensor::{DType, Device, Tensor, TensorData};

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
    arch().dispatch(|| found.iter_mut().for_each(|x| *x = unit::silu(*x).0));
    Some(tensor(found, x.dims(), &x.device()))
}

/// The best vector instructions of this machine.
fn arch() -> pulp::Arch {
    // The flex backend's own matrix products use these without asking, too.
    #[cfg(target_arch = "wasm32")]
    pulp::wasm::enable_simd128();
    pulp::Arch::new()
}
