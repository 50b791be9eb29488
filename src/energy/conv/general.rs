//! A plan as ordinary tensor operations, on any device and under automatic differentiation.
//!
//! Invariant: the way back is written by hand, operation by operation, from operations that can
//! themselves be differentiated; so losses with the input gradient in them have parameter gradients.

use crate::energy::{Block, Layout};
use crate::kernel::plan::{Activate, NORM_EPSILON, Op, Plan};
use burn::tensor::{Tensor, activation, module::conv2d, ops::ConvOptions};

/// A plan with its weights as blocks of `layout`, `[rows, columns]` each, and the condition of each image
/// `[n, columns]`.
pub struct General<'a> {
    pub plan: &'a Plan,
    pub layout: &'a Layout,
    pub blocks: &'a [Tensor<2>],
    pub condition: Tensor<2>,
}

impl General<'_> {
    /// What comes out of images `[n, channels, side, side]`, and every map on the way.
    pub fn forward(&self, x: Tensor<4>) -> (Tensor<4>, Vec<Tensor<4>>) {
        let mut maps = vec![x];
        for op in &self.plan.ops {
            let map = self.apply(op, &maps);
            maps.push(map);
        }
        (maps[maps.len() - 1].clone(), maps)
    }

    /// The gradient in the images of the sum of what comes out.
    pub fn backward(&self, maps: &[Tensor<4>]) -> Tensor<4> {
        let mut signals: Vec<Option<Tensor<4>>> = vec![None; maps.len()];
        signals[maps.len() - 1] = Some(maps[maps.len() - 1].ones_like());
        for (i, op) in self.plan.ops.iter().enumerate().rev() {
            let Some(g) = signals[i + 1].take() else {
                continue;
            };
            for (slot, part) in self.back(op, maps, &maps[i + 1], g) {
                signals[slot] = Some(match signals[slot].take() {
                    Some(sum) => sum + part,
                    None => part,
                });
            }
        }
        signals[0].take().unwrap_or_else(|| maps[0].zeros_like())
    }

    /// Columns of the condition for each image, `[n, count, 1, 1]`.
    fn columns(&self, at: usize, count: usize) -> Tensor<4> {
        let [n, _] = self.condition.dims();
        let part = self.condition.clone().slice([0..n, at..at + count]);
        part.reshape([n, count, 1, 1])
    }

    /// Weights `[outputs, inputs, kernel, kernel]` and bias of the convolution at `offset`.
    fn weights(&self, offset: usize, kernel: usize) -> (Tensor<4>, Tensor<1>) {
        let index = self
            .layout
            .blocks
            .iter()
            .position(|b: &Block| b.offset == offset)
            .expect("a plan reads its weights where the layout puts them");
        let block = &self.blocks[index];
        let [rows, outputs] = block.dims();
        let inputs = rows / (kernel * kernel);
        let weights = block.clone().reshape([kernel, kernel, inputs, outputs]);
        let bias = self.blocks[index + 1].clone().reshape([outputs]);
        (weights.permute([3, 2, 0, 1]), bias)
    }

    fn apply(&self, op: &Op, maps: &[Tensor<4>]) -> Tensor<4> {
        let map = |slot: usize| maps[slot].clone();
        let channels = |slot: usize| self.plan.sizes[slot].channels;
        match *op {
            Op::Conv {
                from,
                conv,
                offset,
                plus,
            } => {
                let (weights, bias) = self.weights(offset, conv.kernel);
                let found = conv2d(map(from), weights, Some(bias), options(conv.kernel));
                match plus {
                    Some(plus) => found + map(plus),
                    None => found,
                }
            }
            Op::Activate(op) => activation::silu(self.before_silu(&op, maps)),
            Op::Tanh { from } => map(from).tanh(),
            Op::Scale { from, at } => map(from) * self.columns(at, 1),
            Op::Shift { from, at } => map(from) + self.columns(at, 1),
            Op::Pool { from } => pool(map(from)),
            Op::Upsample { from } => upsample(map(from)),
            Op::Add { from: [a, b] } => map(a) + map(b),
            Op::Concat { from: [a, b] } => Tensor::cat(vec![map(a), map(b)], 1),
            Op::SumPool { from } => map(from).sum_dim(2).sum_dim(3),
            Op::Dot { from, at } => (map(from) * self.columns(at, channels(from))).sum_dim(1),
            Op::HalfSquare { from } => {
                let squares = map(from).powi_scalar(2);
                squares.sum_dim(1).sum_dim(2).sum_dim(3) * 0.5
            }
        }
    }

    /// What an activation takes the SiLU of.
    fn before_silu(&self, op: &Activate, maps: &[Tensor<4>]) -> Tensor<4> {
        let Activate {
            from,
            groups,
            scale,
            shift,
        } = *op;
        let channels = self.plan.sizes[from].channels;
        let mut x = maps[from].clone();
        if let Some(groups) = groups {
            x = norm(x, groups).0;
        }
        if let Some(at) = scale {
            x = x * (self.columns(at, channels) + 1.0);
        }
        if let Some(at) = shift {
            x = x + self.columns(at, channels);
        }
        x
    }

    /// What an operation that gave `y` carries back of `g`, and to which maps.
    fn back(
        &self,
        op: &Op,
        maps: &[Tensor<4>],
        y: &Tensor<4>,
        g: Tensor<4>,
    ) -> Vec<(usize, Tensor<4>)> {
        let channels = |slot: usize| self.plan.sizes[slot].channels;
        match *op {
            Op::Conv {
                from,
                conv,
                offset,
                plus,
            } => {
                let (weights, _) = self.weights(offset, conv.kernel);
                let turned = weights.swap_dims(0, 1).flip([2, 3]);
                let mut parts = vec![(from, conv2d(g.clone(), turned, None, options(conv.kernel)))];
                parts.extend(plus.map(|plus| (plus, g)));
                parts
            }
            Op::Activate(op) => {
                let Activate {
                    from,
                    groups,
                    scale,
                    ..
                } = op;
                let a = self.before_silu(&op, maps);
                let s = activation::sigmoid(a.clone());
                let rest = s.clone().neg() + 1.0;
                let mut g = g * s * (a * rest + 1.0);
                if let Some(at) = scale {
                    g = g * (self.columns(at, channels(from)) + 1.0);
                }
                if let Some(groups) = groups {
                    let (y, rate) = norm(maps[from].clone(), groups);
                    let (y, grouped) = (by_group(y, groups), by_group(g, groups));
                    let mean = grouped.clone().mean_dim(2);
                    let along = (grouped.clone() * y.clone()).mean_dim(2);
                    g = ((grouped - mean - y * along) * rate).reshape(maps[from].dims());
                }
                vec![(from, g)]
            }
            Op::Tanh { from } => vec![(from, g * (y.clone().powi_scalar(2).neg() + 1.0))],
            Op::Scale { from, at } => vec![(from, g * self.columns(at, 1))],
            Op::Shift { from, .. } => vec![(from, g)],
            Op::Pool { from } => vec![(from, upsample(g) * 0.25)],
            Op::Upsample { from } => vec![(from, pool(g) * 4.0)],
            Op::Add { from: [a, b] } => vec![(a, g.clone()), (b, g)],
            Op::Concat { from: [a, b] } => {
                let [n, all, side, _] = g.dims();
                let part = |c: std::ops::Range<usize>| g.clone().slice([0..n, c, 0..side, 0..side]);
                vec![(a, part(0..channels(a))), (b, part(channels(a)..all))]
            }
            Op::SumPool { from } => vec![(from, g.expand(maps[from].dims()))],
            Op::Dot { from, at } => vec![(from, g * self.columns(at, channels(from)))],
            Op::HalfSquare { from } => vec![(from, maps[from].clone() * g)],
        }
    }
}

fn options(kernel: usize) -> ConvOptions<2> {
    let padding = kernel / 2;
    ConvOptions::new([1, 1], [padding, padding], [1, 1], 1)
}

/// `[n, groups, numbers of a group]`.
fn by_group(x: Tensor<4>, groups: usize) -> Tensor<3> {
    let [n, channels, side, _] = x.dims();
    x.reshape([n, groups, channels / groups * side * side])
}

/// The normalised map, and one over the deviation of each group, `[n, groups, 1]`.
fn norm(x: Tensor<4>, groups: usize) -> (Tensor<4>, Tensor<3>) {
    let shape = x.dims();
    let x = by_group(x, groups);
    let gap = x.clone() - x.mean_dim(2);
    let variance = gap.clone().powi_scalar(2).mean_dim(2);
    let rate = (variance + NORM_EPSILON).sqrt().recip();
    ((gap * rate.clone()).reshape(shape), rate)
}

fn pool(x: Tensor<4>) -> Tensor<4> {
    let [n, c, side, _] = x.dims();
    let half = side / 2;
    let parts = x.reshape([n, c, half, 2, half, 2]);
    parts.mean_dim(3).mean_dim(5).reshape([n, c, half, half])
}

fn upsample(x: Tensor<4>) -> Tensor<4> {
    let [n, c, side, _] = x.dims();
    let parts = x.reshape([n, c, side, 1, side, 1]);
    let copies = parts.expand([n, c, side, 2, side, 2]);
    copies.reshape([n, c, 2 * side, 2 * side])
}
