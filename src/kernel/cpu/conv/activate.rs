//! Normalised, modulated SiLU of sixteen images, forwards, backwards and along a direction.
//!
//! With n the normalised map and `a = (1 + scale) n + shift`, the way back of a signal g is `SiLU'(a) g`,
//! then `(1 + scale)` times it, then the norm's derivative, `rate (g - mean g - n mean(g n))` over each
//! group, which is symmetric: it carries directions forwards too.
//!
//! Invariant: nothing of the way but each group's mean and rate is kept; the rest is computed anew, which
//! costs less than to store and fetch it.

use super::maps::{ZERO, lanes, put};
use crate::kernel::cpu::product::{LANES, Lanes};
use crate::kernel::cpu::unit;
use crate::kernel::plan::{Activate, NORM_EPSILON};
use pulp::Scalar;

/// Mean and one over the deviation of each group; 0 and 1 for the one group of a map that is not
/// normalised.
#[derive(Clone, Default)]
pub struct Norms {
    mean: Vec<Lanes>,
    rate: Vec<Lanes>,
}

/// An activation of a map, with its columns of the condition.
pub struct Activation<'a> {
    pub channels: usize,
    /// Groups, 1 for a map that is not normalised.
    groups: usize,
    normed: bool,
    /// One plus the scale of each channel, and its shift.
    scale: Vec<Lanes>,
    shift: Vec<Lanes>,
    pub x: &'a [Lanes],
}

/// Gradients in the scales and shifts of an activation.
pub struct ByCondition {
    pub scale: Vec<Lanes>,
    pub shift: Vec<Lanes>,
}

impl<'a> Activation<'a> {
    #[inline(always)]
    pub fn new(op: &Activate, condition: &[Lanes], x: &'a [Lanes], channels: usize) -> Self {
        let mut scale = vec![[1.0; LANES]; channels];
        let mut shift = vec![ZERO; channels];
        if let Some(at) = op.scale {
            for (scale, by) in scale.iter_mut().zip(&condition[at..]) {
                *scale = lanes(|l| 1.0 + by[l]);
            }
        }
        if let Some(at) = op.shift {
            shift.copy_from_slice(&condition[at..][..channels]);
        }
        Self {
            channels,
            groups: op.groups.unwrap_or(1),
            normed: op.groups.is_some(),
            scale,
            shift,
            x,
        }
    }

    fn by_condition(&self) -> ByCondition {
        ByCondition {
            scale: vec![ZERO; self.channels],
            shift: vec![ZERO; self.channels],
        }
    }

    fn pixels(&self) -> usize {
        self.x.len() / self.channels
    }

    /// Every number of the map, its group and its channel.
    #[inline(always)]
    fn each(&self, mut f: impl FnMut(usize, usize, usize)) {
        let width = self.channels / self.groups;
        for p in 0..self.pixels() {
            for group in 0..self.groups {
                for c in group * width..(group + 1) * width {
                    f(p * self.channels + c, group, c);
                }
            }
        }
    }

    /// Means over each group of sums over its numbers.
    #[inline(always)]
    fn means(&self, sums: &mut [Lanes]) {
        let count = (self.channels / self.groups * self.pixels()) as f32;
        for sum in sums {
            *sum = lanes(|l| sum[l] / count);
        }
    }

    /// Means and rates of the groups.
    #[inline(always)]
    pub fn norms(&self) -> Norms {
        if !self.normed {
            return Norms {
                mean: vec![ZERO],
                rate: vec![[1.0; LANES]],
            };
        }
        let mut mean = vec![ZERO; self.groups];
        self.each(
            #[inline(always)]
            |i, group, _| add(&mut mean[group], &self.x[i]),
        );
        self.means(&mut mean);
        let mut rate = vec![ZERO; self.groups];
        self.each(
            #[inline(always)]
            |i, group, _| {
                let (x, mean) = (&self.x[i], &mean[group]);
                add(
                    &mut rate[group],
                    &lanes(|l| (x[l] - mean[l]) * (x[l] - mean[l])),
                );
            },
        );
        self.means(&mut rate);
        for rate in &mut rate {
            *rate = lanes(|l| 1.0 / (rate[l] + NORM_EPSILON).sqrt());
        }
        Norms { mean, rate }
    }

    /// The normalised number and what the SiLU is taken of.
    #[inline(always)]
    fn inside(&self, norms: &Norms, i: usize, group: usize, c: usize) -> (Lanes, Lanes) {
        let (x, mean, rate) = (&self.x[i], &norms.mean[group], &norms.rate[group]);
        let n = lanes(|l| (x[l] - mean[l]) * rate[l]);
        let (scale, shift) = (&self.scale[c], &self.shift[c]);
        (n, lanes(|l| n[l] * scale[l] + shift[l]))
    }

    #[inline(always)]
    pub fn value(&self, norms: &Norms, out: &mut [Lanes]) {
        self.each(
            #[inline(always)]
            |i, group, c| {
                let (_, a) = self.inside(norms, i, group, c);
                out[i] = lanes(|l| unit::silu(Scalar, a[l]).0);
            },
        );
    }

    /// Puts what a signal `g` carries back into `out`, or adds it, and returns its part in the condition.
    #[inline(always)]
    pub fn back(
        &self,
        norms: &Norms,
        (out, fresh): (&mut [Lanes], bool),
        g: &[Lanes],
        room: &mut Vec<Lanes>,
    ) -> ByCondition {
        let mut by = self.by_condition();
        let mut means = vec![[ZERO; 2]; self.groups];
        room.resize(self.x.len(), ZERO);
        self.each(
            #[inline(always)]
            |i, group, c| {
                let (n, a) = self.inside(norms, i, group, c);
                let (g, scale) = (&g[i], &self.scale[c]);
                let ga = lanes(|l| g[l] * unit::silu(Scalar, a[l]).1);
                let gn = lanes(|l| ga[l] * scale[l]);
                add(&mut by.shift[c], &ga);
                add(&mut by.scale[c], &lanes(|l| ga[l] * n[l]));
                let [mean, along] = &mut means[group];
                add(mean, &gn);
                add(along, &lanes(|l| gn[l] * n[l]));
                room[i] = gn;
            },
        );
        self.finish(norms, (out, fresh), room, &mut means);
        by
    }

    /// Puts `rate (g - mean g - n mean(g n))` into `out`, given the sums of `g` and `g n` over each group.
    #[inline(always)]
    fn finish(
        &self,
        norms: &Norms,
        (out, fresh): (&mut [Lanes], bool),
        g: &[Lanes],
        means: &mut [[Lanes; 2]],
    ) {
        self.means(means.as_flattened_mut());
        if !self.normed {
            means.fill([ZERO; 2]);
        }
        self.each(
            #[inline(always)]
            |i, group, _| {
                let (mean, rate) = (&norms.mean[group], &norms.rate[group]);
                let [of_g, along] = &means[group];
                let (x, g) = (&self.x[i], &g[i]);
                let found = lanes(|l| {
                    let n = (x[l] - mean[l]) * rate[l];
                    rate[l] * (g[l] - of_g[l] - n * along[l])
                });
                put(&mut out[i], fresh, &found);
            },
        );
    }

    /// The derivative of the normalised map along `dx`.
    #[inline(always)]
    fn norm_along(&self, norms: &Norms, dx: &[Lanes], out: &mut Vec<Lanes>) {
        out.resize(self.x.len(), ZERO);
        if !self.normed {
            out.copy_from_slice(dx);
            return;
        }
        let mut means = vec![[ZERO; 2]; self.groups];
        self.each(
            #[inline(always)]
            |i, group, _| {
                let (x, dx) = (&self.x[i], &dx[i]);
                let (m, rate) = (&norms.mean[group], &norms.rate[group]);
                let [mean, along] = &mut means[group];
                add(mean, dx);
                add(along, &lanes(|l| dx[l] * (x[l] - m[l]) * rate[l]));
            },
        );
        self.finish(norms, (out, true), dx, &mut means);
    }

    /// Puts the derivative along `dx` into `out`.
    #[inline(always)]
    pub fn value_along(
        &self,
        norms: &Norms,
        out: &mut [Lanes],
        dx: &[Lanes],
        room: &mut Vec<Lanes>,
    ) {
        self.norm_along(norms, dx, room);
        self.each(
            #[inline(always)]
            |i, group, c| {
                let (_, a) = self.inside(norms, i, group, c);
                let (dn, scale) = (&room[i], &self.scale[c]);
                out[i] = lanes(|l| unit::silu(Scalar, a[l]).1 * scale[l] * dn[l]);
            },
        );
    }

    /// The derivative of [`Activation::back`] along `dx`, where the signal's own is `dg`.
    #[inline(always)]
    pub fn back_along(
        &self,
        norms: &Norms,
        (out, fresh): (&mut [Lanes], bool),
        [g, dx, dg]: [&[Lanes]; 3],
        [dn, g_room, dg_room]: [&mut Vec<Lanes>; 3],
    ) -> ByCondition {
        self.norm_along(norms, dx, dn);
        g_room.resize(self.x.len(), ZERO);
        dg_room.resize(self.x.len(), ZERO);
        let mut by = self.by_condition();
        // Of g, g n, dg, dg n + g dn, and n dx.
        let mut means = vec![[ZERO; 5]; self.groups];
        self.each(
            #[inline(always)]
            |i, group, c| {
                let (n, a) = self.inside(norms, i, group, c);
                let (g, dg, dn, dx) = (&g[i], &dg[i], &dn[i], &dx[i]);
                let scale = &self.scale[c];
                let (mut ga, mut dga) = (ZERO, ZERO);
                for l in 0..LANES {
                    let (slope, bend) = unit::silu_bend(a[l]);
                    ga[l] = g[l] * slope;
                    dga[l] = dg[l] * slope + g[l] * bend * scale[l] * dn[l];
                }
                add(&mut by.shift[c], &dga);
                add(&mut by.scale[c], &lanes(|l| dga[l] * n[l] + ga[l] * dn[l]));
                let gn = lanes(|l| ga[l] * scale[l]);
                let dgn = lanes(|l| dga[l] * scale[l]);
                let [mean, along, mean_d, along_d, by_rate] = &mut means[group];
                add(mean, &gn);
                add(along, &lanes(|l| gn[l] * n[l]));
                add(mean_d, &dgn);
                add(along_d, &lanes(|l| dgn[l] * n[l] + gn[l] * dn[l]));
                add(by_rate, &lanes(|l| n[l] * dx[l]));
                g_room[i] = gn;
                dg_room[i] = dgn;
            },
        );
        self.means(means.as_flattened_mut());
        if !self.normed {
            means.fill([ZERO; 5]);
        }
        self.each(
            #[inline(always)]
            |i, group, _| {
                let (m, rate) = (&norms.mean[group], &norms.rate[group]);
                let [mean, along, mean_d, along_d, by_rate] = &means[group];
                let (x, g, dg, dn) = (&self.x[i], &g_room[i], &dg_room[i], &dn[i]);
                let found = lanes(|l| {
                    let n = (x[l] - m[l]) * rate[l];
                    let still = g[l] - mean[l] - n * along[l];
                    let moved = dg[l] - mean_d[l] - dn[l] * along[l] - n * along_d[l];
                    // The rate's own derivative is -rate² mean(n dx).
                    rate[l] * (moved - rate[l] * by_rate[l] * still)
                });
                put(&mut out[i], fresh, &found);
            },
        );
        by
    }
}

/// `sum += x`.
#[inline(always)]
fn add(sum: &mut Lanes, x: &Lanes) {
    for l in 0..LANES {
        sum[l] += x[l];
    }
}
