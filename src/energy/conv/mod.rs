//! Convolutional energies of images.
//!
//! Invariant: as for the plane, all weights live in one flat buffer laid out by [`Layout`], a network is
//! a view of it, and images are rows `[n, channels * side * side]`, channel by channel.

mod architecture;
mod builder;
mod condition;
mod general;
mod network;
mod residual;
mod unet;

pub use architecture::{ConvArchitecture, DATA_DEVIATION, Drawn, Kind};
pub use network::ConvShape;
pub use residual::Residual;
pub use unet::UNet;

use super::product::product;
use super::{Block, Energy, LevelEnergy, Trainable};
use crate::kernel::{self, PlanKernels, Rule, plan_kernels};
use burn::tensor::{Gradients, Tensor, TensorData};
use condition::{condition, embedding};
use general::General;
use std::cell::OnceCell;
use std::rc::Rc;

/// A network around a flat buffer of weights.
#[derive(Clone)]
pub struct ConvEnergy(Rc<Parts>);

/// What clones of a network share; all but the first four are made on first use.
struct Parts {
    architecture: ConvArchitecture,
    drawn: Drawn,
    /// The flat buffer `[parameters]`; a tracked network has only its blocks.
    flat: Option<Tensor<1>>,
    on_gpu: bool,
    blocks: OnceCell<Vec<Tensor<2>>>,
    /// The condition at each level, `[levels, columns]`.
    table: OnceCell<Tensor<2>>,
    kernels: OnceCell<Option<Box<dyn PlanKernels>>>,
}

impl ConvEnergy {
    /// A view of the flat buffer `[parameters]`.
    pub fn new(architecture: &ConvArchitecture, flat: &Tensor<1>) -> Self {
        Self(Rc::new(Parts {
            drawn: architecture.draw(),
            architecture: architecture.clone(),
            on_gpu: kernel::on_gpu(flat),
            flat: Some(flat.clone()),
            blocks: OnceCell::new(),
            table: OnceCell::new(),
            kernels: OnceCell::new(),
        }))
    }

    /// The same view with every block a leaf of an autodiff graph, for parameter gradients.
    pub fn tracked(architecture: &ConvArchitecture, flat: &Tensor<1>) -> Self {
        let view = Self::new(architecture, flat);
        let blocks = view.blocks().iter();
        let blocks: Vec<_> = blocks
            .map(|b| b.clone().autodiff().require_grad())
            .collect();
        Self(Rc::new(Parts {
            drawn: architecture.draw(),
            architecture: architecture.clone(),
            on_gpu: view.0.on_gpu,
            flat: None,
            blocks: OnceCell::from(blocks),
            table: OnceCell::new(),
            kernels: OnceCell::from(None),
        }))
    }

    fn blocks(&self) -> &[Tensor<2>] {
        let Parts {
            drawn,
            flat,
            blocks,
            ..
        } = &*self.0;
        blocks.get_or_init(|| {
            let flat = flat
                .as_ref()
                .expect("a network without blocks has a buffer");
            let block = |b: &Block| flat.clone().slice(b.range()).reshape(b.shape);
            drawn.layout.blocks.iter().map(block).collect()
        })
    }

    fn kernels(&self) -> Option<&dyn PlanKernels> {
        let parts = &*self.0;
        let made = parts
            .kernels
            .get_or_init(|| plan_kernels(&parts.drawn.plan, parts.flat.as_ref()?));
        made.as_deref()
    }

    /// The condition at each level, `[levels, columns]`.
    fn table(&self) -> &Tensor<2> {
        let Parts { drawn, .. } = &*self.0;
        self.0.table.get_or_init(|| {
            let levels = drawn.fixed.len();
            let blocks = &self.blocks()[drawn.plan_blocks..];
            let device = blocks[0].device();
            let h = condition(blocks, embedding(levels, &device), self.0.on_gpu);
            match drawn.fixed.concat() {
                fixed if fixed.is_empty() => h,
                fixed => Tensor::cat(vec![matrix(fixed, levels, &device), h], 1),
            }
        })
    }

    /// Puts the gradient in the plan's weights and that in the conditions `[n, columns]` together. The
    /// condition's network is small: autodiff carries the gradient through it.
    fn flat_gradient(
        &self,
        by_plan: Tensor<1>,
        member: &Tensor<2>,
        by_condition: Tensor<2>,
    ) -> Option<Tensor<1>> {
        let parts = &*self.0;
        let by_table = product(member.clone().transpose(), by_condition, parts.on_gpu);
        let tracked = Self::tracked(&parts.architecture, parts.flat.as_ref()?);
        let mut gradients = (tracked.table().clone() * by_table.autodiff())
            .sum()
            .backward();
        let rest = tracked.gradient_from(&mut gradients, parts.drawn.plan_blocks);
        Some(Tensor::cat(vec![by_plan, rest], 0))
    }

    /// The flat gradient of a tracked network from block `first` on; zero where a block had no part.
    fn gradient_from(&self, gradients: &mut Gradients, first: usize) -> Tensor<1> {
        let layout = &self.0.drawn.layout;
        layout.flat_gradient(self.blocks(), gradients, first)
    }
}

impl Trainable for ConvEnergy {
    fn tracked(&self) -> Self {
        let parts = &*self.0;
        match &parts.flat {
            Some(flat) => Self::tracked(&parts.architecture, flat),
            None => self.clone(),
        }
    }

    fn gradient(&self, gradients: &mut Gradients) -> Tensor<1> {
        self.gradient_from(gradients, 0)
    }

    fn weighted_sum(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        weight: &Tensor<1>,
    ) -> Option<(Tensor<1>, Tensor<1>)> {
        let mut sum = None;
        let gradient = self.weigh(x, member, &mut |energies| {
            sum = Some((energies * weight.clone()).sum());
            weight.clone()
        })?;
        Some((sum?, gradient))
    }

    fn weigh(
        &self,
        x: &Tensor<2>,
        member: &Tensor<2>,
        rule: &mut dyn FnMut(Tensor<1>) -> Tensor<1>,
    ) -> Option<Tensor<1>> {
        self.slopes(x, member, &mut |energies, grad| {
            (rule(energies), grad.zeros_like())
        })
    }

    fn slopes(&self, x: &Tensor<2>, member: &Tensor<2>, rule: Rule) -> Option<Tensor<1>> {
        let [n, _] = x.dims();
        let condition = self.at(member.clone()).conditions(n);
        let pulled = self.kernels()?.slopes(x, &condition, rule)?;
        self.flat_gradient(pulled.parameters, member, pulled.condition)
    }
}

fn matrix(numbers: Vec<f32>, rows: usize, device: &burn::tensor::Device) -> Tensor<2> {
    let columns = numbers.len() / rows;
    Tensor::from_data(TensorData::new(numbers, [rows, columns]), device)
}

impl LevelEnergy for ConvEnergy {
    type At = ConvAt;

    fn levels(&self) -> usize {
        self.0.architecture.levels
    }

    fn at(&self, member: Tensor<2>) -> ConvAt {
        ConvAt {
            net: self.clone(),
            member,
        }
    }
}

/// A network with every image at a level of its own.
#[derive(Clone)]
pub struct ConvAt {
    net: ConvEnergy,
    /// `[n or 1, levels]`
    member: Tensor<2>,
}

impl ConvAt {
    /// `[n or 1, columns]`
    fn condition(&self) -> Tensor<2> {
        let table = self.net.table();
        let table = match self.member.is_autodiff() && !table.is_autodiff() {
            true => table.clone().autodiff(),
            false => table.clone(),
        };
        product(self.member.clone(), table, self.net.0.on_gpu)
    }

    /// The condition of each of n rows.
    fn conditions(&self, n: usize) -> Tensor<2> {
        let condition = self.condition();
        let [_, columns] = condition.dims();
        condition.expand([n, columns])
    }

    fn general(&self, n: usize) -> General<'_> {
        let drawn = &self.net.0.drawn;
        General {
            plan: &drawn.plan,
            layout: &drawn.layout,
            blocks: self.net.blocks(),
            condition: self.conditions(n),
        }
    }

    fn images(&self, x: Tensor<2>) -> Tensor<4> {
        let [n, _] = x.dims();
        let size = self.net.0.architecture.input;
        x.reshape([n, size.channels, size.side, size.side])
    }
}

impl Energy for ConvAt {
    fn energy(&self, x: Tensor<2>) -> Tensor<1> {
        let [n, _] = x.dims();
        let kernels = self.net.kernels();
        let found = kernels.and_then(|k| k.output(&x, &self.conditions(n)));
        match found {
            Some(energy) => energy.reshape([n]),
            None => self.general(n).forward(self.images(x)).0.reshape([n]),
        }
    }

    fn energy_and_grad(&self, x: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
        let shape = x.dims();
        let kernels = self.net.kernels();
        let found = kernels.and_then(|k| k.energy_and_grad(&x, &self.conditions(shape[0])));
        found.unwrap_or_else(|| {
            let general = self.general(shape[0]);
            let (energy, maps) = general.forward(self.images(x));
            let grad = general.backward(&maps);
            (energy.reshape([shape[0]]), grad.reshape(shape))
        })
    }
}

#[cfg(test)]
mod tests;
