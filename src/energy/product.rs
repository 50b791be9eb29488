//! The matrix product of the networks.

use burn::tensor::Tensor;

/// The product of `[n, k]` with `[k, m]`. On a GPU as a sum over a broadcast: burn compiles a large
/// kernel for every shape of a matrix product, seconds of start-up each, and the networks of the
/// plane are small.
pub(super) fn product(a: Tensor<2>, b: Tensor<2>, on_gpu: bool) -> Tensor<2> {
    if !on_gpu {
        return a.matmul(b);
    }
    let terms = a.unsqueeze_dim::<3>(2) * b.unsqueeze_dim::<3>(0);
    terms.sum_dim(1).squeeze_dim(1)
}
