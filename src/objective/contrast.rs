//! The contrast of data and negatives, and its gradient in the weights.

use crate::energy::{Architecture, Energy, LevelEnergy, Mlp};
use crate::sampler::Labelled;
use burn::tensor::Tensor;

/// `mean E(data) - mean E(negatives)` `[1]` and its gradient over the flat buffer `[parameters]`.
pub struct Contrast {
    pub loss: Tensor<1>,
    pub gradient: Tensor<1>,
}

/// One forward and one backward pass over data and negatives stacked.
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
    let x = Tensor::cat(vec![data.x.clone(), negatives.x.clone()], 0);
    let member = Tensor::cat(vec![data.member.clone(), negatives.member.clone()], 0);
    let model = Mlp::new(architecture, flat);
    if let Some((loss, gradient)) = model.weighted_sum(&x, &member, &weight) {
        return Contrast { loss, gradient };
    }
    let model = Mlp::tracked(architecture, flat);
    let loss = (model.at(member.autodiff()).energy(x.autodiff()) * weight.autodiff()).sum();
    let mut gradients = loss.backward();
    Contrast {
        loss: loss.inner(),
        gradient: model.gradient(&mut gradients, 0),
    }
}
