//! Moves that turn a generator's points into draws of the conditional energy.
//!
//! Invariant: each move leaves `p(x_k | x_{k+1})` as it is, whatever the generator is worth: a poor one
//! only makes for proposals that are hardly ever chosen.

use super::Update;
use super::conditional::ForwardStep;
use super::generator::Generator;
use crate::energy::{Energy, LevelEnergy, Network};
use crate::rng::{Draws, Stream};
use crate::sampler::{Kernel, Moved, Noise, run};
use burn::tensor::{Int, Tensor, TensorData};

/// Points of the generator around which proposals are made, for each row.
const CENTRES: usize = 16;

/// What the moves of one batch are made with.
pub(super) struct Correction<'a, M> {
    pub generator: &'a Generator,
    pub network: &'a dyn Network,
    pub model: &'a M,
    pub forward: &'a ForwardStep,
    /// x_{k+1} `[n, d]`.
    pub above: &'a Tensor<2>,
    /// `[n, levels]`
    pub member: &'a Tensor<2>,
    /// Deviation of a proposal around its centre, `[n, 1]`.
    pub deviation: Tensor<2>,
}

/// Points `[n, d]` after the moves, and accepted shares of the Langevin steps `[n, 1]`.
pub(super) struct Corrected {
    pub x: Tensor<2>,
    pub accepted: Tensor<2>,
}

impl<M: LevelEnergy> Correction<'_, M> {
    /// One choice among the point and proposals, then MALA steps with deviations `step` `[n, 1]`.
    pub fn run<N>(&self, x: Tensor<2>, step: &Tensor<2>, u: &Update<N>) -> Corrected {
        let [n, d] = x.dims();
        let x = match u.proposals {
            0 => x,
            _ => self.resample(x, u),
        };
        if u.correction == 0 {
            let accepted = step.zeros_like();
            return Corrected { x, accepted };
        }
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(u.seed, streams, u.iteration, [u.correction, n, d], u.device);
        let energy = self.model.at(self.member.clone());
        let energy = self.forward.given(&energy, self.member, self.above.clone());
        let Moved { x, accepted, .. } = run(Kernel::Mala, &energy, x, step, &noise);
        Corrected { x, accepted }
    }

    /// Chooses among the points and draws from a mixture of Gaussians around fresh points of the
    /// generator, with chances in proportion to target over mixture: iterated sampling importance
    /// resampling (Andrieu, Lee & Vihola 2018, Bernoulli 24:842), which keeps the target.
    fn resample<N>(&self, x: Tensor<2>, u: &Update<N>) -> Tensor<2> {
        let [n, d] = x.dims();
        let draws = |stream| Draws::new(u.seed, stream, u.iteration);
        let centres = self.centres(u);
        let k = u.proposals;
        // One pick for all rows: each has centres of its own.
        let pick = draws(Stream::ProposedCentre);
        let picks: Vec<i32> = (0..k as u32)
            .map(|i| pick.below(i, CENTRES as u32) as i32)
            .collect();
        let picks = Tensor::<1, Int>::from_data(TensorData::new(picks, [k]), u.device);
        let noise = draws(Stream::ProposedNoise).normals(n * k * d);
        let noise = Tensor::<3>::from_data(TensorData::new(noise, [n, k, d]), u.device);
        let proposed =
            centres.clone().select(1, picks) + noise * self.deviation.clone().unsqueeze_dim(2);
        let all = Tensor::cat(vec![x.unsqueeze_dim(1), proposed], 1);
        let gumbels = draws(Stream::ProposedAccept).gumbels(n * (k + 1));
        let gumbels = Tensor::<2>::from_data(TensorData::new(gumbels, [n, k + 1]), u.device);
        let weights = self.log_weights(&all, &centres);
        // What is no number is never chosen.
        let never = weights.clone().is_nan();
        let drawn = (weights + gumbels)
            .mask_fill(never, f32::NEG_INFINITY)
            .argmax(1);
        let columns = Tensor::<1, Int>::arange(0..k as i64 + 1, u.device).unsqueeze::<2>();
        let chosen = drawn.expand([n, k + 1]).equal(columns.expand([n, k + 1]));
        let chosen = chosen.unsqueeze_dim::<3>(2).expand([n, k + 1, d]);
        // By masks, not by products: a place that is no number must not spread.
        let nowhere = all.zeros_like();
        nowhere.mask_where(chosen, all).sum_dim(1).reshape([n, d])
    }

    /// Fresh points of the generator, `[n, centres, d]`, before their noise.
    fn centres<N>(&self, u: &Update<N>) -> Tensor<3> {
        let above = self.above.clone().repeat_dim(0, CENTRES);
        let member = self.member.clone().repeat_dim(0, CENTRES);
        let [rows, d] = above.dims();
        let key = [u.seed, u.iteration];
        let latent = self
            .generator
            .latent(Stream::ProposedLatent, key, rows, u.device);
        let inputs = self.generator.inputs(&above, &latent, &member);
        let guess = self.network.output(&inputs);
        let mean = self.generator.mean(guess, &above, &member);
        mean.reshape([CENTRES, rows / CENTRES, d]).swap_dims(0, 1)
    }

    /// Log of target over mixture, but for a constant of each row, `[n, k]` of points `[n, k, d]`.
    fn log_weights(&self, x: &Tensor<3>, centres: &Tensor<3>) -> Tensor<2> {
        let [n, k, d] = x.dims();
        let gaps = x.clone().unsqueeze_dim::<4>(2) - centres.clone().unsqueeze_dim::<4>(1);
        let squares = gaps.powi_scalar(2).sum_dim(3).reshape([n, k, CENTRES]);
        let precision = self.deviation.clone().powi_scalar(-2).unsqueeze_dim::<3>(2);
        let logs = squares * precision * -0.5;
        let top = logs.clone().max_dim(2);
        let mixture = (logs - top.clone()).exp().sum_dim(2).log() + top;
        // Column by column, each with the rows in their order.
        let rows = x.clone().swap_dims(0, 1).reshape([n * k, d]);
        let member = self.member.clone().repeat_dim(0, k);
        let energy = self.model.at(member.clone());
        let above = self.above.clone().repeat_dim(0, k);
        let energy = self.forward.given(&energy, &member, above).energy(rows);
        energy.reshape([k, n]).transpose().neg() - mixture.reshape([n, k])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diffusion::Schedule;
    use crate::energy::{Architecture, Blueprint, GaussianMixture, Mlp, membership_of};
    use crate::objective::ddaebm::shapes;
    use crate::objective::tests::update;
    use crate::sampler::Labelled;
    use crate::settings::{Key, Preset, Size};
    use burn::tensor::Device;

    fn normals(n: usize, step: u64, device: &Device) -> Tensor<2> {
        let z = Draws::new(8, Stream::Test, step).normals(2 * n);
        Tensor::from_data(TensorData::new(z, [n, 2]), device)
    }

    fn values(t: Tensor<2>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    /// Points that are draws given the points above stay so, in the shares of the modes too, while many
    /// of them change modes.
    #[test]
    fn corrections_keep_the_conditional_energy() {
        let device = Device::flex();
        let mut settings = Preset::of("8-gaussians", "ddaebm", Size::Standard)
            .unwrap()
            .settings();
        for (key, text) in [(Key::Width, "8"), (Key::GeneratorWidth, "8")] {
            settings.set_text(key, text).unwrap();
        }
        let schedule = Schedule::from_settings(&settings);
        let (n, k) = (20_000, 1);
        let centres = [[-1.6f32, 0.0], [1.6, 0.4]];
        let mixture = GaussianMixture::new(&centres, &[0.3, 0.7], 0.3, &schedule, &device);
        let member = membership_of(k, schedule.levels(), n, &device);
        let heads = Draws::new(8, Stream::Test, 0).uniforms(n);
        let places = heads.iter().flat_map(|u| centres[usize::from(*u > 0.3)]);
        let places = TensorData::new(places.collect::<Vec<_>>(), [n, 2]);
        let clean = Tensor::<2>::from_data(places, &device) + normals(n, 1, &device) * 0.3;
        let x = clean * schedule.signal(k) + normals(n, 2, &device) * schedule.noise(k);
        let forward = ForwardStep::new(&schedule, &device);
        let [a, b] = forward.at(&member);
        let above = x.clone() * a + normals(n, 3, &device) * b.sqrt();
        let generator = Generator::new(&schedule, [2, settings.int(Key::LatentSize)], &device);
        // It knows next to nothing, as at the start of training.
        let [shape, _] = shapes(&settings, &schedule);
        let weights = shape.init(3, Stream::GeneratorWeights);
        let weights = Tensor::from_data(weights.as_slice(), &device);
        let correction = Correction {
            generator: &generator,
            network: &*shape.build(&weights),
            model: &mixture,
            forward: &forward,
            above: &above,
            member: &member,
            deviation: generator.deviation(&member),
        };
        let architecture = Architecture::from_settings(&settings);
        let flat = Tensor::from_data(architecture.init(1).as_slice(), &device);
        let model = Mlp::new(&architecture, &flat);
        let data = Labelled {
            x: x.clone(),
            member: member.clone(),
        };
        let steps = Tensor::ones([schedule.levels()], &device);
        let u = Update {
            proposals: 8,
            correction: 2,
            ..update(&model, &steps, &data, &device)
        };
        let step = Tensor::full([n, 1], 0.5, &device);
        let moved = correction.run(x.clone(), &step, &u).x;

        let (before, after, above) = (values(x), values(moved), values(above));
        let ends = before.chunks_exact(2).zip(after.chunks_exact(2));
        let crossed = ends.filter(|(b, a)| (b[0] > 0.0) != (a[0] > 0.0)).count();
        assert!(crossed > n / 20, "only {crossed} crossed");
        // Moments of point and point above: differences of two dependent estimates, so five standard
        // errors of one are generous.
        type Moment = fn(&[f32], &[f32]) -> f32;
        let moments: [Moment; 4] = [
            |x, _| f32::from(u8::from(x[0] > 0.0)),
            |x, _| x[0] * x[0],
            |x, _| x[1],
            |x, y| x[0] * y[0],
        ];
        for (i, moment) in moments.into_iter().enumerate() {
            let of = |x: &[f32]| -> Vec<f32> {
                let pairs = x.chunks_exact(2).zip(above.chunks_exact(2));
                pairs.map(|(x, y)| moment(x, y)).collect()
            };
            let mean = |v: &[f32]| v.iter().sum::<f32>() / n as f32;
            let (before, after) = (of(&before), of(&after));
            let squares: Vec<f32> = before.iter().map(|v| v * v).collect();
            let error = ((mean(&squares) - mean(&before).powi(2)) / n as f32).sqrt();
            let apart = mean(&after) - mean(&before);
            assert!(apart.abs() < 5.0 * error, "moment {i}: {apart} ± {error}");
        }
    }
}
