//! Run loops: commands in, events out, the same natively and in the browser.
//!
//! Invariant: an engine never blocks on the device; whatever reads from it is async. Everything a
//! run depends on is in its [`Checkpoint`], so a resumed run equals one that never stopped.

pub mod bench;
mod checkpoint;
mod compare;
#[cfg(feature = "cli")]
pub mod evaluate;
mod fresh;
pub mod images;
pub mod model;
mod pace;
mod report;
pub mod sample;
pub mod scene;
pub mod scores;
mod selftest;
mod train2d;
mod view;
mod visits;
mod way;

pub use crate::metric::mmd::squared_mmd;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use compare::Comparing;
pub use fresh::{FreshSamples, fresh_samples};
pub use pace::Pace;
pub use report::{METRIC_HALF, mode_masses};
pub use selftest::{CHECKS, check, self_test};
pub use train2d::{Fence, Train2d, TrainError};
pub use way::Way;

use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};

/// Reads several tensors in one transfer, as `f32`.
pub(crate) async fn read(tensors: Vec<Reading>) -> Result<Vec<Vec<f32>>, ExecutionError> {
    let mut transaction = Transaction::default();
    for Reading(tensor) in tensors {
        transaction = transaction.register(tensor);
    }
    let data = transaction.execute_async().await?;
    Ok(data.into_iter().map(|d| floats(&d)).collect())
}

/// The numbers of a tensor, row by row.
///
/// # Errors
/// If the device fails to answer.
pub async fn numbers_of<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, TrainError> {
    Ok(read(vec![tensor.into()]).await?.concat())
}

/// A tensor to be read, flattened.
pub(crate) struct Reading(Tensor<1>);

impl<const D: usize> From<Tensor<D>> for Reading {
    fn from(tensor: Tensor<D>) -> Self {
        let n: usize = tensor.dims().iter().product();
        Self(tensor.reshape([n]))
    }
}

/// Waits for an engine's future. Only outside the browser, where blocking is allowed.
#[cfg(not(target_arch = "wasm32"))]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

fn floats(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}
