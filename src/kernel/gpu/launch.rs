//! Launching a WGSL kernel on the buffers of tensors.
//!
//! Invariant: every buffer is bound from its tensor's first value, row-major; an output holds what
//! the kernel wrote and nothing older.

use burn::backend::Cube;
use burn::backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, into_contiguous};
use burn::cubecl::CubeCount;
use burn::cubecl::server::KernelArguments;
use burn::tensor::{DType, Shape, Tensor};

/// Invocations of a workgroup, in every kernel here.
pub(super) const THREADS: u32 = 64;

/// Whether this build's devices compile WGSL: those that `vulkan` brings in do not.
const WGSL: bool = !cfg!(feature = "vulkan");

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

/// Runs `groups` workgroups with `inputs`, then the words of `info`, then the output bound in that
/// order, and returns the output.
pub(super) fn launch<const D: usize>(
    kernel: impl KernelSource,
    groups: usize,
    inputs: &[&CubeTensor],
    info: &[u32],
    shape: [usize; D],
) -> Tensor<D> {
    let first = inputs[0];
    let client = &first.client;
    let shape = Shape::from(shape);
    let output = CubeTensor::new_contiguous(
        client.clone(),
        first.device.clone(),
        shape.clone(),
        client.empty(shape.num_elements() * size_of::<f32>()),
        DType::F32,
    );
    let words: Vec<u8> = info.iter().flat_map(|word| word.to_le_bytes()).collect();
    let info = client.create_from_slice(&words);
    let arguments = inputs
        .iter()
        .fold(KernelArguments::new(), |arguments, input| {
            arguments.with_buffer(input.handle.clone().binding())
        })
        .with_buffer(info.binding())
        .with_buffer(output.handle.clone().binding());
    client.launch(
        Box::new(SourceKernel::new(kernel, CubeDim::new_1d(THREADS))),
        CubeCount::Static(groups as u32, 1, 1),
        arguments,
    );
    Tensor::from_primitive::<Cube>(output)
}
