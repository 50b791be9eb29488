//! DCD notes, section 5.

use super::Checks;
use super::gaussian::{Estimate, Gaussian, kl, mean, normals, read, single};
use basin::energy::{Energy, GaussianMixture, LevelEnergy, membership_of};
use basin::objective::{
    Conditional, Diffusion, Ranking, antithetic, candidates, denoising, sliced,
};
use basin::rng::Stream;
use basin::sampler::{Kernel, Noise, run};
use burn::tensor::{Device, Tensor};

/// The point of the notes' tables: p = N(.7, .5), q = N(-.2, 2).
const P: Gaussian = Gaussian {
    mean: 0.7,
    variance: 0.5,
};
const Q: Gaussian = Gaussian {
    mean: -0.2,
    variance: 2.0,
};

pub async fn checks(c: &mut Checks, device: &Device) {
    values(c, device).await;
    ranking(c, device).await;
    zero_gradient(c, device).await;
    population_loss(c, device).await;
    recovery(c, device).await;
    equation_of_u(c, device).await;
    one_step(c, device).await;
    score_matching(c, device).await;
    langevin(c, device).await;
}

/// `[1]` on the device as a number.
async fn number(tensor: Tensor<1>) -> f64 {
    f64::from(read(tensor).await[0])
}

/// 5.1 and 5.2: values for VE and VP from the kernels that training uses.
async fn values(c: &mut Checks, device: &Device) {
    let table = [
        (0.1, 0.0585514106, 0.0612088550),
        (0.5, 0.2005018146, 0.2331849118),
        (2.0, 0.3718953659, 0.4632752231),
    ];
    for (t, ve, vp) in table {
        // VP at time T is VE at τ = e^T - 1.
        for (diffusion, tau, expected) in [
            (Diffusion::Ve, t, ve),
            (Diffusion::Vp, f64::exp(t) - 1.0, vp),
            (Diffusion::Ve, f64::exp(t) - 1.0, vp),
        ] {
            let k = diffusion.transition(Tensor::full([1, 1], tau as f32, device));
            let [a, s, time] = [k.signal, k.noise, k.time].map(|v| v.reshape([1]));
            let (a, s, time) = (number(a).await, number(s).await, number(time).await);
            let carried = |g: Gaussian| [a * g.mean, a * a * g.variance + s * s];
            let before = kl([P.mean, P.variance], [Q.mean, Q.variance]);
            let dcd = before - kl(carried(P), carried(Q));
            c.close(
                format!("value of {diffusion:?} at {t}"),
                dcd,
                expected,
                1e-5,
            );
            let shift = [[P.mean, P.variance], [Q.mean, Q.variance]];
            let gap = (P.mean - Q.mean).powi(2) + (shift[0][1].sqrt() - shift[1][1].sqrt()).powi(2);
            c.holds(
                format!("bound of {diffusion:?} at {t}"),
                before - dcd <= gap / (2.0 * s * s / (a * a)) + 1e-6,
            );
            if diffusion == Diffusion::Vp {
                c.close(format!("time of VP at {t}"), time, t, 1e-5);
                c.close("VP preserves variance", a * a + s * s, 1.0, 1e-5);
            }
        }
    }
    // (2): half the integral of the Fisher divergence along the way.
    let steps = 4000;
    let integral: f64 = (0..steps)
        .map(|i| {
            let t = (f64::from(i) + 0.5) / f64::from(steps) * 0.5;
            let (v, s2) = (Q.variance + t, P.variance + t);
            let spread = (1.0 / v - 1.0 / s2).powi(2) * s2;
            0.5 * (spread + (P.mean - Q.mean).powi(2) / (v * v)) * 0.5 / f64::from(steps)
        })
        .sum();
    c.close(
        "integral of Fisher divergences",
        integral,
        0.2005018146,
        1e-6,
    );
    // 5.2: an exact finite chain.
    let (p, energy) = ([0.5, 0.3, 0.2], [0.1, 0.7, 1.4]);
    let rows = [[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]];
    let carry = |v: [f64; 3]| -> [f64; 3] {
        std::array::from_fn(|j| (0..3).map(|i| v[i] * rows[i][j]).sum())
    };
    let weights: [f64; 3] = energy.map(|e: f64| (-e).exp());
    let (p_t, u) = (carry(p), carry(weights).map(|w| -w.ln()));
    let entropy = |v: [f64; 3]| -v.iter().map(|x| x * x.ln()).sum::<f64>();
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>();
    let dcd = dot(p, energy) - dot(p_t, u) - entropy(p) + entropy(p_t);
    c.close("finite chain", dcd, 0.0047053379, 1e-9);
}

/// 5.4: constants.
async fn ranking(c: &mut Checks, device: &Device) {
    for (m, w) in [(4, 1.0), (4, 0.5), (1, 2.0), (7, 10.0)] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: w,
        };
        let (loss, weights) = ranking.rule(Tensor::full([(m + 1) * 3], 3.7, device));
        let expected = (1.0 + w / m as f64).ln();
        c.close("constant energy", number(loss).await, expected, 1e-5);
        c.close("weights cancel", number(weights.sum()).await, 0.0, 1e-5);
        let energies = normals(5 * (m + 1), 1, device).reshape([10 * (m + 1)]);
        let (here, by) = ranking.rule(energies.clone());
        let (there, by_shifted) = ranking.rule(energies + 40.0);
        let (here, there) = (number(here).await, number(there).await);
        c.close("a shift changes nothing", there, here, 1e-4);
        let moved = number((by - by_shifted).abs().max()).await;
        c.close("nor its weights", moved, 0.0, 1e-4);
        c.holds("bounded below", here >= (w / m as f64).ln());
    }
    let wide = Ranking {
        negatives: 4,
        stabiliser: 1.0,
    };
    let far = Tensor::<1>::from_data([-500.0f32, 500.0, 400.0, 300.0, 200.0], device);
    let (loss, weights) = wide.rule(far.clone());
    c.close(
        "far apart, right way",
        number(loss).await,
        -(4f64.ln()),
        1e-4,
    );
    c.close(
        "no force then",
        number(weights.abs().sum()).await,
        0.0,
        1e-6,
    );
    let (loss, _) = wide.rule(far.neg());
    c.close(
        "far apart, wrong way",
        number(loss).await,
        1000.0 - 4f64.ln(),
        0.01,
    );
}

/// Contributions of each point to the gradient along a tilt `E + θ φ`, `[n]`, from weights and values
/// of φ at all candidates.
fn by_tilt(ranking: Ranking, weights: Tensor<1>, tilt: Tensor<1>) -> Tensor<1> {
    let m = ranking.negatives;
    let [rows] = weights.dims();
    let n = rows / (m + 1);
    let table = (weights * tilt).reshape([m + 1, n]);
    table.sum_dim(0).reshape([n]) * n as f32
}

fn squared(x: Tensor<2>) -> Tensor<1> {
    x.powi_scalar(2).sum_dim(1).squeeze_dim(1)
}

fn first(x: Tensor<2>) -> Tensor<1> {
    let [n, _] = x.dims();
    x.slice([0..n, 0..1]).reshape([n])
}

/// 1.6 and 5.4: with w = 1 the truth is stationary for any M and τ; with w = 0.2 it is not.
async fn zero_gradient(c: &mut Checks, device: &Device) {
    let n = 4000;
    let schedule = basin::diffusion::Schedule::clean();
    let centres = [[-1.0f32, 0.5], [1.5, -0.5]];
    let mixture = GaussianMixture::new(&centres, &[0.3, 0.7], 0.5, &schedule, device);
    let energy = mixture.at(membership_of(0, 1, 1, device));
    let heads = basin::rng::Draws::new(9, Stream::Test, 40).uniforms(n);
    let places: Vec<f32> = heads
        .iter()
        .flat_map(|u| centres[usize::from(*u > 0.3)])
        .collect();
    let places = Tensor::<2>::from_data(burn::tensor::TensorData::new(places, [n, 2]), device);
    let data = single(places + normals(n, 41, device) * 0.5);
    for (m, tau, w, exact) in [
        (1, 0.1, 1.0, true),
        (4, 0.25, 1.0, true),
        (4, 2.0, 1.0, true),
        (16, 0.5, 1.0, true),
        (4, 0.5, 0.2, false),
    ] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: w,
        };
        let deviation = Tensor::full([n, 1], f64::sqrt(tau) as f32, device);
        let points = candidates(&data, &deviation, m, [5, m as u64]);
        let (_, weights) = ranking.rule(energy.energy(points.x.clone()));
        let tilts = [
            ("x", first(points.x.clone())),
            ("|x|²", squared(points.x.clone())),
            // Its sharpness, which w decides.
            ("E", energy.energy(points.x.clone())),
        ];
        for (name, tilt) in tilts {
            let found = mean(by_tilt(ranking, weights.clone(), tilt)).await;
            let sharpness = name == "E";
            let name = format!("gradient along {name} at the truth, M={m} τ={tau} w={w}");
            match (exact, sharpness) {
                (true, _) => c.estimated(name, found, 0.0),
                (false, true) => c.clearly_off(name, found, 10.0),
                (false, false) => {}
            }
        }
    }
}

/// 5.1 and 5.4: the loss of many negatives approaches the population's from below.
async fn population_loss(c: &mut Checks, device: &Device) {
    let (n, tau) = (4000, 0.5);
    let (p, q) = (
        Gaussian {
            mean: 0.0,
            variance: 1.0,
        },
        Gaussian {
            mean: 0.0,
            variance: 1.3,
        },
    );
    let data = single(p.sample(n, 50, device));
    let (s2, v) = (p.variance, q.variance);
    // Two dimensions.
    let population = s2 / v - (s2 + tau) / (v + tau) - ((v + tau) / v).ln();
    let mut last = f64::NEG_INFINITY;
    for m in [2, 16, 128] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: 0.0,
        };
        let deviation = Tensor::full([n, 1], f64::sqrt(tau) as f32, device);
        let points = candidates(&data, &deviation, m, [6, 0]);
        let loss = number(ranking.rule(q.energy(points.x)).0).await;
        c.holds(format!("{m} negatives come closer"), loss > last);
        last = loss;
    }
    // Its spread over draws is below 0.3 a point, and what is left of the bias about 0.01.
    c.close(
        "population loss",
        last,
        population,
        5.0 * 0.3 / (n as f64).sqrt() + 0.02,
    );
}

/// (5) and 5.1: Langevin dynamics on the energy given the noised point gives the gradient.
async fn recovery(c: &mut Checks, device: &Device) {
    let n = 6000;
    for (tau, by_mean, by_variance) in [(0.1, -0.0214285714, 0.0080187075), (0.5, -0.09, 0.03105)] {
        let x = P.sample(n, 60, device);
        let y = x.clone() + normals(n, 61, device) * f64::sqrt(tau);
        let column = |v: f64| Tensor::<2>::full([n, 1], v as f32, device);
        let conditional = Conditional {
            energy: &Q,
            above: y.clone(),
            signal: column(1.0),
            variance: column(tau),
        };
        let posterior = Q.variance * tau / (Q.variance + tau);
        // Exactness of the energy itself: E(x|y) - E(x'|y) is that of the posterior.
        let centre = (y.clone() * Q.variance
            + Tensor::<2>::from_data([[Q.mean as f32, 0.0]], device) * tau)
            / (Q.variance + tau);
        let gap = |z: Tensor<2>| {
            let exact = squared(z.clone() - centre.clone()) * (0.5 / posterior);
            conditional.energy(z) - exact
        };
        let off = (gap(x.clone()) - gap(y.clone())).abs().max();
        c.close("energy of the posterior", number(off).await, 0.0, 2e-3);
        let (_, grad) = conditional.energy_and_grad(x.clone());
        let exact = (x.clone() - centre.clone()) / posterior;
        let off = (grad - exact).abs().max();
        c.close("its gradient", number(off).await, 0.0, 2e-3);
        let noise = Noise::draw(7, [Stream::Proposal, Stream::Accept], 0, [60, n], device);
        let moved = run(
            Kernel::Mala,
            &conditional,
            y,
            &column(posterior.sqrt()),
            &noise,
        );
        // One dimension of the table and one where p and q have the same mean.
        let centred = |g: Gaussian| {
            0.5 * (-g.variance / Q.variance.powi(2)
                + 1.0 / Q.variance
                + (g.variance + tau) / (Q.variance + tau).powi(2)
                - 1.0 / (Q.variance + tau))
        };
        let found = mean(Q.by_mean(&x) - Q.by_mean(&moved.x)).await;
        c.estimated(format!("gradient in the mean at τ={tau}"), found, by_mean);
        let found = mean(Q.by_variance(&x) - Q.by_variance(&moved.x)).await;
        c.estimated(
            format!("gradient in the variance at τ={tau}"),
            found,
            by_variance + centred(P),
        );
    }
}

/// 1.5: what the energy gains in a short time, for VE and VP.
async fn equation_of_u(c: &mut Checks, device: &Device) {
    let x = normals(50, 70, device) * 1.5;
    let (_, grad) = Q.energy_and_grad(x.clone());
    let laplacian = Tensor::full([50], (2.0 / Q.variance) as f32, device);
    for diffusion in [Diffusion::Ve, Diffusion::Vp] {
        let drift = diffusion.drift_of_energy(x.clone(), grad.clone(), laplacian.clone());
        let got = read(drift).await;
        for (place, got) in read(x.clone()).await.chunks_exact(2).zip(got) {
            // U_t(y) = |y - a m|²/(2 v_t) + log(v_t/v) in two dimensions.
            let u = |t: f64| {
                let (a, v) = match diffusion {
                    Diffusion::Ve => (1.0, Q.variance + t),
                    Diffusion::Vp => {
                        let a = (-t / 2.0).exp();
                        (a, a * a * Q.variance + 1.0 - a * a)
                    }
                };
                let [x, y] = [f64::from(place[0]) - a * Q.mean, f64::from(place[1])];
                (x * x + y * y) / (2.0 * v) + (v / Q.variance).ln()
            };
            let slope = (u(1e-5) - u(-1e-5)) / 2e-5;
            // The constant -d/2 of VP is left out.
            let constant = if diffusion == Diffusion::Vp { 1.0 } else { 0.0 };
            let scale = slope.abs().max(1.0);
            c.close(
                format!("{diffusion:?} at {place:?}"),
                f64::from(got),
                slope + constant,
                1e-4 * scale,
            );
        }
    }
}

/// The derivative in v of a loss per point, by central differences on the same draws.
fn by_variance(v: f64, loss: impl Fn(Gaussian) -> Tensor<1>) -> Tensor<1> {
    const H: f64 = 0.02;
    let at = |variance| {
        loss(Gaussian {
            mean: 0.0,
            variance,
        })
    };
    (at(v + H) - at(v - H)) / (2.0 * H)
}

/// 5.4: minimisers of the one-step estimators on Gaussians, s2 = 1.
async fn one_step(c: &mut Checks, device: &Device) {
    let (n, tau) = (40_000, 0.25);
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 80, device), normals(n, 81, device));
    let y = x.clone() + z.clone() * f64::sqrt(tau);
    let step = |q: Gaussian, clean: bool, stein: bool| {
        let at = if clean { x.clone() } else { y.clone() };
        let (below, grad) = q.energy_and_grad(at.clone());
        let _ = below;
        let laplacian = match stein {
            true => (z.clone() * grad.clone()).sum_dim(1).squeeze_dim::<1>(1) / f64::sqrt(tau),
            false => Tensor::full([n], (2.0 / q.variance) as f32, device),
        };
        let drift = Diffusion::Ve.drift_of_energy(at, grad, laplacian);
        q.energy(x.clone()) - q.energy(y.clone()) - drift * tau
    };
    for (name, clean, stein, best) in [
        ("noised", false, false, 1.0 + tau),
        ("clean", true, false, 1.0),
        ("by Stein", false, true, 1.0 + tau),
    ] {
        let found = mean(by_variance(best, |q| step(q, clean, stein))).await;
        c.estimated(format!("one step, {name}, at its minimum"), found, 0.0);
        let off = mean(by_variance(best * 1.4, |q| step(q, clean, stein))).await;
        c.clearly_off(format!("one step, {name}, off its minimum"), off, 8.0);
    }
    let both = mean(step(Q, false, false) - step(Q, false, true)).await;
    c.estimated("noised and Stein agree", both, 0.0);
    // The second cumulant: on quadratics it is the noised one in mean.
    let spread = normals(n, 82, device) * f64::sqrt(tau);
    let rate = Tensor::full([n], 1.0, device);
    let cumulant = |q: Gaussian| {
        let [own, plus, minus] = [
            x.clone(),
            y.clone() + spread.clone(),
            y.clone() - spread.clone(),
        ]
        .map(|x| q.energy(x));
        let gap = plus.clone() - minus.clone();
        let by_hand = own.clone() - (plus.clone() + minus.clone()) * 0.5 + gap.powi_scalar(2) / 8.0;
        (by_hand, Tensor::cat(vec![own, plus, minus], 0))
    };
    let (by_hand, energies) = cumulant(Q);
    let (loss, _) = antithetic(energies, &rate);
    let (got, expected) = (number(loss).await, number(by_hand.sum()).await);
    c.close("cumulant rule", got / n as f64, expected / n as f64, 1e-3);
    let found = mean(by_variance(1.0 + tau, |q| cumulant(q).0)).await;
    c.estimated("cumulant at its minimum", found, 0.0);
    // Plain negatives: E(x) - E(y) is -τ/(2v) a dimension in mean.
    let plain = mean(Q.energy(x.clone()) - Q.energy(y.clone())).await;
    c.estimated("uncorrected", plain, -tau / Q.variance);
    // As τ goes to 0, loss over τ goes to half the squared gradient less the Laplacian.
    let small = 0.002;
    let y = x.clone() + z.clone() * f64::sqrt(small);
    let (_, grad) = Q.energy_and_grad(y.clone());
    let laplacian = Tensor::full([n], (2.0 / Q.variance) as f32, device);
    let drift = Diffusion::Ve.drift_of_energy(y.clone(), grad, laplacian);
    let loss = (Q.energy(x.clone()) - Q.energy(y)) / small - drift;
    let (_, grad) = Q.energy_and_grad(x);
    let fisher = squared(grad) * 0.5 - 2.0 / Q.variance;
    let found = mean(loss - fisher).await;
    c.close(
        "one step over τ",
        found.mean,
        0.0,
        5.0 * found.error + small,
    );
}

/// 5.4: denoising at variance τ is best at s2 + τ, sliced at s2.
async fn score_matching(c: &mut Checks, device: &Device) {
    let n = 20_000;
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 90, device), normals(n, 91, device));
    let sigma: f64 = 0.4;
    let y = x.clone() + z.clone() * sigma;
    // Batches of 100 points are the independent draws.
    let batches = |loss: &dyn Fn(std::ops::Range<usize>) -> Tensor<1>| {
        let parts = (0..n / 100).map(|i| loss(100 * i..100 * (i + 1)));
        Tensor::cat(parts.collect(), 0)
    };
    let denoise = |q: Gaussian| {
        let (_, grad) = q.energy_and_grad(y.clone());
        batches(&|rows| {
            let part = |t: &Tensor<2>| t.clone().slice([rows.clone(), 0..2]);
            denoising(part(&grad), part(&z), sigma)
        })
    };
    let slice = |q: Gaussian| {
        let signs = z.clone().sign();
        let (_, grad) = q.energy_and_grad(x.clone());
        let slope = (grad * signs).sum_dim(1).squeeze_dim::<1>(1);
        batches(&|rows| {
            let curvature = Tensor::full([100], (2.0 / q.variance) as f32, device);
            sliced(slope.clone().slice(rows), curvature)
        })
    };
    let best = 1.0 + sigma * sigma;
    c.estimated(
        "denoising at its minimum",
        mean(by_variance(best, denoise)).await,
        0.0,
    );
    c.clearly_off(
        "denoising at the data's",
        mean(by_variance(1.0, denoise)).await,
        5.0,
    );
    c.estimated(
        "sliced at its minimum",
        mean(by_variance(1.0, slice)).await,
        0.0,
    );
    c.clearly_off(
        "sliced at the noised",
        mean(by_variance(best, slice)).await,
        5.0,
    );
}

/// 5.3: CD as the member with Langevin dynamics.
async fn langevin(c: &mut Checks, device: &Device) {
    let n = 20_000;
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let x = p.sample(n, 100, device);
    let walk = |q: Gaussian, from: &Tensor<2>, e: f64, k: usize| {
        let noise = Noise::draw(8, [Stream::Proposal, Stream::Accept], 0, [k, n], device);
        let step = Tensor::<2>::full([n, 1], e.sqrt() as f32, device);
        run(Kernel::Ula, &q, from.clone(), &step, &noise).x
    };
    // The fixed point of CD-k with unadjusted steps of variance e, for every k.
    let e: f64 = 0.5;
    let fixed = 0.5 * (1.0 + (1.0 - e).sqrt());
    for k in [1, 3] {
        for (variance, at_rest) in [(fixed, true), (1.0, false)] {
            let q = Gaussian {
                mean: 0.0,
                variance,
            };
            let gradient = q.by_variance(&x) - q.by_variance(&walk(q, &x, e, k));
            let found: Estimate = mean(gradient).await;
            match at_rest {
                true => c.estimated(format!("CD-{k} at its fixed point"), found, 0.0),
                false => c.clearly_off(format!("CD-{k} at the truth"), found, 5.0),
            }
        }
    }
    // The kept part of the gradient after time T, by many small steps; r = exp(-T/v).
    let x = P.sample(n, 101, device);
    let (time, steps) = (0.5, 50);
    let end = walk(Q, &x, time / steps as f64, steps);
    let r = (-time / Q.variance).exp();
    let d = P.mean - Q.mean;
    let kept_mean = -d * (1.0 - r.sqrt()) / Q.variance;
    let kept = |d: f64| (Q.variance - P.variance - d * d) * (1.0 - r) / (2.0 * Q.variance.powi(2));
    c.close("kept part, table", kept(d), 0.0190784325, 1e-9);
    let found = mean(Q.by_mean(&x) - Q.by_mean(&end)).await;
    // Small steps of variance e have a bias of the order e/4.
    let bias = time / steps as f64 / 4.0;
    c.close(
        "kept part in the mean",
        found.mean,
        kept_mean,
        5.0 * found.error + bias,
    );
    let found = mean(Q.by_variance(&x) - Q.by_variance(&end)).await;
    c.close(
        "kept part in the variance",
        found.mean,
        kept(d) + kept(0.0),
        5.0 * found.error + bias,
    );
    let true_mean = -d * (1.0 - r) / Q.variance;
    c.close(
        "share kept",
        kept_mean / true_mean,
        1.0 / (1.0 + r.sqrt()),
        1e-9,
    );
}
