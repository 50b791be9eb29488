//! Sliced score matching (Song et al., UAI 2019, arXiv 1905.07088): slope and curvature of the
//! energy along one random direction a point, by forward 2-jets.
//!
//! Invariant: the loss needs no noise, and its minimum is `-log p` up to a constant on each piece of
//! the data's support: what lies between far modes is not seen.

use super::contrast::differentiate;
use super::follow::Loss;
use super::{Contrast, Update, points};
use crate::energy::{LevelEnergy, Mlp};
use crate::rng::{Draws, Stream};
use burn::tensor::Tensor;

pub(super) struct SlicedScoreMatching;

impl Loss<Mlp> for SlicedScoreMatching {
    fn contrast(&self, u: &Update<Mlp>) -> Contrast {
        let [n, _] = u.data.x.dims();
        let draws = Draws::new(u.seed, Stream::Direction, u.iteration);
        let signs = draws.uniforms(2 * n).into_iter();
        let signs = signs.map(|v| if v < 0.5 { -1.0 } else { 1.0 }).collect();
        let v = points(signs, u.device).autodiff();
        let (x, member) = (
            u.data.x.clone().autodiff(),
            u.data.member.clone().autodiff(),
        );
        differentiate(u.model, |model| {
            let jet = model.at(member).jet(x, v);
            sliced(jet.first, jet.second)
        })
    }
}

/// `mean ½ (v.grad E)² - v.(Hessian of E) v` `[1]` of slopes and curvatures `[n]`.
pub fn sliced(slope: Tensor<1>, curvature: Tensor<1>) -> Tensor<1> {
    (slope.powi_scalar(2) * 0.5 - curvature).mean()
}
