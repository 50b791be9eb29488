//! CD as the member of the family with Langevin dynamics (DCD notes, 5.1 and 5.3).

use super::Checks;
use super::gaussian::{Estimate, Gaussian, P, Q, mean};
use basin::metric::truth2d::kl;
use basin::rng::Stream;
use basin::sampler::{Kernel, Noise, run};
use burn::tensor::{Device, Tensor};

pub async fn checks(c: &mut Checks, device: &Device) {
    fixed_points(c, device).await;
    for (time, value, kept, slope) in [
        (0.1, 0.0598618727, 0.0042064621, 0.0075434906),
        (0.5, 0.2163343946, 0.0190784325, 0.0257591711),
        (2.0, 0.4226868811, 0.0545203982, 0.0512055291),
    ] {
        divergence(c, time, value, slope);
        kept_part(c, device, time, kept).await;
    }
    // CD keeps half of the gradient in the mean of short chains, all of it of long ones.
    let share = |r: f64| (1.0 - r.sqrt()) / (1.0 - r);
    c.formula("share kept by short chains", share(1.0 - 1e-6), 0.5, 1e-6);
    c.formula("share kept by long chains", share(1e-12), 1.0, 1e-5);
}

/// `n` points after `k` Langevin steps of variance `e` on `q`.
fn walk(kernel: Kernel, q: Gaussian, from: &Tensor<2>, e: f64, k: usize) -> Tensor<2> {
    let ([n, _], device) = (from.dims(), from.device());
    let noise = Noise::draw(8, [Stream::Proposal, Stream::Accept], 0, [k, n, 2], &device);
    let step = Tensor::<2>::full([n, 1], e.sqrt() as f32, &device);
    run(kernel, &q, from.clone(), &step, &noise).x
}

/// The law of `P` after Langevin dynamics on `q` for `time`.
fn carried(q: Gaussian, time: f64) -> Gaussian {
    let r = (-time / q.variance).exp();
    Gaussian {
        mean: q.mean + (P.mean - q.mean) * r.sqrt(),
        variance: q.variance + (P.variance - q.variance) * r,
    }
}

/// 5.1: the value of CD, and its true slope in the variance, in which the dynamics change as well.
fn divergence(c: &mut Checks, time: f64, value: f64, slope: f64) {
    const H: f64 = 0.01;
    let cd = |q: Gaussian| {
        let model = q.on_a_line();
        kl(&P.on_a_line(), &model) - kl(&carried(q, time).on_a_line(), &model)
    };
    c.close(format!("value of CD at {time}"), cd(Q), value, 2e-5);
    let at = |variance| cd(Gaussian { variance, ..Q });
    let found = (at(Q.variance + H) - at(Q.variance - H)) / (2.0 * H);
    c.close(format!("true slope of CD at {time}"), found, slope, 5e-5);
}

/// 5.3: the fixed point of CD-k with unadjusted steps, and that MALA has the truth for one.
async fn fixed_points(c: &mut Checks, device: &Device) {
    let n = 20_000;
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let x = p.sample(n, 100, device);
    // The fixed point of CD-k with unadjusted steps of variance e, for every k.
    let e: f64 = 0.5;
    let fixed = 0.5 * (1.0 + (1.0 - e).sqrt());
    for (kernel, k, rest, elsewhere) in [
        (Kernel::Ula, 1, fixed, 1.0),
        (Kernel::Ula, 3, fixed, 1.0),
        (Kernel::Mala, 3, 1.0, fixed),
    ] {
        let gradient = async |variance| -> Estimate {
            let q = Gaussian {
                mean: 0.0,
                variance,
            };
            mean(q.by_variance(&x) - q.by_variance(&walk(kernel, q, &x, e, k))).await
        };
        let name = |place| format!("CD-{k} by {kernel:?} {place}");
        c.estimated(name("at its fixed point"), gradient(rest).await, 0.0);
        c.clearly_off(name("off it"), gradient(elsewhere).await, 5.0);
    }
}

/// 5.3: the part of the gradient that CD keeps after a time, by many small steps; r = exp(-T/v).
async fn kept_part(c: &mut Checks, device: &Device, time: f64, in_table: f64) {
    let x = P.sample(20_000, 101, device);
    let steps = 50;
    let end = walk(Kernel::Ula, Q, &x, time / steps as f64, steps);
    let r = (-time / Q.variance).exp();
    let d = P.mean - Q.mean;
    let kept_mean = -d * (1.0 - r.sqrt()) / Q.variance;
    let kept = |d: f64| (Q.variance - P.variance - d * d) * (1.0 - r) / (2.0 * Q.variance.powi(2));
    c.formula("kept part, table", kept(d), in_table, 1e-9);
    // Small steps of variance e have a bias of the order e/4 of what is kept.
    let bias = time / steps as f64 / 4.0;
    for (axis, found, expected) in [
        ("mean", Q.by_mean(&x) - Q.by_mean(&end), kept_mean),
        (
            "variance",
            Q.by_variance(&x) - Q.by_variance(&end),
            kept(d) + kept(0.0),
        ),
    ] {
        let found = mean(found).await;
        let tolerance = 5.0 * found.error + bias * expected.abs();
        let name = format!("kept part in the {axis} at {time}");
        c.close(name, found.mean, expected, tolerance);
    }
}
