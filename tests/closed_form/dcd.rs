//! The divergence itself, its gradient, and the equation of its potential (DCD notes, section 5).

use super::Checks;
use super::gaussian::{Gaussian, P, Q, mean, normals, number, read, squared};
use basin::energy::Energy;
use basin::metric::truth2d::kl;
use basin::objective::{Conditional, Diffusion};
use basin::rng::Stream;
use basin::sampler::{Kernel, Noise, run};
use burn::tensor::{Device, Tensor};

pub async fn checks(c: &mut Checks, device: &Device) {
    values(c, device).await;
    slopes(c, device).await;
    population(c, device).await;
    curvature(c, device).await;
    identities(c);
    recovery(c, device).await;
    equation_of_u(c, device).await;
}

/// A Gaussian of the line after a diffusion whose noise variance, seen from the start, is `tau`.
async fn carried(g: Gaussian, diffusion: Diffusion, tau: f64, device: &Device) -> Gaussian {
    let k = diffusion.transition(Tensor::full([1, 1], tau as f32, device));
    let (a, s) = (
        number(k.signal.reshape([1])).await,
        number(k.noise.reshape([1])).await,
    );
    Gaussian {
        mean: a * g.mean,
        variance: a * a * g.variance + s * s,
    }
}

/// `KL(p‖q) - KL(p_T‖q_T)` on the line.
async fn divergence([p, q]: [Gaussian; 2], diffusion: Diffusion, tau: f64, device: &Device) -> f64 {
    let (p_t, q_t) = (
        carried(p, diffusion, tau, device).await,
        carried(q, diffusion, tau, device).await,
    );
    kl(&p.on_a_line(), &q.on_a_line()) - kl(&p_t.on_a_line(), &q_t.on_a_line())
}

/// 5.1 and 5.2: values for VE and VP from the kernels that training uses and the KL of the reports.
async fn values(c: &mut Checks, device: &Device) {
    let table = [
        (0.1, 0.0585514106, 0.0612088550),
        (0.5, 0.2005018146, 0.2331849118),
        (2.0, 0.3718953659, 0.4632752231),
    ];
    let whole = kl(&P.on_a_line(), &Q.on_a_line());
    c.close("KL", whole, 0.5206471806, 1e-5);
    let gap = (P.mean - Q.mean).powi(2) + (P.variance.sqrt() - Q.variance.sqrt()).powi(2);
    for (t, ve, vp) in table {
        // VP at time T is VE at τ = e^T - 1.
        let tau_of_vp = f64::exp(t) - 1.0;
        for (diffusion, tau, expected) in [
            (Diffusion::Ve, t, ve),
            (Diffusion::Vp, tau_of_vp, vp),
            (Diffusion::Ve, tau_of_vp, vp),
        ] {
            let name = format!("{diffusion:?} at {tau}");
            let found = divergence([P, Q], diffusion, tau, device).await;
            c.close(format!("value of {name}"), found, expected, 2e-5);
            c.holds(
                format!("bound of {name}"),
                whole - found <= gap / (2.0 * tau) + 1e-5,
            );
        }
        let k = Diffusion::Vp.transition(Tensor::full([1, 1], tau_of_vp as f32, device));
        let [a, s, time] = [k.signal, k.noise, k.time].map(|v| v.reshape([1]));
        c.close(format!("time of VP at {t}"), number(time).await, t, 1e-5);
        let variance = number(a.powi_scalar(2) + s.powi_scalar(2)).await;
        c.close("VP preserves variance", variance, 1.0, 1e-5);
    }
}

/// Derivatives in the model's mean and variance, by central differences.
async fn derivatives(h: f64, value: impl AsyncFn(Gaussian) -> f64, at: Gaussian) -> [f64; 2] {
    let mut slopes = [0.0; 2];
    for (slope, [by_mean, by_variance]) in slopes.iter_mut().zip([[h, 0.0], [0.0, h]]) {
        let moved = |sign: f64| Gaussian {
            mean: at.mean + sign * by_mean,
            variance: at.variance + sign * by_variance,
        };
        *slope = (value(moved(1.0)).await - value(moved(-1.0)).await) / (2.0 * h);
    }
    slopes
}

/// 5.1: gradients for VE, whose limit for long times is that of KL; at the truth there is none.
async fn slopes(c: &mut Checks, device: &Device) {
    const H: f64 = 0.01;
    for (tau, by_mean, by_variance) in [
        (0.1, -0.0214285714, 0.0080187075),
        (0.5, -0.09, 0.03105),
        (2.0, -0.225, 0.0646875),
    ] {
        let value = async |q| divergence([P, q], Diffusion::Ve, tau, device).await;
        let [in_mean, in_variance] = derivatives(H, value, Q).await;
        c.close(
            format!("slope in the mean at τ={tau}"),
            in_mean,
            by_mean,
            5e-5,
        );
        let name = format!("slope in the variance at τ={tau}");
        c.close(name, in_variance, by_variance, 5e-5);
        // The third derivative times H²/6 is below 4e-4 here; the curvature is above 0.07.
        for slope in derivatives(H, value, P).await {
            c.close(format!("slope at the truth at τ={tau}"), slope, 0.0, 4e-4);
        }
    }
    let whole = async |q: Gaussian| kl(&P.on_a_line(), &q.on_a_line());
    let [in_mean, in_variance] = derivatives(H, whole, Q).await;
    c.close("slope of KL in the mean", in_mean, -0.45, 5e-5);
    c.close("slope of KL in the variance", in_variance, 0.08625, 5e-5);
}

/// 5.1: the loss of infinitely many negatives is the divergence but for a constant of the data.
async fn population(c: &mut Checks, device: &Device) {
    let (s2, v, d) = (P.variance, Q.variance, P.mean - Q.mean);
    for tau in [0.1, 0.5, 2.0] {
        let loss = (s2 + d * d) / (2.0 * v)
            - (s2 + tau + d * d) / (2.0 * (v + tau))
            - 0.5 * ((v + tau) / v).ln();
        let found = divergence([P, Q], Diffusion::Ve, tau, device).await;
        let constant = 0.5 * ((s2 + tau) / s2).ln();
        c.close(
            format!("population loss at τ={tau}"),
            found,
            loss + constant,
            2e-5,
        );
    }
}

/// 5.1: at the truth the Hessian is `diag(1/s2 - 1/(s2+τ), ½(1/s2² - 1/(s2+τ)²))`.
async fn curvature(c: &mut Checks, device: &Device) {
    const H: f64 = 0.05;
    for tau in [0.1, 0.5, 2.0] {
        let (s2, after) = (P.variance, P.variance + tau);
        let mut at = [0.0; 4];
        for (found, [by_mean, by_variance]) in
            at.iter_mut()
                .zip([[H, 0.0], [-H, 0.0], [0.0, H], [0.0, -H]])
        {
            let near = Gaussian {
                mean: P.mean + by_mean,
                variance: P.variance + by_variance,
            };
            *found = divergence([P, near], Diffusion::Ve, tau, device).await;
        }
        let bend = |plus: f64, minus: f64| (plus + minus) / (H * H);
        let in_mean = 1.0 / s2 - 1.0 / after;
        let in_variance = 0.5 * (s2.powi(-2) - after.powi(-2));
        // Differences of this width miss the curvature in the variance by a twentieth at most.
        let name = |of| format!("curvature in the {of} at τ={tau}");
        c.close(name("mean"), bend(at[0], at[1]), in_mean, 0.02 * in_mean);
        c.close(
            name("variance"),
            bend(at[2], at[3]),
            in_variance,
            0.05 * in_variance,
        );
    }
}

/// 5.2.
fn identities(c: &mut Checks) {
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
    c.formula(
        "integral of Fisher divergences",
        integral,
        0.2005018146,
        1e-6,
    );
    // An exact finite chain, its divergences by the reports' KL.
    let (p, energy) = ([0.5, 0.3, 0.2], [0.1, 0.7, 1.4]);
    let rows = [[0.8, 0.15, 0.05], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]];
    let carry = |v: [f64; 3]| -> [f64; 3] {
        std::array::from_fn(|j| (0..3).map(|i| v[i] * rows[i][j]).sum())
    };
    let q = energy.map(|e: f64| (-e).exp());
    let log = |v: [f64; 3]| v.map(|v| v.ln() as f32);
    let found = kl(&log(p), &log(q)) - kl(&log(carry(p)), &log(carry(q)));
    c.close("finite chain", found, 0.0047053379, 1e-6);
    // The same by U = -log(exp(-E) P), which the exact estimator estimates.
    let potential = carry(q).map(|v| -v.ln());
    let under = |p: [f64; 3], e: [f64; 3]| p.iter().zip(e).map(|(p, e)| p * e).sum::<f64>();
    let entropy = |p: [f64; 3]| under(p, p.map(|v| -v.ln()));
    let by_energies =
        under(p, energy) - under(carry(p), potential) - entropy(p) + entropy(carry(p));
    c.close("finite chain by energies", found, by_energies, 1e-6);
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
        let noise = Noise::draw(7, [Stream::Proposal, Stream::Accept], 0, [60, n, 2], device);
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
