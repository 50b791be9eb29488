//! Convolutions of sixteen images at once.
//!
//! Invariant: a map is `[side, side, channels]` of [`Lanes`], lane i of every number belongs to image i,
//! and what lies beyond a map's edge is zero. A number of the result is a sum in a fixed order, whatever
//! the width of the machine's registers.

use crate::kernel::cpu::product::{LANES, Lanes};
use crate::kernel::plan::Conv;
use pulp::Simd;

/// What a convolution is added to: a map, and a bias `[outputs]`.
#[derive(Clone, Copy, Default)]
pub struct Start<'a> {
    pub map: Before<'a>,
    pub bias: Option<&'a [f32]>,
}

#[derive(Clone, Copy, Default)]
pub enum Before<'a> {
    #[default]
    Nothing,
    /// What the output holds.
    Out,
    Map(&'a [Lanes]),
}

/// More channels than any convolution has inputs.
const MOST: usize = 256;

/// A pixel beyond the edge.
static BEYOND: [Lanes; MOST] = [[0.0; LANES]; MOST];

impl Conv {
    /// The convolution that carries gradients back, and its weights.
    pub fn back(&self, weights: &[f32]) -> (Self, Vec<f32>) {
        let Self {
            kernel,
            inputs,
            outputs,
            ..
        } = *self;
        let taps = kernel * kernel;
        let turned = (0..taps).rev().flat_map(|tap| {
            let tap = &weights[tap * inputs * outputs..][..inputs * outputs];
            (0..outputs).flat_map(move |o| tap[o..].iter().step_by(outputs).copied())
        });
        let back = Self {
            inputs: outputs,
            outputs: inputs,
            ..*self
        };
        (back, turned.collect())
    }

    /// The pixel of a map with `channels` channels, or zeros beyond its edge.
    #[inline(always)]
    fn pixel<'a>(&self, map: &'a [Lanes], channels: usize, y: usize, x: usize) -> &'a [Lanes] {
        // Coordinates are one too large, so that none is negative.
        let inside = (1..=self.side).contains(&y) && (1..=self.side).contains(&x);
        match inside {
            true => &map[((y - 1) * self.side + x - 1) * channels..][..channels],
            false => &BEYOND[..channels],
        }
    }

    /// What to add to a pixel's coordinates for a tap, one too large.
    #[inline(always)]
    fn tap(&self, tap: usize) -> (usize, usize) {
        let first = 1 - self.kernel / 2;
        (first + tap / self.kernel, first + tap % self.kernel)
    }

    /// `out[p, o] = start + Σ input[p + tap, i] weights[tap, i, o]`.
    #[inline(always)]
    pub fn apply<S: Simd>(
        &self,
        simd: S,
        out: &mut [Lanes],
        input: &[Lanes],
        weights: &[f32],
        start: Start,
    ) {
        // As many sums at a time as registers hold.
        match S::F32_LANES {
            16 => self.rows::<S, 4, 4, 1>(simd, out, input, weights, start),
            8 => self.rows::<S, 2, 2, 2>(simd, out, input, weights, start),
            4 => self.rows::<S, 2, 1, 4>(simd, out, input, weights, start),
            _ => self.rows::<S, 1, 1, LANES>(simd, out, input, weights, start),
        }
    }

    /// O outputs of P neighbouring pixels at a time, V registers each.
    #[inline(always)]
    fn rows<S: Simd, const O: usize, const P: usize, const V: usize>(
        &self,
        simd: S,
        out: &mut [Lanes],
        input: &[Lanes],
        weights: &[f32],
        start: Start,
    ) {
        for y in 0..self.side {
            let mut x = 0;
            while x + P <= self.side {
                self.pixels::<S, O, P, V>(simd, out, input, weights, (start, [y, x]));
                x += P;
            }
            while x < self.side {
                self.pixels::<S, O, 1, V>(simd, out, input, weights, (start, [y, x]));
                x += 1;
            }
        }
    }

    #[inline(always)]
    fn pixels<S: Simd, const O: usize, const P: usize, const V: usize>(
        &self,
        simd: S,
        out: &mut [Lanes],
        input: &[Lanes],
        weights: &[f32],
        (start, [y, x]): (Start, [usize; 2]),
    ) {
        let first = (y * self.side + x) * self.outputs;
        let out = &mut out[first..][..P * self.outputs];
        let mut o = 0;
        while o + O <= self.outputs {
            self.block::<S, O, P, V>(simd, out, input, weights, (start, [y, x, o]));
            o += O;
        }
        while o < self.outputs {
            self.block::<S, 1, P, V>(simd, out, input, weights, (start, [y, x, o]));
            o += 1;
        }
    }

    #[inline(always)]
    fn block<S: Simd, const O: usize, const P: usize, const V: usize>(
        &self,
        simd: S,
        out: &mut [Lanes],
        input: &[Lanes],
        weights: &[f32],
        (start, [y, x, o]): (Start, [usize; 3]),
    ) {
        let mut sums = [[[simd.splat_f32s(0.0); V]; O]; P];
        for (p, sums) in sums.iter_mut().enumerate() {
            let first = p * self.outputs + o;
            let before = match start.map {
                Before::Nothing => None,
                Before::Out => Some(&out[first..]),
                Before::Map(map) => Some(&map[(y * self.side + x) * self.outputs + first..]),
            };
            for (sum, out) in sums.iter_mut().zip(before.into_iter().flatten()) {
                for (sum, &out) in sum.iter_mut().zip(S::as_simd_f32s(out).0) {
                    *sum = out;
                }
            }
            if let Some(bias) = start.bias {
                for (sum, &bias) in sums.iter_mut().zip(&bias[o..]) {
                    for sum in sum {
                        *sum = simd.add_f32s(*sum, simd.splat_f32s(bias));
                    }
                }
            }
        }
        for tap in 0..self.kernel * self.kernel {
            let (dy, dx) = self.tap(tap);
            let mut pixels = [&BEYOND[..0]; P];
            for (p, pixel) in pixels.iter_mut().enumerate() {
                *pixel = self.pixel(input, self.inputs, y + dy, x + p + dx);
            }
            let matrix = self.inputs * self.outputs;
            let matrix = &weights[tap * matrix..][..matrix];
            sums = accumulate(simd, sums, matrix[o..].chunks(self.outputs), pixels);
        }
        for (p, sums) in sums.into_iter().enumerate() {
            for (sum, out) in sums.into_iter().zip(&mut out[p * self.outputs + o..]) {
                for (out, sum) in S::as_mut_simd_f32s(out).0.iter_mut().zip(sum) {
                    *out = sum;
                }
            }
        }
    }

    /// `sums[tap, i, o] += Σ_p input[p + tap, i] signal[p, o]`, lane by lane.
    #[inline(always)]
    pub fn weigh<S: Simd>(
        &self,
        simd: S,
        sums: &mut [Lanes],
        input: &[Lanes],
        signal: &[Lanes],
        room: &mut Strips,
    ) {
        match S::F32_LANES {
            16 => self.strips::<S, 6, 4, 1>(simd, sums, input, signal, room),
            8 => self.strips::<S, 2, 2, 2>(simd, sums, input, signal, room),
            4 => self.strips::<S, 1, 2, 4>(simd, sums, input, signal, room),
            _ => self.strips::<S, 1, 1, LANES>(simd, sums, input, signal, room),
        }
    }

    /// A few rows at a time, so that they stay in the cache while every pair of channels reads them.
    #[inline(always)]
    fn strips<S: Simd, const I: usize, const O: usize, const V: usize>(
        &self,
        simd: S,
        sums: &mut [Lanes],
        input: &[Lanes],
        signal: &[Lanes],
        Strips(inputs, signals): &mut Strips,
    ) {
        let height = (PIXELS / self.side).max(1);
        for top in (0..self.side).step_by(height) {
            let end = (top + height).min(self.side);
            signals.pack::<O>(signal, [top, end], [self.side, self.outputs]);
            let halo = self.kernel / 2;
            let rows = [top.saturating_sub(halo), (end + halo).min(self.side)];
            inputs.pack::<I>(input, rows, [self.side, self.inputs]);
            let matrices = sums.chunks_exact_mut(self.inputs * self.outputs);
            for (tap, sums) in matrices.enumerate() {
                let tap = self.tap(tap);
                for i in (0..self.inputs).step_by(I) {
                    for o in (0..self.outputs).step_by(O) {
                        let found = self.pair::<S, I, O, V>(simd, inputs, signals, (tap, [i, o]));
                        let rows = sums.chunks_exact_mut(self.outputs).skip(i);
                        for (sums, found) in rows.zip(found) {
                            for (sum, found) in sums[o..].iter_mut().zip(found) {
                                for (sum, found) in S::as_mut_simd_f32s(sum).0.iter_mut().zip(found)
                                {
                                    *sum = simd.add_f32s(*sum, found);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Sums over a strip for the channels from `i` and `o` on.
    #[inline(always)]
    fn pair<S: Simd, const I: usize, const O: usize, const V: usize>(
        &self,
        simd: S,
        inputs: &Strip,
        signals: &Strip,
        ((dy, dx), [i, o]): ((usize, usize), [usize; 2]),
    ) -> [[[S::f32s; V]; O]; I] {
        let mut found = [[[simd.splat_f32s(0.0); V]; O]; I];
        // Where both pixels are inside.
        let inside = |d: usize, [low, high]: [usize; 2]| {
            low.max(usize::from(d == 0))..high.min(self.side - usize::from(d == 2))
        };
        let columns = inside(dx, [0, self.side]);
        for y in inside(dy, signals.rows) {
            let a = inputs.pixels::<I>(i, y + dy - 1, columns.start + dx - 1);
            let g = signals.pixels::<O>(o, y, columns.start);
            found = products(simd, found, a, &g[..columns.len()]);
        }
        found
    }
}

/// Room for the rows of a convolution's input and signal that are read together.
#[derive(Default)]
pub struct Strips(Strip, Strip);

/// Some rows of a map, a few channels at a time side by side: in a map their pixels may lie at distances
/// that share too few lines of the cache.
#[derive(Default)]
struct Strip {
    /// `[channel blocks, rows, side, block]`; zeros for channels that are none.
    numbers: Vec<Lanes>,
    rows: [usize; 2],
    side: usize,
}

impl Strip {
    #[inline(always)]
    fn pack<const B: usize>(
        &mut self,
        map: &[Lanes],
        rows: [usize; 2],
        [side, channels]: [usize; 2],
    ) {
        let [top, end] = rows;
        let pixels = (end - top) * side;
        self.rows = rows;
        self.side = side;
        self.numbers.clear();
        self.numbers
            .resize(channels.div_ceil(B) * B * pixels, [0.0; LANES]);
        let map = &map[top * side * channels..end * side * channels];
        for (block, out) in self.numbers.chunks_exact_mut(B * pixels).enumerate() {
            let first = block * B;
            let count = B.min(channels - first);
            for (out, pixel) in out.chunks_exact_mut(B).zip(map.chunks_exact(channels)) {
                let pixel = &pixel[first..first + count];
                match (out.first_chunk_mut::<B>(), pixel.first_chunk::<B>()) {
                    // A block of known length is copied without a call.
                    (Some(out), Some(pixel)) => *out = *pixel,
                    _ => out[..count].copy_from_slice(pixel),
                }
            }
        }
    }

    /// The pixels of a row from `x` on, of the block that begins with `channel`.
    #[inline(always)]
    fn pixels<const B: usize>(&self, channel: usize, y: usize, x: usize) -> &[[Lanes; B]] {
        let [top, end] = self.rows;
        let row = channel / B * (end - top) + y - top;
        let row = &self.numbers[row * self.side * B..][..self.side * B];
        &row.as_chunks().0[x..]
    }
}

/// `sums[i, o] += Σ_p a[p, i] g[p, o]`.
#[inline(always)]
fn products<S: Simd, const I: usize, const O: usize, const V: usize>(
    simd: S,
    mut sums: [[[S::f32s; V]; O]; I],
    a: &[[Lanes; I]],
    g: &[[Lanes; O]],
) -> [[[S::f32s; V]; O]; I] {
    for (a, g) in a.iter().zip(g) {
        for (sums, a) in sums.iter_mut().zip(a) {
            let (a, _) = S::as_simd_f32s(a);
            for (sum, g) in sums.iter_mut().zip(g) {
                let (g, _) = S::as_simd_f32s(g);
                for ((sum, &a), &g) in sum.iter_mut().zip(a).zip(g) {
                    *sum = simd.mul_add_e_f32s(a, g, *sum);
                }
            }
        }
    }
    sums
}

/// `sums[p, o] += Σ_i rows[i, o] pixels[p, i]`.
#[inline(always)]
fn accumulate<S: Simd, const O: usize, const P: usize, const V: usize>(
    simd: S,
    mut sums: [[[S::f32s; V]; O]; P],
    rows: std::slice::Chunks<f32>,
    mut pixels: [&[Lanes]; P],
) -> [[[S::f32s; V]; O]; P] {
    for row in rows {
        // As an array: its length must be known for the sums to stay in registers. And nothing here may
        // panic, or they are stored at every turn.
        let Some(row) = row.first_chunk::<O>() else {
            break;
        };
        let mut b = [[simd.splat_f32s(0.0); V]; P];
        for (b, pixel) in b.iter_mut().zip(&mut pixels) {
            let Some((number, rest)) = pixel.split_first() else {
                return sums;
            };
            *pixel = rest;
            for (b, &number) in b.iter_mut().zip(S::as_simd_f32s(number).0) {
                *b = number;
            }
        }
        for (o, &w) in row.iter().enumerate() {
            let w = simd.splat_f32s(w);
            for (sums, b) in sums.iter_mut().zip(&b) {
                for (sum, &b) in sums[o].iter_mut().zip(b) {
                    *sum = simd.mul_add_e_f32s(w, b, *sum);
                }
            }
        }
    }
    sums
}

/// Pixels of a strip.
const PIXELS: usize = 64;

#[cfg(test)]
#[path = "loops_tests.rs"]
mod tests;
