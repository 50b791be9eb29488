//! The end of what a GPU was asked to do.
//!
//! Invariant: nothing is read.

use burn::backend::Cube;
use burn::tensor::Tensor;

/// Hands all that was asked of a tensor's device so far to it, and gives what waits until it is done, with the
/// device's own words if it failed. `None` for a tensor in memory, where all is done already.
pub fn fence<const D: usize>(
    tensor: &Tensor<D>,
) -> Option<impl Future<Output = Result<(), String>> + use<D>> {
    let done = tensor
        .clone()
        .try_into_primitive::<Cube>()
        .ok()?
        .client
        .sync();
    Some(async move { done.await.map_err(|error| format!("{error:?}")) })
}
