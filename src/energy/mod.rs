//! Energies of points and of images, and their gradients in x.
//!
//! Invariant: an energy is low where points are likely, p(x) ∝ exp(-E(x)), and `energy_and_grad`
//! is written by hand from ordinary tensor operations, so samplers need no autodiff graph and
//! losses that contain the gradient can be differentiated through it.

mod activation;
mod architecture;
pub mod conv;
mod embedding;
mod layout;
mod mixture;
mod mlp;
mod network;
mod perceptron;
mod product;
mod trainable;

pub use activation::Activation;
pub use architecture::Architecture;
pub use layout::{Block, Layout};
pub use mixture::GaussianMixture;
pub(crate) use mlp::labels;
pub use mlp::{Jet, Mlp, MlpAt};
pub use network::{Blueprint, Inputs, Network, Pull, Pullback};
pub use perceptron::Shape;
pub use trainable::{Batch, Trainable};

use crate::kernel::{Moved, Seats};
use crate::rng::{ChainDraws, Draws};
use burn::tensor::Tensor;

/// An unnormalised density of points with d numbers.
pub trait Energy {
    /// Energies `[n]`, in nats, of points `[n, d]`.
    fn energy(&self, x: Tensor<2>) -> Tensor<1>;

    /// Energies `[n]` and their gradients ∂E/∂x `[n, d]`.
    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>);

    /// Chains after as many transitions of Langevin dynamics as there are draws for, one at least, from
    /// `x` `[n, d]` with proposal deviations `step` `[n, 1]`, with the Metropolis test if `adjusted`.
    /// `None` where no kernel does this at once.
    fn langevin(
        &self,
        _x: &Tensor<2>,
        _step: &Tensor<2>,
        _draws: &ChainDraws,
        _adjusted: bool,
    ) -> Option<Moved> {
        None
    }
}

/// A family of energies over noise levels, E(x, t), with one common normalising constant.
pub trait LevelEnergy {
    /// The energy of points that each sit on a level of their own.
    type At: Energy;

    /// Number of levels, the clean one included.
    fn levels(&self) -> usize;

    /// The energy with row i of the input at the level that row i of `membership` `[n, levels]`
    /// marks: 1 in its column, 0 elsewhere. A single row serves all points.
    fn at(&self, membership: Tensor<2>) -> Self::At;

    /// A membership `[n, levels]` for each of the points `[n, d]`, drawn from p(t | x), which is softmax(-E)
    /// over all levels. `None` where no kernel does this at once.
    fn draw_levels(&self, _x: &Tensor<2>, _draws: &Draws) -> Option<Tensor<2>> {
        None
    }

    /// Whether [`LevelEnergy::move_seats`] does anything.
    fn seats_chains(&self) -> bool {
        false
    }

    /// As [`Energy::langevin`], of chains that are seated for it already.
    fn move_seats(&self, _seats: &Seats, _draws: &ChainDraws, _adjusted: bool) -> Option<Moved> {
        None
    }

    /// E(x, t) for every level, `[n, levels]`.
    fn all_levels(&self, x: Tensor<2>) -> Tensor<2> {
        let device = x.device();
        let levels = self.levels();
        let columns: Vec<_> = (0..levels)
            .map(|t| {
                let energy = self
                    .at(membership_of(t, levels, 1, &device))
                    .energy(x.clone());
                energy.unsqueeze_dim(1)
            })
            .collect();
        Tensor::cat(columns, 1)
    }
}

/// `[rows, levels]` membership with every row at level `t`.
pub fn membership_of(
    t: usize,
    levels: usize,
    rows: usize,
    device: &burn::tensor::Device,
) -> Tensor<2> {
    membership_of_labels(&vec![t; rows], levels, device)
}

/// `[n, levels]` membership of labels given one a row.
pub fn membership_of_labels(
    labels: &[usize],
    levels: usize,
    device: &burn::tensor::Device,
) -> Tensor<2> {
    let mut data = vec![0.0f32; labels.len() * levels];
    for (row, &t) in labels.iter().enumerate() {
        data[row * levels + t] = 1.0;
    }
    Tensor::from_data(
        burn::tensor::TensorData::new(data, [labels.len(), levels]),
        device,
    )
}
