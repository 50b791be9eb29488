//! Sixteen images on their way through a plan, back, and along a direction.
//!
//! A loss of energies E and their gradients ∂E/∂x has, by its chain rule, the parameter gradient of
//! `Σ w E + Σ v·∂E/∂x` with `w` and `v` held fixed. The second sum is the derivative of E along v: so the
//! same way there and back is gone once more with every number's derivative along v (Pearlmutter
//! 1994, "Fast exact multiplication by the Hessian", <https://doi.org/10.1162/neco.1994.6.1.147>).
//!
//! Invariant: `value` and `signal` belong to the same images and weights, as do the derivatives.

use super::activate::{Activation, ByCondition, Norms};
use super::loops::{Before, Start, Strips};
use super::maps::{
    ZERO, add_over_pixels, copy, dot, gather, lanes, put, scale, scatter, spread, tanh,
};
use super::rooms::Maps;
use crate::kernel::cpu::product::Lanes;
use crate::kernel::plan::{Activate, Conv, Op, Plan, Slot};
use pulp::Simd;

/// A plan with its weights.
pub struct Weights {
    pub plan: Plan,
    pub flat: Vec<f32>,
    /// What carries gradients back through each convolution; `None` for other operations.
    back: Vec<Option<(Conv, Vec<f32>)>>,
    /// The last operation that reads each slot: the first to carry a signal back to it.
    last: Vec<Option<usize>>,
}

impl Weights {
    pub fn new(plan: Plan, flat: Vec<f32>) -> Self {
        let back = plan.ops.iter().map(|op| match *op {
            Op::Conv { conv, offset, .. } => Some(conv.back(&flat[offset..][..conv.weights()])),
            _ => None,
        });
        let mut last = vec![None; plan.sizes.len()];
        for (i, op) in plan.ops.iter().enumerate() {
            op.reads().for_each(|slot| last[slot] = Some(i));
        }
        Self {
            back: back.collect(),
            last,
            plan,
            flat,
        }
    }

    /// Whether operation `i` is the first to carry a signal back to a slot.
    fn fresh(&self, i: usize, slot: Slot) -> bool {
        self.last[slot] == Some(i)
    }

    fn activation<'a>(
        &self,
        op: &Activate,
        condition: &[Lanes],
        value: &'a [Vec<Lanes>],
    ) -> Activation<'a> {
        let channels = self.plan.sizes[op.from].channels;
        Activation::new(op, condition, &value[op.from], channels)
    }
}

/// The maps before operation `i`, and what it gave.
fn around(maps: &mut [Vec<Lanes>], i: usize) -> (&mut [Vec<Lanes>], &mut [Lanes]) {
    let (before, after) = maps.split_at_mut(i + 1);
    (before, &mut after[0])
}

pub struct Tape<'a> {
    net: &'a Weights,
    condition: Vec<Lanes>,
    value: Maps,
    signal: Option<Maps>,
    norms: Vec<Norms>,
    by_condition: Vec<Lanes>,
}

/// Derivatives along a direction, and room to find them in.
pub struct Along {
    value: Maps,
    signal: Maps,
    by_condition: Vec<Lanes>,
}

impl Along {
    pub fn new(plan: &Plan) -> Self {
        Self {
            value: Maps::take(plan),
            signal: Maps::take(plan),
            by_condition: vec![ZERO; plan.columns],
        }
    }
}

/// Room for what is forgotten at once.
#[derive(Default)]
pub struct Room {
    maps: [Vec<Lanes>; 3],
    sums: Vec<Lanes>,
    strips: Strips,
}

impl<'a> Tape<'a> {
    /// Room for sixteen images.
    pub fn new(net: &'a Weights) -> Self {
        Self {
            condition: vec![ZERO; net.plan.columns],
            value: Maps::take(&net.plan),
            signal: None,
            norms: vec![Norms::default(); net.plan.ops.len()],
            by_condition: vec![ZERO; net.plan.columns],
            net,
        }
    }

    /// The images to go through, and their conditions.
    pub fn inputs(&mut self) -> (&mut [Lanes], &mut [Lanes]) {
        (&mut self.value[0], &mut self.condition)
    }

    /// What came out.
    pub fn output(&self) -> &[Lanes] {
        &self.value[self.net.plan.ops.len()]
    }

    /// The gradient in the images, after the way back.
    pub fn by_input(&self) -> &[Lanes] {
        self.signal.as_ref().map_or(&[], |signal| &signal[0])
    }

    /// All the way through.
    #[inline(always)]
    pub fn forward<S: Simd>(&mut self, simd: S) {
        for (i, op) in self.net.plan.ops.iter().enumerate() {
            let (before, out) = around(&mut self.value, i);
            match op {
                Op::Activate(op) => {
                    let activation = self.net.activation(op, &self.condition, before);
                    self.norms[i] = activation.norms();
                    activation.value(&self.norms[i], out);
                }
                Op::Tanh { from } => tanh::value(out, &before[*from]),
                Op::HalfSquare { from } => {
                    let x = &before[*from];
                    let sum = dot(x, x);
                    out[0] = lanes(|l| 0.5 * sum[l]);
                }
                _ => linear(simd, self.net, i, &self.condition, before, out, true),
            }
        }
    }

    /// All the way back, from a signal for every number that came out.
    #[inline(always)]
    pub fn backward<S: Simd>(&mut self, simd: S, seed: &[Lanes], room: &mut Room) {
        let net = self.net;
        let signal = self.signal.get_or_insert_with(|| Maps::take(&net.plan));
        signal[net.plan.ops.len()].copy_from_slice(seed);
        for (i, op) in net.plan.ops.iter().enumerate().rev() {
            let (before, g) = around(signal, i);
            match op {
                Op::Activate(op) => {
                    let activation = net.activation(op, &self.condition, &self.value);
                    let out = (&mut before[op.from][..], net.fresh(i, op.from));
                    let by = activation.back(&self.norms[i], out, g, &mut room.maps[0]);
                    keep(&mut self.by_condition, op, &by);
                }
                Op::Tanh { from } => {
                    let out = (&mut before[*from][..], net.fresh(i, *from));
                    tanh::back(out, &self.value[i + 1], g);
                }
                Op::HalfSquare { from } => {
                    let out = (&mut before[*from][..], net.fresh(i, *from));
                    scale(out, &self.value[*from], &g[0]);
                }
                Op::Dot { from, at } => {
                    let x = &self.value[*from];
                    scale((&mut self.by_condition[*at..][..x.len()], true), x, &g[0]);
                    back(simd, net, i, &self.condition, before, g);
                }
                _ => back(simd, net, i, &self.condition, before, g),
            }
        }
    }

    /// Derivatives of all numbers along a direction of the images. The seed of the way back has none.
    #[inline(always)]
    pub fn follow<S: Simd>(
        &self,
        simd: S,
        direction: &[Lanes],
        along: &mut Along,
        room: &mut Room,
    ) {
        let net = self.net;
        along.value[0].copy_from_slice(direction);
        for (i, op) in net.plan.ops.iter().enumerate() {
            let (before, out) = around(&mut along.value, i);
            match op {
                Op::Activate(op) => {
                    let activation = net.activation(op, &self.condition, &self.value);
                    let dx = &before[op.from];
                    activation.value_along(&self.norms[i], out, dx, &mut room.maps[0]);
                }
                Op::Tanh { from } => {
                    tanh::back((out, true), &self.value[i + 1], &before[*from]);
                }
                Op::HalfSquare { from } => out[0] = dot(&self.value[*from], &before[*from]),
                _ => linear(simd, net, i, &self.condition, before, out, false),
            }
        }
        let Some(signal) = &self.signal else {
            return;
        };
        along.signal[net.plan.ops.len()].fill(ZERO);
        for (i, op) in net.plan.ops.iter().enumerate().rev() {
            let (before, dg) = around(&mut along.signal, i);
            let g = &signal[i + 1][..];
            match op {
                Op::Activate(op) => {
                    let activation = net.activation(op, &self.condition, &self.value);
                    let out = (&mut before[op.from][..], net.fresh(i, op.from));
                    let signals = [g, &along.value[op.from], dg];
                    let maps = room.maps.each_mut();
                    let by = activation.back_along(&self.norms[i], out, signals, maps);
                    keep(&mut along.by_condition, op, &by);
                }
                Op::Tanh { from } => {
                    let out = (&mut before[*from][..], net.fresh(i, *from));
                    let (y, dy) = (&self.value[i + 1], &along.value[i + 1]);
                    tanh::back_along(out, [y, g], [dy, dg]);
                }
                Op::HalfSquare { from } => {
                    let out = &mut before[*from][..];
                    let fresh = net.fresh(i, *from);
                    scale((&mut *out, fresh), &self.value[*from], &dg[0]);
                    scale((out, false), &along.value[*from], &g[0]);
                }
                Op::Dot { from, at } => {
                    let (x, dx) = (&self.value[*from], &along.value[*from]);
                    let by = &mut along.by_condition[*at..][..x.len()];
                    scale((&mut *by, true), x, &dg[0]);
                    scale((by, false), dx, &g[0]);
                    back(simd, net, i, &self.condition, before, dg);
                }
                _ => back(simd, net, i, &self.condition, before, dg),
            }
        }
    }

    /// Adds the parameter gradient of `weight` times the seeded output to `sums` `[parameters]`, and returns
    /// that in the condition. With `along`, that of the output's derivative along the direction comes on
    /// top.
    #[inline(always)]
    pub fn gather<S: Simd>(
        mut self,
        simd: S,
        sums: &mut [f32],
        weight: &Lanes,
        mut along: Option<&mut Along>,
        room: &mut Room,
    ) -> Vec<Lanes> {
        let Some(signal) = &mut self.signal else {
            return Vec::new();
        };
        let plain = along.is_some() && *weight == ZERO;
        for (i, op) in self.net.plan.ops.iter().enumerate() {
            let Op::Conv {
                from, conv, offset, ..
            } = *op
            else {
                continue;
            };
            let g = &mut signal[i + 1][..];
            room.sums.clear();
            room.sums.resize(conv.weights(), ZERO);
            // Values meet the signal's derivative and the weighted signal, the values' derivatives the
            // plain one.
            let met: &[Lanes] = match &mut along {
                Some(along) => {
                    let derivatives = &along.value[from];
                    conv.weigh(simd, &mut room.sums, derivatives, g, &mut room.strips);
                    let signal = &mut along.signal[i + 1][..];
                    if !plain {
                        scale((&mut *signal, false), g, weight);
                    }
                    signal
                }
                None => {
                    for g in &mut *g {
                        *g = lanes(|l| g[l] * weight[l]);
                    }
                    g
                }
            };
            let value = &self.value[from];
            conv.weigh(simd, &mut room.sums, value, met, &mut room.strips);
            add_sums(&mut sums[offset..], &room.sums);
            room.sums.clear();
            room.sums.resize(conv.outputs, ZERO);
            add_over_pixels(&mut room.sums, met);
            add_sums(&mut sums[offset + conv.weights()..], &room.sums);
        }
        let mut by_condition = self.by_condition;
        for (c, by) in by_condition.iter_mut().enumerate() {
            *by = lanes(|l| by[l] * weight[l]);
            if let Some(along) = &along {
                put(by, false, &along.by_condition[c]);
            }
        }
        by_condition
    }
}

/// Writes an activation's part of the gradient in the condition where it belongs.
fn keep(condition: &mut [Lanes], op: &Activate, by: &ByCondition) {
    for (at, by) in [(op.scale, &by.scale), (op.shift, &by.shift)] {
        if let Some(at) = at {
            condition[at..][..by.len()].copy_from_slice(by);
        }
    }
}

/// `sums += Σ` over lanes.
#[inline(always)]
fn add_sums(sums: &mut [f32], lanes: &[Lanes]) {
    for (sum, lanes) in sums.iter_mut().zip(lanes) {
        *sum += lanes.iter().sum::<f32>();
    }
}

/// Operation `i`, which is linear in its maps but for what it adds of its own: that only if `affine`.
#[inline(always)]
fn linear<S: Simd>(
    simd: S,
    net: &Weights,
    i: usize,
    condition: &[Lanes],
    maps: &[Vec<Lanes>],
    out: &mut [Lanes],
    affine: bool,
) {
    let size = net.plan.sizes[i + 1];
    match net.plan.ops[i] {
        Op::Conv {
            from,
            conv,
            offset,
            plus,
        } => {
            let (weights, bias) = net.flat[offset..].split_at(conv.weights());
            let start = Start {
                map: plus.map_or(Before::Nothing, |plus| Before::Map(&maps[plus])),
                bias: affine.then_some(&bias[..conv.outputs]),
            };
            conv.apply(simd, out, &maps[from], weights, start);
        }
        Op::Scale { from, at } => scale((out, true), &maps[from], &condition[at]),
        Op::Shift { from, at } => {
            copy((out, true), &maps[from]);
            if affine {
                out.iter_mut()
                    .for_each(|out| put(out, false, &condition[at]));
            }
        }
        Op::Pool { from } => {
            gather(
                (out, true),
                &maps[from],
                [size.side * 2, size.channels],
                0.25,
            );
        }
        Op::Upsample { from } => {
            scatter((out, true), &maps[from], [size.side, size.channels], 1.0);
        }
        Op::Add { from: [a, b] } => {
            for ((out, a), b) in out.iter_mut().zip(&maps[a]).zip(&maps[b]) {
                *out = lanes(|l| a[l] + b[l]);
            }
        }
        Op::Concat { from: [a, b] } => {
            let first = net.plan.sizes[a].channels;
            let rest = size.channels - first;
            let parts = maps[a].chunks_exact(first).zip(maps[b].chunks_exact(rest));
            for (out, (a, b)) in out.chunks_exact_mut(size.channels).zip(parts) {
                out[..first].copy_from_slice(a);
                out[first..].copy_from_slice(b);
            }
        }
        Op::SumPool { from } => {
            out.fill(ZERO);
            add_over_pixels(out, &maps[from]);
        }
        Op::Dot { from, at } => out[0] = dot(&maps[from], &condition[at..]),
        Op::Activate(_) | Op::Tanh { .. } | Op::HalfSquare { .. } => {
            debug_assert!(false, "not linear");
        }
    }
}

/// What operation `i`, which is linear, carries back of the signal `g` to the maps before it.
#[inline(always)]
fn back<S: Simd>(
    simd: S,
    net: &Weights,
    i: usize,
    condition: &[Lanes],
    signals: &mut [Vec<Lanes>],
    g: &[Lanes],
) {
    let size = net.plan.sizes[i + 1];
    let mut to = |slot: Slot| {
        let fresh = net.fresh(i, slot);
        let room = std::mem::take(&mut signals[slot]);
        (slot, room, fresh)
    };
    let op = net.plan.ops[i];
    let mut reads: Vec<_> = op.reads().map(&mut to).collect();
    if let [(_, out, fresh), rest @ ..] = &mut reads[..] {
        let target = (&mut out[..], *fresh);
        match op {
            Op::Conv { .. } => {
                if let Some((conv, weights)) = &net.back[i] {
                    let start = Start {
                        map: if *fresh { Before::Nothing } else { Before::Out },
                        bias: None,
                    };
                    conv.apply(simd, out, g, weights, start);
                }
                if let [(_, plus, fresh)] = rest {
                    copy((plus, *fresh), g);
                }
            }
            Op::Scale { at, .. } => scale(target, g, &condition[at]),
            Op::Shift { .. } => copy(target, g),
            Op::Pool { .. } => scatter(target, g, [size.side * 2, size.channels], 0.25),
            Op::Upsample { .. } => gather(target, g, [size.side, size.channels], 1.0),
            Op::Add { .. } => {
                copy(target, g);
                if let [(_, other, fresh)] = rest {
                    copy((other, *fresh), g);
                }
            }
            Op::Concat { from: [a, _] } => {
                let first = net.plan.sizes[a].channels;
                let parts = |from: usize, width: usize, (out, fresh): (&mut [Lanes], bool)| {
                    let pixels = out.chunks_exact_mut(width);
                    for (out, g) in pixels.zip(g.chunks_exact(size.channels)) {
                        copy((out, fresh), &g[from..][..width]);
                    }
                };
                parts(0, first, target);
                if let [(_, other, fresh)] = rest {
                    parts(first, size.channels - first, (other, *fresh));
                }
            }
            Op::SumPool { .. } => spread(target, g),
            Op::Dot { at, .. } => scale(target, &condition[at..], &g[0]),
            Op::Activate(_) | Op::Tanh { .. } | Op::HalfSquare { .. } => {
                debug_assert!(false, "not linear");
            }
        }
    }
    for (slot, room, _) in reads {
        signals[slot] = room;
    }
}
