use super::*;
use crate::kernel::cpu::dispatch;
use crate::rng::{Draws, Stream};
use pulp::{Scalar, Simd, WithSimd};

struct Both<'a> {
    conv: Conv,
    input: &'a [Lanes],
    weights: &'a [f32],
    signal: &'a [Lanes],
    start: Start<'a>,
}

impl WithSimd for Both<'_> {
    type Output = (Vec<Lanes>, Vec<Lanes>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let pixels = self.conv.side * self.conv.side;
        let mut out = vec![[7.0; LANES]; pixels * self.conv.outputs];
        self.conv
            .apply(simd, &mut out, self.input, self.weights, self.start);
        let mut sums = vec![[1.0; LANES]; self.conv.weights()];
        let mut room = Strips::default();
        self.conv
            .weigh(simd, &mut sums, self.input, self.signal, &mut room);
        (out, sums)
    }
}

fn lanes(n: usize, step: u64) -> Vec<Lanes> {
    let numbers = Draws::new(2, Stream::Test, step).normals(n * LANES);
    numbers.as_chunks().0.to_vec()
}

fn close(found: &[Lanes], right: impl Fn(usize, usize) -> f32) {
    for (i, found) in found.iter().enumerate() {
        for (l, &found) in found.iter().enumerate() {
            let right = right(i, l);
            let miss = (found - right).abs();
            assert!(
                miss < 1e-4 * right.abs().max(1.0),
                "{found} against {right}"
            );
        }
    }
}

#[test]
fn convolutions_of_any_shape_are_right_on_every_machine() {
    for (side, kernel, inputs, outputs) in [
        (1, 3, 2, 3),
        (2, 3, 3, 1),
        (5, 1, 4, 9),
        (6, 3, 7, 5),
        (9, 3, 1, 13),
    ] {
        let conv = Conv {
            side,
            kernel,
            inputs,
            outputs,
        };
        let input = lanes(side * side * inputs, 0);
        let signal = lanes(side * side * outputs, 1);
        let map = lanes(side * side * outputs, 2);
        let weights = Draws::new(2, Stream::Test, 3).normals(conv.weights());
        let bias = Draws::new(2, Stream::Test, 4).normals(outputs);
        // What an input pixel of a tap is to an output pixel, where there is one.
        let at = |p: usize, tap: usize| {
            let half = kernel / 2;
            let y = (p / side + tap / kernel).checked_sub(half)?;
            let x = (p % side + tap % kernel).checked_sub(half)?;
            (y < side && x < side).then_some(y * side + x)
        };
        let taps = kernel * kernel;
        let sum = |p: usize, o: usize, l: usize| {
            let tap = |tap: usize| {
                let term = |i: usize| {
                    let w = weights[(tap * inputs + i) * outputs + o];
                    at(p, tap).map_or(0.0, |q| w * input[q * inputs + i][l])
                };
                (0..inputs).map(term).sum::<f32>()
            };
            (0..taps).map(tap).sum::<f32>()
        };
        let product = |tap: usize, i: usize, o: usize, l: usize| {
            let term = |p: usize| {
                let g = signal[p * outputs + o][l];
                at(p, tap).map_or(0.0, |q| g * input[q * inputs + i][l])
            };
            (0..side * side).map(term).sum::<f32>()
        };
        for start in [
            Start::default(),
            Start {
                map: Before::Out,
                bias: None,
            },
            Start {
                map: Before::Map(&map),
                bias: Some(&bias),
            },
        ] {
            for scalar in [false, true] {
                let both = Both {
                    conv,
                    input: &input,
                    weights: &weights,
                    signal: &signal,
                    start,
                };
                let (out, sums) = match scalar {
                    true => Simd::vectorize(Scalar, both),
                    false => dispatch(both),
                };
                close(&out, |i, l| {
                    let before = match start.map {
                        Before::Nothing => 0.0,
                        Before::Out => 7.0,
                        Before::Map(map) => map[i][l],
                    };
                    let bias = start.bias.map_or(0.0, |bias| bias[i % outputs]);
                    before + bias + sum(i / outputs, i % outputs, l)
                });
                close(&sums, |w, l| {
                    let (tap, i) = (w / outputs / inputs, w / outputs % inputs);
                    1.0 + product(tap, i, w % outputs, l)
                });
            }
        }
    }
}
