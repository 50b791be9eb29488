//! Launching a WGSL kernel on the buffers of tensors.
//!
//! Invariant: every buffer is bound from its tensor's first value, row-major; an output holds what
//! the kernel wrote and nothing older.

use burn::backend::Cube;
use burn::backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, into_contiguous};
use burn::cubecl::CubeCount;
use burn::cubecl::server::KernelArguments;
use burn::tensor::{DType, Shape, Tensor};

/// Whether this build's devices compile WGSL: those that `vulkan` brings in do not.
const WGSL: bool = !cfg!(feature = "vulkan");

/// Most workgroups of a launch, on every device.
pub(super) const GROUPS: usize = 65_535;

/// Whether a tensor is on a GPU.
pub fn on_gpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.clone().try_into_primitive::<Cube>().is_ok()
}

/// The buffer of a tensor of single-precision values; `None` off the GPU, in builds whose devices
/// compile no WGSL, and for a tensor that tracks gradients.
pub(super) fn buffer<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    let tensor = tensor.clone().try_into_primitive::<Cube>().ok()?;
    (WGSL && tensor.dtype == DType::F32).then(|| into_contiguous(tensor))
}

/// A buffer for `numbers` values beside another, with nothing in it.
pub(super) fn empty(beside: &CubeTensor, numbers: usize) -> CubeTensor {
    CubeTensor::new_contiguous(
        beside.client.clone(),
        beside.device.clone(),
        Shape::from([numbers]),
        beside.client.empty(numbers * size_of::<f32>()),
        DType::F32,
    )
}

/// The tensor of a buffer.
pub(super) fn tensor<const D: usize>(buffer: CubeTensor, shape: [usize; D]) -> Tensor<D> {
    Tensor::<1>::from_primitive::<Cube>(buffer).reshape(shape)
}

/// A buffer of words beside another.
pub(super) fn words(beside: &CubeTensor, words: &[u32]) -> CubeTensor {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    CubeTensor::new_contiguous(
        beside.client.clone(),
        beside.device.clone(),
        Shape::from([words.len()]),
        beside.client.create_from_slice(&bytes),
        DType::U32,
    )
}

/// Runs `groups` workgroups, of `threads` invocations, with `buffers` bound in their order.
pub(super) fn launch(
    kernel: impl KernelSource,
    threads: usize,
    groups: usize,
    buffers: &[&CubeTensor],
) {
    let arguments = buffers
        .iter()
        .fold(KernelArguments::new(), |arguments, buffer| {
            arguments.with_buffer(buffer.handle.clone().binding())
        });
    buffers[0].client.launch(
        Box::new(SourceKernel::new(kernel, CubeDim::new_1d(threads as u32))),
        CubeCount::Static(groups as u32, 1, 1),
        arguments,
    );
}
