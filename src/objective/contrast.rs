//! Losses of the energy's weights, and their gradients.
//!
//! Invariant: a loss is one number and a gradient over the flat buffer; how it was found (by kernels
//! or by automatic differentiation) shows in nothing but rounding.

use crate::energy::{Batch, Energy, Trainable};
use crate::sampler::Labelled;
use burn::tensor::Tensor;

/// A loss `[1]` and its gradient over the flat buffer `[parameters]`.
pub struct Contrast {
    pub loss: Tensor<1>,
    pub gradient: Tensor<1>,
}

impl Contrast {
    /// The loss in other units.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            loss: self.loss * factor,
            gradient: self.gradient * factor,
        }
    }

    /// The sum of two losses.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            loss: self.loss + other.loss,
            gradient: self.gradient + other.gradient,
        }
    }
}

/// `mean E(data) - mean E(negatives)`: one forward and one backward pass over both, stacked.
pub fn contrast<N: Trainable>(model: &N, data: &Labelled, negatives: &Labelled) -> Contrast {
    let at_once = model.contrast(
        &Batch(&data.x, &data.member),
        &Batch(&negatives.x, &negatives.member),
    );
    if let Some((loss, gradient)) = at_once {
        return Contrast { loss, gradient };
    }
    let device = data.x.device();
    let sign = |batch: &Labelled, sign: f32| {
        let [n, _] = batch.x.dims();
        Tensor::<1>::full([n], sign / n as f32, &device)
    };
    let weight = Tensor::cat(vec![sign(data, 1.0), sign(negatives, -1.0)], 0);
    let points = stack(&[data, negatives]);
    if let Some((loss, gradient)) = model.weighted_sum(&points.x, &points.member, &weight) {
        return Contrast { loss, gradient };
    }
    weigh(model, &points, |energies| {
        ((energies * weight.clone()).sum(), weight.clone())
    })
}

/// A loss that is a function of energies alone. `rule` takes the energies `[n]` of `points` and gives
/// the loss `[1]` and its derivative in each energy `[n]`.
pub fn weigh<N: Trainable>(
    model: &N,
    points: &Labelled,
    rule: impl Fn(Tensor<1>) -> (Tensor<1>, Tensor<1>),
) -> Contrast {
    let Labelled { x, member } = points;
    let mut found = None;
    let gradient = model.weigh(x, member, &mut |energies| {
        let (loss, weight) = rule(energies);
        found = Some(loss);
        weight
    });
    if let (Some(loss), Some(gradient)) = (found, gradient) {
        return Contrast { loss, gradient };
    }
    let model = model.tracked();
    let energies = model
        .at(member.clone().autodiff())
        .energy(x.clone().autodiff());
    let (loss, weight) = rule(energies.clone().inner());
    let mut gradients = (energies * weight.autodiff()).sum().backward();
    Contrast {
        loss,
        gradient: model.gradient(&mut gradients),
    }
}

/// A loss `[1]` that is a function of energies `[n]` and of their gradients `[n, d]` at `points`. Tensors
/// that `loss` brings in must be marked by `autodiff()`.
pub fn slopes<N: Trainable>(
    model: &N,
    points: &Labelled,
    loss: impl Fn(Tensor<1>, Tensor<2>) -> Tensor<1>,
) -> Contrast {
    let Labelled { x, member } = points;
    let mut found = None;
    let gradient = model.slopes(x, member, &mut |energies, grad| {
        let leaves = (
            energies.autodiff().require_grad(),
            grad.autodiff().require_grad(),
        );
        let value = loss(leaves.0.clone(), leaves.1.clone());
        let mut gradients = value.backward();
        found = Some(value.inner());
        // A loss may leave one of the two aside.
        (
            leaves
                .0
                .grad_remove(&mut gradients)
                .unwrap_or_else(|| leaves.0.inner().zeros_like()),
            leaves
                .1
                .grad_remove(&mut gradients)
                .unwrap_or_else(|| leaves.1.inner().zeros_like()),
        )
    });
    if let (Some(loss), Some(gradient)) = (found, gradient) {
        return Contrast { loss, gradient };
    }
    differentiate(model, |model| {
        let at = model.at(member.clone().autodiff());
        let (energies, grad) = at.energy_and_grad(x.clone().autodiff());
        loss(energies, grad)
    })
}

/// A loss `[1]` of a network that tracks gradients; for losses with other derivatives of the energy in
/// them. Tensors that `loss` brings in must be marked by `autodiff()`.
pub fn differentiate<N: Trainable>(model: &N, loss: impl FnOnce(&N) -> Tensor<1>) -> Contrast {
    let model = model.tracked();
    let loss = loss(&model);
    let mut gradients = loss.backward();
    Contrast {
        loss: loss.inner(),
        gradient: model.gradient(&mut gradients),
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
