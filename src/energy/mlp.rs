//! Multilayer perceptrons as energies: plain, or with multiplicative gates that depend on the noise
//! level (the time-gated network of DA-EBM's 2D experiments, arXiv 2304.10707, released code).
//!
//! Invariant: all weights live in one flat buffer laid out by [`Layout`]; a network is a view of
//! that buffer and never changes it. `E(x, t) = f(x, t) + confinement |x|²`; the released code's
//! network outputs -E, and the sign is absorbed by its last layer.

use super::embedding::sinusoidal;
use super::product::product;
use super::trainable::Batch;
use super::{Activation, Architecture, Block, Energy, Layout, LevelEnergy, Trainable};
use crate::kernel::{self, MlpKernels, Moved, Seats, mlp_kernels};
use crate::rng::{ChainDraws, Draws};
use burn::tensor::{Gradients, Tensor, TensorData};
use std::cell::OnceCell;
use std::rc::Rc;

/// A network around a flat buffer of weights.
#[derive(Clone)]
pub struct Mlp(Rc<Parts>);

/// What clones of a network share; all but the first four are made on first use.
struct Parts {
    architecture: Architecture,
    layout: Layout,
    /// The flat buffer `[parameters]`; a tracked network has only its blocks.
    flat: Option<Tensor<1>>,
    /// Whether the weights lie on a GPU.
    on_gpu: bool,
    blocks: OnceCell<Vec<Tensor<2>>>,
    /// Gates per layer, `[levels, width]`.
    gates: OnceCell<Vec<Tensor<2>>>,
    kernels: Kernels,
}

/// The kernels of a network, once they were asked for; `None` where there are none.
type Kernels = OnceCell<Option<Box<dyn MlpKernels>>>;

impl Mlp {
    /// A view of the flat buffer `[parameters]`.
    pub fn new(architecture: &Architecture, flat: &Tensor<1>) -> Self {
        Self::view(architecture, flat, OnceCell::new())
    }

    /// The same without kernels: what they are held against, and what networks do that are too large for them.
    pub fn by_operations(architecture: &Architecture, flat: &Tensor<1>) -> Self {
        Self::view(architecture, flat, OnceCell::from(None))
    }

    fn view(architecture: &Architecture, flat: &Tensor<1>, kernels: Kernels) -> Self {
        Self(Rc::new(Parts {
            architecture: architecture.clone(),
            layout: architecture.layout(),
            flat: Some(flat.clone()),
            on_gpu: kernel::on_gpu(flat),
            blocks: OnceCell::new(),
            gates: OnceCell::new(),
            kernels,
        }))
    }

    /// The same view with every block a leaf of an autodiff graph, for parameter gradients.
    pub fn tracked(architecture: &Architecture, flat: &Tensor<1>) -> Self {
        let view = Self::new(architecture, flat);
        let blocks: Vec<_> = view
            .blocks()
            .iter()
            .map(|b| b.clone().autodiff().require_grad())
            .collect();
        Self(Rc::new(Parts {
            architecture: architecture.clone(),
            layout: architecture.layout(),
            flat: None,
            on_gpu: view.0.on_gpu,
            blocks: OnceCell::from(blocks),
            gates: OnceCell::new(),
            kernels: OnceCell::from(None),
        }))
    }

    fn blocks(&self) -> &[Tensor<2>] {
        let Parts {
            layout,
            flat,
            blocks,
            ..
        } = &*self.0;
        blocks.get_or_init(|| {
            let flat = flat
                .as_ref()
                .expect("a network without blocks has a buffer");
            let block = |b: &Block| flat.clone().slice(b.range()).reshape(b.shape);
            layout.blocks.iter().map(block).collect()
        })
    }

    /// The kernels of the network, unless it tracks gradients or is too large for its GPU.
    fn kernels(&self) -> Option<&dyn MlpKernels> {
        let parts = &*self.0;
        let made = parts.kernels.get_or_init(|| {
            let network = parts.architecture.network();
            mlp_kernels(network, parts.flat.as_ref()?, &self.embedding())
        });
        made.as_deref()
    }

    /// What the time network reads, `[levels, width]`; empty for a plain network.
    fn embedding(&self) -> Vec<f32> {
        let Architecture { width, levels, .. } = self.0.architecture;
        let levels = levels.unwrap_or(0);
        (0..levels).flat_map(|t| sinusoidal(t, width)).collect()
    }

    /// The matrix product of `[n, k]` with `[k, m]`.
    fn product(&self, a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
        product(a, b, self.0.on_gpu)
    }

    fn hidden(&self, l: usize) -> (Tensor<2>, Tensor<2>) {
        let blocks = self.blocks();
        (blocks[2 * l].clone(), blocks[2 * l + 1].clone())
    }

    fn output(&self) -> (Tensor<2>, Tensor<2>) {
        self.hidden(self.0.architecture.depth)
    }

    /// The multiplicative gates of each layer at each level, `depth` of `[levels, width]`.
    fn gates(&self) -> &[Tensor<2>] {
        let Architecture {
            width,
            depth,
            levels,
            ..
        } = self.0.architecture;
        self.0.gates.get_or_init(|| {
            let Some(levels) = levels else {
                return Vec::new();
            };
            let device = self.blocks()[0].device();
            let rows = TensorData::new(self.embedding(), [levels, width]);
            let embedding = Tensor::from_data(rows, &device);
            let linear = |x: Tensor<2>, l: usize| {
                let (w, b) = self.hidden(l);
                self.product(x, w) + b
            };
            let softplus = |a| Activation::Softplus.value(a);
            let hidden = softplus(linear(embedding, depth + 1));
            let gate = softplus(linear(hidden, depth + 2));
            (0..depth)
                .map(|l| linear(gate.clone(), depth + 3 + l))
                .collect()
        })
    }
}

impl Trainable for Mlp {
    fn tracked(&self) -> Self {
        let parts = &*self.0;
        match &parts.flat {
            Some(flat) => Self::tracked(&parts.architecture, flat),
            None => self.clone(),
        }
    }

    fn gradient(&self, gradients: &mut Gradients) -> Tensor<1> {
        self.0.layout.flat_gradient(self.blocks(), gradients, 0)
    }

    fn weighted_sum(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        weight: &Tensor<1>,
    ) -> Option<(Tensor<1>, Tensor<1>)> {
        let marks = Tensor::stack(vec![labels(member), weight.clone()], 1);
        let found = self.kernels()?.weigh(x, &marks)?;
        Some((found.sum, found.gradient))
    }

    fn contrast(&self, data: &Batch, negatives: &Batch) -> Option<(Tensor<1>, Tensor<1>)> {
        let batches = [data, negatives].map(|batch| [batch.0, batch.1]);
        let found = self.kernels()?.contrast(batches)?;
        Some((found.sum, found.gradient))
    }

    fn weigh(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        rule: &mut dyn FnMut(Tensor<1>) -> Tensor<1>,
    ) -> Option<Tensor<1>> {
        self.kernels()?;
        let weight = rule(self.at(member.clone()).energy(x.clone()));
        let (_, gradient) = self.weighted_sum(x, member, &weight)?;
        Some(gradient)
    }
}

/// The label of each row of a membership `[n, levels]`, as a number, `[n]`.
pub(crate) fn labels(member: &Tensor<2>) -> Tensor<1> {
    let [_, levels] = member.dims();
    let numbers: Vec<f32> = (0..levels).map(|t| t as f32).collect();
    let numbers = Tensor::<2>::from_data(TensorData::new(numbers, [1, levels]), &member.device());
    (member.clone() * numbers).sum_dim(1).squeeze_dim(1)
}

impl LevelEnergy for Mlp {
    type At = MlpAt;

    fn levels(&self) -> usize {
        self.0.architecture.levels.unwrap_or(1)
    }

    fn at(&self, member: Tensor<2>) -> MlpAt {
        MlpAt {
            net: self.clone(),
            member,
            gates: OnceCell::new(),
            labels: OnceCell::new(),
        }
    }

    fn draw_levels(&self, x: &Tensor<2>, draws: &Draws) -> Option<Tensor<2>> {
        self.kernels()?.draw_levels(x, draws)
    }

    fn seats_chains(&self) -> bool {
        self.kernels().is_some()
    }

    fn move_seats(&self, seats: &Seats, draws: &ChainDraws, adjusted: bool) -> Option<Moved> {
        self.kernels()?.chains(seats, draws, adjusted)
    }

    fn all_levels(&self, x: Tensor<2>) -> Tensor<2> {
        if let Some(energy) = self.kernels().and_then(|k| k.all_levels(&x)) {
            return energy;
        }
        let [n, _] = x.dims();
        let levels = self.levels();
        // One pass over levels × points rows: a sixth of the dispatches of a pass per level.
        let labels: Vec<usize> = (0..levels * n).map(|row| row / n).collect();
        let membership = super::membership_of_labels(&labels, levels, &x.device());
        let energy = self.at(membership).energy(x.repeat_dim(0, levels));
        energy.reshape([levels, n]).transpose()
    }
}

/// Value and first two derivatives along a direction, each `[n]`.
#[derive(Clone)]
pub struct Jet {
    pub value: Tensor<1>,
    pub first: Tensor<1>,
    pub second: Tensor<1>,
}

/// A network with every point at a level of its own.
#[derive(Clone)]
pub struct MlpAt {
    net: Mlp,
    /// `[n or 1, levels]`
    member: Tensor<2>,
    /// Gates per layer, `[n or 1, width]`; empty for a plain network.
    gates: OnceCell<Vec<Tensor<2>>>,
    /// `[n or 1]`
    labels: OnceCell<Tensor<1>>,
}

impl MlpAt {
    fn gates(&self) -> &[Tensor<2>] {
        let of_level = |g: &Tensor<2>| self.net.product(self.member.clone(), g.clone());
        self.gates
            .get_or_init(|| self.net.gates().iter().map(of_level).collect())
    }

    fn labels(&self) -> &Tensor<1> {
        self.labels.get_or_init(|| labels(&self.member))
    }

    /// Applies layer `l` to `h`: the input of its activation, and its output. The first gate acts
    /// before the activation, the others after it, as in the released code.
    fn layer(&self, l: usize, h: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (w, b) = self.net.hidden(l);
        let a = self.net.product(h, w) + b;
        let act = self.net.0.architecture.activation;
        match self.gates().get(l) {
            Some(gate) if l == 0 => {
                let a = a * gate.clone();
                (a.clone(), act.value(a))
            }
            Some(gate) => (a.clone(), act.value(a) * gate.clone()),
            None => (a.clone(), act.value(a)),
        }
    }

    fn forward(&self, x: Tensor<2>) -> (Vec<Tensor<2>>, Tensor<1>) {
        let depth = self.net.0.architecture.depth;
        let mut inputs = Vec::with_capacity(depth);
        let mut h = x.clone();
        for l in 0..depth {
            let (a, out) = self.layer(l, h);
            inputs.push(a);
            h = out;
        }
        let (w, b) = self.net.output();
        let confined = x.powi_scalar(2).sum_dim(1) * self.net.0.architecture.confinement;
        (
            inputs,
            (self.net.product(h, w) + b + confined).squeeze_dim(1),
        )
    }

    /// Value, slope and curvature along directions `v` `[n, 2]` by forward 2-jets: one pass, about
    /// three times the work of [`Energy::energy`].
    pub fn jet(&self, x: Tensor<2>, v: Tensor<2>) -> Jet {
        let act = self.net.0.architecture.activation;
        let product = |a: Tensor<2>, b: Tensor<2>| self.net.product(a, b);
        let (mut z0, mut z1, mut z2) = (x.clone(), v.clone(), v.zeros_like());
        for l in 0..self.net.0.architecture.depth {
            let (w, b) = self.net.hidden(l);
            let mut a0 = product(z0, w.clone()) + b;
            let mut a1 = product(z1, w.clone());
            let mut a2 = product(z2, w);
            if let (0, Some(gate)) = (l, self.gates().first()) {
                a0 = a0 * gate.clone();
                a1 = a1 * gate.clone();
                a2 = a2 * gate.clone();
            }
            let slope = act.slope(a0.clone());
            z2 = act.bend(a0.clone()) * a1.clone().powi_scalar(2) + slope.clone() * a2;
            z1 = slope * a1;
            z0 = act.value(a0);
            if let (1.., Some(gate)) = (l, self.gates().get(l)) {
                z0 = z0 * gate.clone();
                z1 = z1 * gate.clone();
                z2 = z2 * gate.clone();
            }
        }
        let (w, b) = self.net.output();
        let c = self.net.0.architecture.confinement;
        let row_sum = |t: Tensor<2>| t.sum_dim(1);
        let value = product(z0, w.clone()) + b + row_sum(x.clone().powi_scalar(2)) * c;
        let first = product(z1, w.clone()) + row_sum(x * v.clone()) * (2.0 * c);
        let second = product(z2, w) + row_sum(v.powi_scalar(2)) * (2.0 * c);
        Jet {
            value: value.squeeze_dim(1),
            first: first.squeeze_dim(1),
            second: second.squeeze_dim(1),
        }
    }
}

impl Energy for MlpAt {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let kernels = self.net.kernels();
        kernels
            .and_then(|k| k.energy(&x, self.labels()))
            .unwrap_or_else(|| self.forward(x).1)
    }

    fn langevin(
        &self,
        x: &Tensor<2>,
        step: &Tensor<2>,
        draws: &ChainDraws,
        adjusted: bool,
    ) -> Option<Moved> {
        let kernels = self.net.kernels()?;
        kernels.chains(&Seats::of(x, self.labels(), step), draws, adjusted)
    }

    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let kernels = self.net.kernels();
        if let Some(both) = kernels.and_then(|k| k.energy_and_grad(&x, self.labels())) {
            return both;
        }
        let act = self.net.0.architecture.activation;
        let (inputs, energy) = self.forward(x.clone());
        let mut g = self.net.output().0.transpose();
        for (l, a) in inputs.into_iter().enumerate().rev() {
            if let Some(gate) = self.gates().get(l) {
                g = g * gate.clone();
            }
            g = self
                .net
                .product(g * act.slope(a), self.net.hidden(l).0.transpose());
        }
        (energy, g + x * (2.0 * self.net.0.architecture.confinement))
    }
}

#[cfg(test)]
#[path = "mlp_tests.rs"]
mod tests;
