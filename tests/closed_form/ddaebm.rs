//! DDAEBM notes, section 7. Schedules (7.1) and the second turn's gradients (7.9) have unit tests beside
//! their code; an energy `½|x - h(x)|²` (7.9) is for images.

use super::Checks;
use super::gaussian::{BATCH, Estimate, Gaussian, batches, mean, normals, number, read, squared};
use basin::diffusion::Schedule;
use basin::energy::{
    Activation, Architecture, Blueprint, Energy, LevelEnergy, Mlp, Shape, membership_of,
};
use basin::metric::truth2d::kl;
use basin::objective::{
    Conditional, Generator, GeneratorNoise, differentiate, flattening, latent_divergence,
    latent_miss, penalty_for, reconstruction,
};
use basin::rng::Stream;
use basin::sampler::{Kernel, Noise, run};
use basin::settings::{Key, Preset, Size};
use burn::tensor::{Device, Tensor, TensorData};
use std::f64::consts::{SQRT_2, TAU};
use std::ops::Range;

const FULL_VP: [f64; 2] = [0.1, 20.0];

pub async fn checks(c: &mut Checks, device: &Device) {
    oracle(c, device).await;
    conditional(c, device).await;
    divergences(c);
    penalty(c, device).await;
    game(c, device).await;
    critic(c, device).await;
    own_gradient(c, device).await;
    latents(c, device).await;
}

/// 7.2 and 7.10: a generator that knows the clean point gives the marginal of every level. Two calls
/// differ by their noise, and not at all at the last level.
async fn oracle(c: &mut Checks, device: &Device) {
    let mut settings = Preset::of("8-gaussians", "ddaebm", Size::Standard)
        .unwrap()
        .settings();
    settings.set_text(Key::Levels, "4").unwrap();
    let schedule = Schedule::from_settings(&settings);
    let generator = Generator::new(&schedule, [2, 2], device);
    let shape = Shape {
        inputs: 8,
        outputs: 2,
        width: 8,
        depth: 2,
    };
    // Whatever its inputs, this network answers with its last layer's bias.
    let clean = [0.8, -0.3];
    let mut weights = vec![0.0; shape.parameters()];
    let last = weights.len() - clean.len();
    weights[last..].copy_from_slice(&clean);
    let weights = Tensor::from_data(weights.as_slice(), device);
    let network = shape.build(&weights);
    let n = 2_000;
    let x0 = Tensor::<2>::from_data([clean], device);
    for k in 0..4 {
        let member = membership_of(k, 4, n, device);
        let above = x0.clone() * schedule.signal(k + 1)
            + normals(n, 2 + k as u64, device) * schedule.noise(k + 1);
        let call = |step: u64| {
            let draws = GeneratorNoise {
                latent: normals(n, 22 + k as u64, device),
                noise: normals(n, step + k as u64, device),
            };
            generator.call(&*network, &above, draws, &member).0
        };
        let x = call(12);
        let apart = call(82) - x.clone();
        let noise = normals(n, 82 + k as u64, device) - normals(n, 12 + k as u64, device);
        let deviation = if k == 0 {
            0.0
        } else {
            schedule.posterior(k).deviation
        };
        let off = (apart - noise * deviation).abs().max();
        let exact = if k == 0 { 0.0 } else { 1e-5 };
        c.close(
            format!("noise of two calls at {k}"),
            number(off).await,
            0.0,
            exact,
        );
        let rest = (x - x0.clone() * schedule.signal(k)).reshape([2 * n]);
        c.estimated(
            format!("oracle's mean at {k}"),
            mean(rest.clone()).await,
            0.0,
        );
        // The noise of the last level is left out.
        let hidden = if k == 0 {
            schedule.posterior(0).deviation.powi(2)
        } else {
            0.0
        };
        let variance = schedule.noise(k).powi(2) - hidden;
        let squares = mean(rest.powi_scalar(2)).await;
        c.estimated(format!("oracle's variance at {k}"), squares, variance);
    }
}

/// 7.3: a Gaussian energy given the point above, on a grid.
async fn conditional(c: &mut Checks, device: &Device) {
    let (m, v, b) = (0.3, 0.4, 0.47826);
    let a: f64 = 1.0 - b;
    let energy = Gaussian {
        mean: m,
        variance: v,
    };
    let side = 240;
    let (half, above) = (4.0, [0.9, -0.5]);
    let cell = 2.0 * half / f64::from(side);
    let at = |i: i32| -half + (f64::from(i) + 0.5) * cell;
    let points: Vec<f32> = (0..side * side)
        .flat_map(|i| [at(i % side) as f32, at(i / side) as f32])
        .collect();
    let n = (side * side) as usize;
    let x = Tensor::<2>::from_data(TensorData::new(points.clone(), [n, 2]), device);
    let column = |v: f64| Tensor::<2>::full([n, 1], v as f32, device);
    let y: Vec<f32> = (0..n).flat_map(|_| above.map(|v| v as f32)).collect();
    let given = Conditional {
        energy: &energy,
        above: Tensor::from_data(TensorData::new(y, [n, 2]), device),
        signal: column(a.sqrt()),
        variance: column(b),
    };
    let energies = read(given.energy(x)).await;
    let weights: Vec<f64> = energies.iter().map(|e| (-f64::from(*e)).exp()).collect();
    let total: f64 = weights.iter().sum();
    // exp(-E) without the energies' own constants: log Z~ of the notes, over both dimensions.
    let normal = |x: f64, mean: f64, v: f64| -0.5 * ((x - mean).powi(2) / v + (TAU * v).ln());
    let expected: f64 = [m, 0.0]
        .iter()
        .zip(above)
        .map(|(mean, y)| {
            0.5 * (TAU * v).ln() + normal(y, a.sqrt() * mean, a * v + b) + 0.5 * (TAU * b).ln()
        })
        .sum();
    c.close(
        "log Z given the point above",
        (total * cell * cell).ln(),
        expected,
        1e-4,
    );
    let precision = 1.0 / v + a / b;
    let moment = |axis: usize, power: i32, centre: f64| -> f64 {
        let terms = weights.iter().zip(points.chunks_exact(2));
        terms
            .map(|(w, p)| w * (f64::from(p[axis]) - centre).powi(power))
            .sum::<f64>()
            / total
    };
    for (axis, mean) in [(0, m), (1, 0.0)] {
        let centre = (mean / v + a.sqrt() * above[axis] / b) / precision;
        c.close(
            "mean given the point above",
            moment(axis, 1, 0.0),
            centre,
            1e-4,
        );
        c.close(
            "variance given it",
            moment(axis, 2, centre),
            1.0 / precision,
            1e-4,
        );
    }
    // Averaged over the true points above, the variance comes back.
    let back = 1.0 / precision + (a / (b * b)) * (a * v + b) / precision.powi(2);
    c.formula("variance averaged", back, v, 1e-12);
}

/// 7.4.
fn divergences(c: &mut Checks) {
    let of = |mean, variance| Gaussian { mean, variance }.on_a_line();
    let (p, q) = (of(0.2, 0.5), of(-0.4, 1.3));
    c.close("Jeffrey", kl(&p, &q) + kl(&q, &p), 0.9907692308, 2e-5);
}

/// A smooth energy on a single level.
fn smooth(width: usize) -> Architecture {
    Architecture {
        activation: Activation::Silu,
        width,
        depth: 2,
        levels: None,
        confinement: 0.05,
        spread: true,
    }
}

/// 7.5 and 7.6.
async fn penalty(c: &mut Checks, device: &Device) {
    // E|grad E + s|² = E|grad E|² + d a/b, with s the score of the forward step.
    let architecture = smooth(16);
    let flat = Tensor::from_data(architecture.init(3).as_slice(), device);
    let n = 40_000;
    let (x, z) = (normals(n, 20, device), normals(n, 21, device));
    let b: f64 = 0.47826;
    let at = Mlp::new(&architecture, &flat).at(Tensor::ones([1, 1], device));
    let (_, grad) = at.energy_and_grad(x);
    let score = z * ((1.0 - b).sqrt() / b.sqrt());
    let excess = squared(grad.clone() + score) - squared(grad);
    c.estimated(
        "penalty with the score",
        mean(excess).await,
        2.0 * (1.0 - b) / b,
    );
    // The stationary point of the linear-quadratic game.
    for (v, gamma, kappa) in [
        (1.0, 0.02, 0.9629),
        (0.25, 0.02, 3.508),
        (0.00125, 0.02, 129.5),
    ] {
        let half: f64 = v / 2.0;
        let root = (-half + (half * half + 2.0 * gamma * v).sqrt()) / (2.0 * gamma * v);
        c.formula("precision of the game", root / kappa, 1.0, 4e-4);
        c.close(
            "penalty of that precision",
            penalty_for(v, root * v) / gamma,
            1.0,
            1e-9,
        );
    }
    c.close("penalty for 90 %", penalty_for(0.00125, 0.9), 7.7e-5, 1e-6);
    c.close(
        "penalty for 90 % of unit variance",
        penalty_for(1.0, 0.9),
        0.062,
        5e-4,
    );
    // The loss itself is stationary there, on draws: fakes from the energy, data from N(0, v).
    let (v, sharpness) = (0.4, 0.8);
    let gamma = penalty_for(v, sharpness);
    let kappa = sharpness / v;
    let data = normals(n, 22, device) * f64::sqrt(v);
    let fakes = |kappa: f64| normals(n, 23, device) / kappa.sqrt();
    let at_rest = by_precision(&data, &fakes(kappa), gamma, kappa).await;
    c.estimated("the game at rest", at_rest, 0.0);
    let sharper = kappa * 1.1;
    let off = by_precision(&data, &fakes(sharper), gamma, sharper).await;
    c.clearly_off("the game off its rest", off, 5.0);
}

/// The slope of DDAEBM's first turn in the precision κ of `E = κ|x|²/2`, from data and fakes.
async fn by_precision(data: &Tensor<2>, fakes: &Tensor<2>, gamma: f64, kappa: f64) -> Estimate {
    let [n, _] = data.dims();
    let loss = |kappa: f64| {
        let energy = Gaussian {
            mean: 0.0,
            variance: 1.0 / kappa,
        };
        let weight = Tensor::full([BATCH, 1], gamma / BATCH as f64, &data.device());
        batches(n, &|rows| {
            let part = |x: &Tensor<2>| x.clone().slice([rows.clone(), 0..2]);
            let (of_data, grad) = energy.energy_and_grad(part(data));
            let contrast = (of_data - energy.energy(part(fakes))).mean();
            contrast + flattening(grad, weight.clone())
        })
    };
    // A quadratic of κ: exact for any width.
    let h = 0.1 * kappa;
    mean((loss(kappa + h) - loss(kappa - h)) / (2.0 * h)).await
}

/// 7.6 given the point above: with the paper's penalty on a mode of 25 Gaussians, the energy's slope in
/// its precision is nothing at the notes' shares, when fakes are draws of the conditional energy.
async fn game(c: &mut Checks, device: &Device) {
    let (gamma, schedule, n) = (0.02, Schedule::vp(4, FULL_VP), 20_000);
    for (k, sharpness) in [(0, 0.168), (1, 0.928), (2, 0.960), (3, 0.963)] {
        let v = schedule.signal(k).powi(2) * 0.00125 + schedule.noise(k).powi(2);
        let (a, b) = (schedule.step_signal(k + 1).powi(2), schedule.beta(k + 1));
        let fake_variance = |kappa: f64| {
            let precision = kappa + a / b;
            1.0 / precision + (a / (b * b)) * (a * v + b) / precision.powi(2)
        };
        let slope = |kappa: f64| 0.5 * v - 0.5 * fake_variance(kappa) + gamma * kappa * v;
        let (mut low, mut high) = (0.0, 1.0 / v);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            match slope(middle) < 0.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        let kappa = low;
        c.formula("sharpness of the game", kappa * v, sharpness, 6e-4);
        let x = normals(n, 40 + k as u64, device) * v.sqrt();
        let above = x.clone() * a.sqrt() + normals(n, 50 + k as u64, device) * b.sqrt();
        let precision = kappa + a / b;
        let column = |v: f64| Tensor::<2>::full([n, 1], v as f32, device);
        let energy = Gaussian {
            mean: 0.0,
            variance: 1.0 / kappa,
        };
        let start = above.clone() * (a.sqrt() / b / precision)
            + normals(n, 60 + k as u64, device) / precision.sqrt();
        let given = Conditional {
            energy: &energy,
            above,
            signal: column(a.sqrt()),
            variance: column(b),
        };
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(3, streams, k as u64, [20, n, 2], device);
        let step = column(precision.sqrt().recip());
        let fakes = run(Kernel::Mala, &given, start, &step, &noise).x;
        let at_rest = by_precision(&x, &fakes, gamma, kappa).await;
        c.estimated(format!("the game at rest at {k}"), at_rest, 0.0);
    }
}

/// 7.7: the best critic of one dimension, E' = (F_data - F_fake)/(γ p_data): no tilt improves it.
async fn critic(c: &mut Checks, device: &Device) {
    let (gamma, shift, n) = (0.02, 0.1, 20_000);
    let below = |x: f64| 0.5 * libm::erfc(-x / SQRT_2);
    let slope = |x: f64| (below(x) - below(x - shift)) * TAU.sqrt() * (0.5 * x * x).exp() / gamma;
    // Data to the left of the fakes: the energy rises to the right.
    c.formula(
        "slope of the critic",
        slope(0.0) / (shift / gamma),
        1.0,
        0.01,
    );
    let places = read(normals(n, 90, device)).await;
    let column = |of: &dyn Fn(f64) -> f64| {
        let rows = places.chunks_exact(2);
        let values: Vec<f32> = rows
            .flat_map(|p| [of(f64::from(p[0])) as f32, 0.0])
            .collect();
        Tensor::<2>::from_data(TensorData::new(values, [n, 2]), device)
    };
    let weight = Tensor::full([BATCH, 1], gamma / BATCH as f64, device);
    type Function = fn(f64) -> f64;
    let tilts: [(Function, Function); 3] = [
        (|x| x.sin(), |x| x.cos()),
        (|x| x, |_| 1.0),
        (|x| (-x * x).exp(), |x| -2.0 * x * (-x * x).exp()),
    ];
    for (i, (tilt, derivative)) in tilts.into_iter().enumerate() {
        // What the linear contrast gains by the tilt, and its derivative.
        let gain = column(&|x| tilt(x) - tilt(x + shift));
        let along = column(&derivative);
        let change = |sign: f64| {
            let grad = column(&slope) * sign;
            let part = |t: &Tensor<2>, rows: &Range<usize>| t.clone().slice([rows.clone(), 0..2]);
            batches(n, &|rows| {
                let [gain, grad, along] = [&gain, &grad, &along].map(|t| part(t, &rows));
                // A quadratic of the tilt: exact for any width.
                let penalty = |tilted: Tensor<2>| flattening(tilted, weight.clone());
                let by_penalty = penalty(grad.clone() + along.clone()) - penalty(grad - along);
                gain.sum() / BATCH as f32 + by_penalty * 0.5
            })
        };
        c.estimated(
            format!("tilt {i} of the critic"),
            mean(change(1.0)).await,
            0.0,
        );
        if i == 1 {
            let upside_down = mean(change(-1.0)).await;
            c.clearly_off("a critic upside down", upside_down, 5.0);
        }
    }
}

/// 7.9: the penalty's own gradient, by second derivatives, against a difference of losses along it.
async fn own_gradient(c: &mut Checks, device: &Device) {
    let architecture = smooth(8);
    let flat = Tensor::from_data(architecture.init(4).as_slice(), device);
    let n = 32;
    let x = normals(n, 91, device);
    let found = differentiate(&Mlp::new(&architecture, &flat), |model: &Mlp| {
        let (member, weight) = (Tensor::ones([1, 1], device), Tensor::ones([n, 1], device));
        let (_, grad) = model
            .at(member.autodiff())
            .energy_and_grad(x.clone().autodiff());
        flattening(grad, weight.autodiff())
    });
    let length = number(found.gradient.clone().powi_scalar(2).sum())
        .await
        .sqrt();
    let loss = async |step: f64| {
        let moved = flat.clone() + found.gradient.clone() * (step / length);
        let at = Mlp::new(&architecture, &moved).at(Tensor::ones([1, 1], device));
        let (_, grad) = at.energy_and_grad(x.clone());
        number(flattening(grad, Tensor::ones([n, 1], device))).await
    };
    let h = 0.01;
    let along = (loss(h).await - loss(-h).await) / (2.0 * h);
    c.close("the penalty's own gradient", along / length, 1.0, 5e-3);
}

/// 7.8 and 7.11.
async fn latents(c: &mut Checks, device: &Device) {
    let z = normals(30, 30, device);
    let zero = Tensor::<2>::zeros([30, 2], device);
    let nothing = read(latent_miss(z.clone(), z, zero.clone())).await[0];
    c.close("miss of the latent itself", f64::from(nothing), 0.0, 1e-5);
    let nothing = read(latent_divergence(zero.clone(), zero)).await[0];
    c.close("divergence of the prior", f64::from(nothing), 0.0, 1e-6);
    // x = a z + s n with the exact posterior: both bounds are tight.
    let (a, s) = (0.8, 0.6);
    let total: f64 = a * a + s * s;
    let variance = s * s / total;
    let n = 20_000;
    let (z, e) = (normals(n, 31, device), normals(n, 32, device));
    let x = z.clone() * a + e * s;
    let posterior = x.clone() * (a / total);
    let log_variance = Tensor::<2>::full([n, 2], variance.ln() as f32, device);
    let miss = f64::from(read(latent_miss(z, posterior.clone(), log_variance.clone())).await[0]);
    // A dimension's entropy of z given x is ½ log(2πe variance).
    let conditional = miss / (2 * n) as f64 + 0.5 * TAU.ln();
    let entropy = 0.5 * (TAU * std::f64::consts::E).ln()
        + 0.5 * (TAU * std::f64::consts::E * s * s).ln()
        - conditional;
    let exact = 0.5 * (TAU * std::f64::consts::E * total).ln();
    // (z - mean)²/(2 variance) has deviation 1/√2.
    c.close(
        "entropy bound is tight",
        entropy,
        exact,
        5.0 * 0.7072 / ((2 * n) as f64).sqrt() + 1e-4,
    );
    let divergence = f64::from(read(latent_divergence(posterior.clone(), log_variance)).await[0]);
    let spread = Tensor::full([n, 1], (s * s) as f32, device);
    let nll = number(reconstruction(x.clone(), posterior * a, spread)).await;
    // What the latent's spread adds, and the constant, of two dimensions.
    let rest = n as f64 * (a * a * variance / (s * s) + (TAU * s * s).ln());
    let elbo = nll + rest + divergence;
    let evidence = x.powi_scalar(2) * (0.5 / total) + 0.5 * (TAU * total).ln();
    let evidence = f64::from(read(evidence.sum()).await[0]);
    c.close("evidence bound is tight", elbo / evidence, 1.0, 1e-4);
}
