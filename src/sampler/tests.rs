use super::*;
use crate::diffusion::Schedule;
use crate::energy::{
    Activation, Architecture, GaussianMixture, LevelEnergy, Mlp, membership_of,
    membership_of_labels,
};
use crate::rng::Draws;

const STREAMS: [Stream; 2] = [Stream::Proposal, Stream::Accept];

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

/// A single isotropic Gaussian at the origin.
fn gaussian(deviation: f32, device: &Device) -> impl Energy {
    GaussianMixture::new(&[[0.0, 0.0]], &[1.0], deviation, &Schedule::clean(), device)
        .at(membership_of(0, 1, 1, device))
}

fn normals(n: usize, scale: f32, stream: u64, device: &Device) -> Tensor<2> {
    let z = Draws::new(77, Stream::Test, stream).normals(2 * n);
    Tensor::from_data(TensorData::new(z, [n, 2]), device) * scale
}

fn constant(n: usize, value: f32, device: &Device) -> Tensor<2> {
    Tensor::full([n, 1], value, device)
}

/// Chains start from exact draws, so independent chains stay exact draws at any length, and plain
/// standard errors hold.
fn moments_after(kernel: Kernel, deviation: f32, step: f32, k: usize) -> ([f64; 2], f32) {
    let device = Device::flex();
    let n = 20_000;
    let energy = gaussian(deviation, &device);
    let noise = Noise::draw(1, STREAMS, 0, [k, n, 2], &device);
    let moved = run(
        kernel,
        &energy,
        normals(n, deviation, 0, &device),
        &constant(n, step, &device),
        &noise,
    );
    let x = values(moved.x);
    let m = x.len() as f64;
    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / m;
    let variance = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / m;
    let accepted = values(moved.accepted.mean())[0];
    (
        [
            mean / f64::from(deviation),
            variance / f64::from(deviation).powi(2),
        ],
        accepted,
    )
}

#[test]
fn exact_kernels_keep_a_gaussian() {
    // The released code's ratio fails here: variance 0.5 for small steps.
    let cases = [
        (Kernel::Mala, 1.0, 0.1),
        (Kernel::Mala, 1.0, 0.9),
        (Kernel::Mala, 0.01, 0.001),
        (Kernel::Mala, 0.5, 0.6),
        (Kernel::Hmc { leapfrog: 1 }, 1.0, 0.8),
        (Kernel::Hmc { leapfrog: 5 }, 1.0, 0.5),
        (Kernel::Hmc { leapfrog: 7 }, 0.1, 0.05),
    ];
    let se = (1.0 / 40_000f64).sqrt();
    for (kernel, deviation, step) in cases {
        let ([mean, variance], accepted) = moments_after(kernel, deviation, step, 60);
        assert!(mean.abs() < 4.0 * se, "{kernel:?} {step}: mean {mean}");
        assert!(
            (variance - 1.0).abs() < 4.0 * 2f64.sqrt() * se,
            "{kernel:?} {step}: variance {variance}"
        );
        assert!(
            accepted > 0.5 && accepted <= 1.0,
            "{kernel:?} {step}: {accepted}"
        );
    }
}

#[test]
fn ula_has_the_bias_that_theory_gives() {
    // x' = (1 - s²/2) x + s z has variance s² / (1 - (1 - s²/2)²) = 1 / (1 - s²/4).
    for step in [0.1f64, 0.8] {
        let ([mean, variance], accepted) = moments_after(Kernel::Ula, 1.0, step as f32, 400);
        let se = (1.0 / 40_000f64).sqrt();
        let exact = 1.0 / (1.0 - step * step / 4.0);
        assert!(mean.abs() < 4.0 * se * exact.sqrt());
        // From variance 1 the chain nears `exact` as (1 - s²/2)^(2k).
        let left = (1.0 - step * step / 2.0).powi(800) * (1.0 - exact);
        assert!(
            (variance - exact - left).abs() < 4.0 * 2f64.sqrt() * se * exact,
            "{step}: {variance}"
        );
        assert_eq!(accepted, 1.0);
    }
}

/// Detailed balance: the flow from A to B equals that from B to A when chains start in
/// equilibrium, for sets that a step can connect.
#[test]
fn mala_and_hmc_are_in_detailed_balance() {
    let device = Device::flex();
    let n = 200_000;
    let mixture = |d: &Device| {
        GaussianMixture::new(
            &[[-1.0, 0.0], [1.2, 0.3]],
            &[0.3, 0.7],
            0.6,
            &Schedule::clean(),
            d,
        )
        .at(membership_of(0, 1, 1, d))
    };
    let energy = mixture(&device);
    let z = normals(n, 0.6, 5, &device);
    let pick = Draws::new(3, Stream::Test, 6).uniforms(n);
    let centres: Vec<f32> = pick
        .iter()
        .flat_map(|&u| if u < 0.3 { [-1.0, 0.0] } else { [1.2, 0.3] })
        .collect();
    let x = z + Tensor::from_data(TensorData::new(centres, [n, 2]), &device);
    for kernel in [Kernel::Mala, Kernel::Hmc { leapfrog: 3 }] {
        let noise = Noise::draw(9, STREAMS, 1, [1, n, 2], &device);
        let after = run(
            kernel,
            &energy,
            x.clone(),
            &constant(n, 0.7, &device),
            &noise,
        )
        .x;
        let (from, to) = (values(x.clone()), values(after));
        let in_a = |p: &[f32]| p[0] < -0.4;
        let in_b = |p: &[f32]| (-0.4..0.6).contains(&p[0]) && p[1] > 0.1;
        let flow = |s: &dyn Fn(&[f32]) -> bool, e: &dyn Fn(&[f32]) -> bool| {
            from.chunks(2)
                .zip(to.chunks(2))
                .filter(|(p, q)| s(p) && e(q))
                .count() as f64
        };
        let (there, back) = (flow(&in_a, &in_b), flow(&in_b, &in_a));
        assert!(
            there > 500.0,
            "{kernel:?}: the sets must be connected, {there}"
        );
        assert!(
            (there - back).abs() < 4.0 * (there + back).sqrt(),
            "{kernel:?}: {there} against {back}"
        );
    }
}

#[test]
fn a_proposal_that_is_no_number_is_rejected() {
    struct Cliff;
    impl Energy for Cliff {
        fn energy(&self, x: Tensor<2>) -> Tensor<1> {
            // log of a negative number right of x = 0.
            x.slice_dim(1, 0..1).neg().log().squeeze_dim(1)
        }
        fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
            let energy = self.energy(x.clone());
            (
                energy.clone(),
                x.zeros_like() + energy.unsqueeze_dim::<2>(1) * 0.0,
            )
        }
    }
    let device = Device::flex();
    let x = Tensor::from_data([[-0.5f32, 0.0], [-1.0, 1.0], [-0.1, 2.0]], &device);
    for kernel in [Kernel::Mala, Kernel::Hmc { leapfrog: 2 }] {
        let noise = Noise::draw(2, STREAMS, 0, [50, 3, 2], &device);
        let moved = run(
            kernel,
            &Cliff,
            x.clone(),
            &constant(3, 0.5, &device),
            &noise,
        );
        let places = values(moved.x);
        assert!(places.iter().all(|v| v.is_finite()));
        assert!(places.chunks(2).all(|p| p[0] < 0.0));
    }
}

/// With exact energies at every level: labels uniform, and the modes' weights found from a start
/// with all chains in the wrong place, which no fixed-level kernel could do.
#[test]
fn the_mixture_sampler_finds_levels_and_weights() {
    let device = Device::flex();
    let schedule = Schedule::cumulative_ramp(6, 0.05, 0.3);
    let weights = [0.15f32, 0.6, 0.25];
    let centres = [[-3.0f32, 0.0], [3.0, 1.0], [0.0, 3.0]];
    let model = GaussianMixture::new(&centres, &weights, 0.2, &schedule, &device);
    let (n, levels) = (4000, schedule.levels());
    let steps: Vec<f32> = (0..levels)
        .map(|t| 0.5 * (schedule.signal(t) * 0.2).hypot(schedule.noise(t)) as f32)
        .collect();
    let steps = Tensor::<1>::from_data(steps.as_slice(), &device);
    for (kind, rounds) in [(JumpKind::Global, 60), (JumpKind::Local, 260)] {
        let mut chains = Labelled {
            x: normals(n, 1.0, 8, &device),
            member: membership_of(levels - 1, levels, n, &device),
        };
        for round in 0..rounds {
            let noise = Noise::draw(4, STREAMS, round, [10, n, 2], &device);
            let jump = Jump::draw(kind, &Draws::new(4, Stream::Label, round), n, &device);
            chains = mixture_transition(&model, Kernel::Mala, chains, &steps, &noise, &jump).chains;
        }
        let member = values(chains.member);
        let x = values(chains.x);
        let share =
            |t: usize| member.chunks(levels).map(|r| f64::from(r[t])).sum::<f64>() / n as f64;
        let p = 1.0 / levels as f64;
        for t in 0..levels {
            let se = (p * (1.0 - p) / n as f64).sqrt();
            assert!(
                (share(t) - p).abs() < 4.0 * se,
                "{kind:?} level {t}: {}",
                share(t)
            );
        }
        let clean: Vec<&[f32]> = x
            .chunks(2)
            .zip(member.chunks(levels))
            .filter(|(_, m)| m[0] == 1.0)
            .map(|(p, _)| p)
            .collect();
        for (i, &w) in weights.iter().enumerate() {
            let near = |p: &&&[f32]| {
                let d = |c: &[f32; 2]| (p[0] - c[0]).powi(2) + (p[1] - c[1]).powi(2);
                centres.iter().all(|c| d(&centres[i]) <= d(c))
            };
            let got = clean.iter().filter(near).count() as f64 / clean.len() as f64;
            let w = f64::from(w);
            let se = (w * (1.0 - w) / clean.len() as f64).sqrt();
            assert!(
                (got - w).abs() < 4.0 * se,
                "{kind:?} mode {i}: {got} against {w}"
            );
        }
    }
}

#[test]
fn acceptance_is_counted_at_the_level_of_the_move() {
    let device = Device::flex();
    let schedule = Schedule::cumulative_ramp(2, 0.2, 0.4);
    let model = GaussianMixture::new(&[[0.0, 0.0]], &[1.0], 0.5, &schedule, &device);
    let n = 40;
    let labels: Vec<usize> = (0..n).map(|i| usize::from(i % 4 == 0)).collect();
    let chains = Labelled {
        x: normals(n, 0.5, 2, &device),
        member: membership_of_labels(&labels, 3, &device),
    };
    let noise = Noise::draw(4, STREAMS, 0, [5, n, 2], &device);
    let steps = Tensor::<1>::from_data([0.3f32, 0.3, 0.3], &device);
    let moved = mixture_transition(&model, Kernel::Ula, chains, &steps, &noise, &Jump::Stay);
    assert_eq!(values(moved.acceptance), [30.0, 30.0, 10.0, 10.0, 0.0, 0.0]);
    assert_eq!(moved.trail.dims(), [5, n, 2]);
}

#[test]
fn adaptation_follows_the_band() {
    let device = Device::flex();
    let steps = Tensor::from_data([0.1f32, 0.1, 0.1, 0.1, 1.45], &device);
    let ceiling = Tensor::from_data([1.0f32, 1.0, 1.0, 1.0, 1.5], &device);
    // Accepted shares summed, and moves: rates 0.9, 0.7, 0.5, none and 1.
    let window = [
        [9.0f32, 10.0],
        [7.0, 10.0],
        [5.0, 10.0],
        [0.0, 0.0],
        [3.0, 3.0],
    ];
    let adapted = values(adapt(steps, Tensor::from_data(window, &device), ceiling));
    for (got, expected) in adapted.iter().zip([0.11, 0.1, 0.1 / 1.2, 0.1, 1.5]) {
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }
}

#[test]
fn a_kernel_moves_chains_as_single_steps_do() {
    let device = Device::flex();
    let architecture = Architecture {
        activation: Activation::Silu,
        width: 20,
        depth: 2,
        levels: Some(3),
        confinement: 0.05,
        spread: true,
    };
    let flat = Tensor::from_data(architecture.init(4).as_slice(), &device);
    let n = 37;
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    let energy = Mlp::new(&architecture, &flat).at(membership_of_labels(&labels, 3, &device));
    let (x, step) = (normals(n, 1.5, 2, &device), constant(n, 0.4, &device));
    let noise = Noise::draw(6, STREAMS, 0, [12, n, 2], &device);
    for (kernel, adjusted) in [(Kernel::Mala, true), (Kernel::Ula, false)] {
        let at_once = energy.langevin(&x, &step, &noise.draws, adjusted).unwrap();
        let single = one_by_one(kernel, &energy, x.clone(), &step, &noise);
        for (a, b) in [
            (values(at_once.trail), values(single.trail)),
            (values(at_once.accepted), values(single.accepted)),
        ] {
            let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
            let worst = apart.fold(0.0, f32::max);
            assert!(a.len() == b.len() && worst < 1e-4, "{kernel:?}: {worst}");
        }
    }
}
