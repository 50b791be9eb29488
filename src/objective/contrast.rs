//! Losses of the energy's weights, and their gradients.
//!
//! Invariant: a loss is one number and a gradient over the flat buffer; how it was found (by kernels
//! or by automatic differentiation) shows in nothing but rounding.

use crate::energy::{Architecture, Energy, LevelEnergy, Mlp};
use crate::sampler::Labelled;
use burn::tensor::Tensor;

/// A loss `[1]` and its gradient over the flat buffer `[parameters]`.
pub struct Contrast {
    pub loss: Tensor<1>,
    pub gradient: Tensor<1>,
}

impl Contrast {
    /// The sum of two losses.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            gradient: self.gradient + other.gradient,
        }
    }
}

/// `mean E(data) - mean E(negatives)`: one forward and one backward pass over both, stacked.
pub fn contrast(
    architecture: &Architecture,
    flat: &Tensor<1>,
    data: &Labelled,
    negatives: &Labelled,
) -> Contrast {
    let device = flat.device();
    let sign = |batch: &Labelled, sign: f32| {
        let [n, _] = batch.x.dims();
        Tensor::<1>::full([n], sign / n as f32, &device)
    };
    let weight = Tensor::cat(vec![sign(data, 1.0), sign(negatives, -1.0)], 0);
    let points = stack(&[data, negatives]);
    let model = Mlp::new(architecture, flat);
    if let Some((loss, gradient)) = model.weighted_sum(&points.x, &points.member, &weight) {
        return Contrast { loss, gradient };
    }
    weigh(architecture, flat, &points, |energies| {
        ((energies * weight.clone()).sum(), weight.clone())
    })
}

/// A loss that is a function of energies alone. `rule` takes the energies `[n]` of `points` and gives
/// the loss `[1]` and its derivative in each energy `[n]`.
pub fn weigh(
    architecture: &Architecture,
    flat: &Tensor<1>,
    points: &Labelled,
    rule: impl Fn(Tensor<1>) -> (Tensor<1>, Tensor<1>),
) -> Contrast {
    let Labelled { x, member } = points;
    let model = Mlp::new(architecture, flat);
    if model.has_kernels() {
        let (loss, weight) = rule(model.at(member.clone()).energy(x.clone()));
        if let Some((_, gradient)) = model.weighted_sum(x, member, &weight) {
            return Contrast { loss, gradient };
        }
    }
    let model = Mlp::tracked(architecture, flat);
    let energies = model
        .at(member.clone().autodiff())
        .energy(x.clone().autodiff());
    let (loss, weight) = rule(energies.clone().inner());
    let mut gradients = (energies * weight.autodiff()).sum().backward();
    Contrast {
        loss,
        gradient: model.gradient(&mut gradients, 0),
    }
}

/// A loss `[1]` of a network that tracks gradients; for losses with derivatives of the energy in them.
/// Tensors that `loss` brings in must be marked by `autodiff()`.
pub fn differentiate(
    architecture: &Architecture,
    flat: &Tensor<1>,
    loss: impl FnOnce(&Mlp) -> Tensor<1>,
) -> Contrast {
    let model = Mlp::tracked(architecture, flat);
    let loss = loss(&model);
    let mut gradients = loss.backward();
    Contrast {
        loss: loss.inner(),
        gradient: model.gradient(&mut gradients, 0),
    }
}

/// Batches one below the other.
pub(super) fn stack(batches: &[&Labelled]) -> Labelled {
    let of = |part: fn(&Labelled) -> &Tensor<2>| {
        Tensor::cat(batches.iter().map(|b| part(b).clone()).collect(), 0)
    };
    Labelled {
        x: of(|b| &b.x),
        member: of(|b| &b.member),
    }
}
