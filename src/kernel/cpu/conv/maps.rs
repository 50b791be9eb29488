//! What operations other than convolutions and activations do to the maps of sixteen images.
//!
//! Invariant: lane i of every number belongs to image i, and no number of one lane reaches another. Where
//! `fresh` is set, what was in the output before does not count.

use crate::kernel::cpu::product::{LANES, Lanes};

pub const ZERO: Lanes = [0.0; LANES];

/// `f` of each lane. A loop: what `array::from_fn` calls is not inlined, and does without vector
/// instructions.
#[inline(always)]
pub fn lanes(f: impl Fn(usize) -> f32) -> Lanes {
    let mut out = ZERO;
    for (l, out) in out.iter_mut().enumerate() {
        *out = f(l);
    }
    out
}

/// Puts `x` into `out`, or adds it.
#[inline(always)]
pub fn put(out: &mut Lanes, fresh: bool, x: &Lanes) {
    match fresh {
        true => *out = *x,
        false => {
            for l in 0..LANES {
                out[l] += x[l];
            }
        }
    }
}

/// `x`.
#[inline(always)]
pub fn copy((out, fresh): (&mut [Lanes], bool), x: &[Lanes]) {
    for (out, x) in out.iter_mut().zip(x) {
        put(out, fresh, x);
    }
}

/// `x f`, for one factor a lane.
#[inline(always)]
pub fn scale((out, fresh): (&mut [Lanes], bool), x: &[Lanes], f: &Lanes) {
    for (out, x) in out.iter_mut().zip(x) {
        put(out, fresh, &lanes(|l| x[l] * f[l]));
    }
}

/// The same number of each channel at every pixel.
#[inline(always)]
pub fn spread((out, fresh): (&mut [Lanes], bool), x: &[Lanes]) {
    for out in out.chunks_exact_mut(x.len()) {
        copy((out, fresh), x);
    }
}

/// `out[c] += Σ_p x[p, c]`.
#[inline(always)]
pub fn add_over_pixels(out: &mut [Lanes], x: &[Lanes]) {
    for x in x.chunks_exact(out.len()) {
        copy((out, false), x);
    }
}

/// `Σ x y` over all numbers.
#[inline(always)]
pub fn dot(x: &[Lanes], y: &[Lanes]) -> Lanes {
    let mut sum = ZERO;
    for (x, y) in x.iter().zip(y) {
        for l in 0..LANES {
            sum[l] += x[l] * y[l];
        }
    }
    sum
}

/// Where a map that is `side` wide has the pixels of two by two that a smaller one has as its pixel.
#[inline(always)]
fn quarters(side: usize, channels: usize) -> impl Iterator<Item = (usize, [usize; 4])> {
    let small = side / 2;
    (0..small * small).map(move |i| {
        let (y, x) = (i / small, i % small);
        let first = 2 * (y * side + x) * channels;
        let row = side * channels;
        (
            i * channels,
            [first, first + channels, first + row, first + row + channels],
        )
    })
}

/// `factor Σ big` over two by two pixels of a map that is `side` wide.
#[inline(always)]
pub fn gather(
    (small, fresh): (&mut [Lanes], bool),
    big: &[Lanes],
    [side, channels]: [usize; 2],
    factor: f32,
) {
    for (at, from) in quarters(side, channels) {
        for c in 0..channels {
            let [a, b, d, e] = from.map(|f| &big[f + c]);
            let sum = lanes(|l| factor * (a[l] + b[l] + d[l] + e[l]));
            put(&mut small[at + c], fresh, &sum);
        }
    }
}

/// `factor small` for each of two by two pixels of a map that is `side` wide.
#[inline(always)]
pub fn scatter(
    (big, fresh): (&mut [Lanes], bool),
    small: &[Lanes],
    [side, channels]: [usize; 2],
    factor: f32,
) {
    for (at, to) in quarters(side, channels) {
        let small = &small[at..][..channels];
        for to in to {
            scale((&mut big[to..][..channels], fresh), small, &[factor; LANES]);
        }
    }
}

/// The hyperbolic tangent.
pub mod tanh {
    use super::{LANES, Lanes, lanes, put};
    use crate::kernel::cpu::unit;

    #[inline(always)]
    pub fn value(out: &mut [Lanes], x: &[Lanes]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = lanes(|l| unit::tanh(x[l]));
        }
    }

    /// `g tanh'(x)`, from what the tangent gave.
    #[inline(always)]
    pub fn back((out, fresh): (&mut [Lanes], bool), y: &[Lanes], g: &[Lanes]) {
        for ((out, y), g) in out.iter_mut().zip(y).zip(g) {
            put(out, fresh, &lanes(|l| g[l] * (1.0 - y[l] * y[l])));
        }
    }

    /// The derivative of [`back`] along `dy` and `dg`.
    #[inline(always)]
    pub fn back_along(
        (out, fresh): (&mut [Lanes], bool),
        [y, g]: [&[Lanes]; 2],
        [dy, dg]: [&[Lanes]; 2],
    ) {
        for (i, out) in out.iter_mut().enumerate() {
            let (y, g, dy, dg) = (&y[i], &g[i], &dy[i], &dg[i]);
            let mut found = [0.0; LANES];
            for l in 0..LANES {
                found[l] = dg[l] * (1.0 - y[l] * y[l]) - 2.0 * g[l] * y[l] * dy[l];
            }
            put(out, fresh, &found);
        }
    }
}
