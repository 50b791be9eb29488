//! A network that is trained beside the energy, with an optimiser of its own.
//!
//! Invariant: every player takes one step an iteration, so one count of steps serves them all.

use super::{Adam, AdamSettings, averaged, clip_to_norm};
use crate::energy::{Blueprint, Network};
use crate::rng::Stream;
use burn::tensor::{Device, Tensor};
use std::rc::Rc;

pub(super) struct Player {
    pub blueprint: Rc<dyn Blueprint>,
    pub flat: Tensor<1>,
    adam: Adam,
    /// Running average of the weights.
    pub average: Tensor<1>,
}

/// Names of the arrays of a player in a checkpoint, in order.
pub(super) const ARRAYS: [&str; 4] = ["weights", "first", "second", "average"];

impl Player {
    pub fn new(blueprint: Rc<dyn Blueprint>, seed: u64, stream: Stream, device: &Device) -> Self {
        let weights = blueprint.init(seed, stream);
        let flat = Tensor::from_data(weights.as_slice(), device);
        Self {
            adam: Adam::new(weights.len(), device),
            average: flat.clone(),
            flat,
            blueprint,
        }
    }

    /// The network at its present weights.
    pub fn network(&self) -> Box<dyn Network> {
        self.blueprint.build(&self.flat)
    }

    /// The network at its averaged weights.
    pub fn averaged(&self) -> Box<dyn Network> {
        self.blueprint.build(&self.average)
    }

    pub fn step(&mut self, gradient: Tensor<1>, adam: AdamSettings, clip: f64, memory: f64) {
        let (gradient, _) = clip_to_norm(gradient, clip);
        self.flat = self.adam.step(self.flat.clone(), gradient, adam);
        self.average = averaged(&self.average, &self.flat, memory, self.adam.steps - 1);
    }

    pub fn arrays(&self) -> [Tensor<1>; ARRAYS.len()] {
        let Self {
            flat,
            adam,
            average,
            ..
        } = self;
        [flat, &adam.first, &adam.second, average].map(Tensor::clone)
    }

    pub fn restore(&mut self, arrays: [Tensor<1>; ARRAYS.len()], steps: u64) {
        let [flat, first, second, average] = arrays;
        self.flat = flat;
        self.average = average;
        self.adam = Adam {
            first,
            second,
            steps,
        };
    }
}
