//! The end of what a GPU was asked to do.
//!
//! Invariant: nothing is read.

use burn::backend::Cube;
use burn::tensor::Tensor;
use std::task::{Context, Poll, Waker};

/// Hands all that was asked of a tensor's device so far to it, and gives what waits until it is done, with the
/// device's own words if it failed. `None` for a tensor in memory, where all is done already.
pub fn fence<const D: usize>(
    tensor: &Tensor<D>,
) -> Option<impl Future<Output = Result<(), String>> + use<D>> {
    let mut done = tensor
        .clone()
        .try_into_primitive::<Cube>()
        .ok()?
        .client
        .sync();
    // The library asks the queue to tell when it is first polled. Later it would be told of what is handed over
    // in between, too.
    let early = done.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    Some(async move {
        let done = match early {
            Poll::Ready(done) => done,
            Poll::Pending => done.await,
        };
        done.map_err(|error| format!("{error:?}"))
    })
}
