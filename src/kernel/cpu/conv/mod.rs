//! Plans of convolutions in memory, sixteen images at a time, on all cores.
//!
//! Invariant: what comes out does not depend on the number of threads: images are taken together in
//! the order in which they came, and sums over them are taken in that order. The last tile of a batch is
//! filled up with copies of its last image, whose results are dropped.

mod activate;
mod loops;
mod maps;
mod rooms;
mod tape;

use super::product::{LANES, Lanes};
use super::{dispatch, numbers, tensor};
use crate::kernel::plan::{Plan, Size};
use crate::kernel::plan_kernels::{PlanKernels, Pulled, PulledBy, Rule};
use crate::threads::in_order;
use burn::tensor::{Device, Tensor};
use maps::ZERO;
use pulp::{Simd, WithSimd};
use std::sync::Mutex;
use tape::{Along, Room, Tape, Weights};

/// The kernels of a plan at its present weights.
pub struct CpuPlan {
    weights: Weights,
    device: Device,
}

impl CpuPlan {
    /// `None` where the weights track gradients or are not in memory.
    pub fn new(plan: &Plan, flat: &Tensor<1>) -> Option<Self> {
        Some(Self {
            weights: Weights::new(plan.clone(), numbers(flat)?),
            device: flat.device(),
        })
    }

    fn batch(&self, x: &Tensor<2>, condition: &Tensor<2>) -> Option<Batch> {
        let [n, _] = x.dims();
        Some(Batch {
            n,
            input: self.weights.plan.sizes[0],
            output: self.weights.plan.output(),
            x: numbers(x)?,
            condition: numbers(condition)?,
        })
    }

    /// Every tile of a batch on its way through, and with seeds for all its images on its way back.
    fn tapes(&self, batch: &Batch, seed: Option<&[f32]>) -> Vec<Tape<'_>> {
        in_order(batch.tiles(), Room::default, |room, tile| {
            dispatch(Through {
                weights: &self.weights,
                batch,
                tile,
                seed,
                room,
            })
        })
    }

    /// The parts of a gradient, one a tile, put together.
    fn pulled(&self, batch: &Batch, parts: Vec<Part>, x: Option<Vec<f32>>) -> Pulled {
        let Plan {
            parameters,
            columns,
            ..
        } = self.weights.plan;
        let mut sums = vec![0.0; parameters];
        let mut condition = Vec::with_capacity(batch.n * columns);
        for (tile, part) in parts.iter().enumerate() {
            sums.iter_mut().zip(&part.sums).for_each(|(s, p)| *s += p);
            for lane in 0..batch.images(tile) {
                condition.extend(part.by_condition.iter().map(|column| column[lane]));
            }
        }
        let numbers = batch.input.numbers();
        Pulled {
            parameters: tensor(sums, [parameters], &self.device),
            condition: tensor(condition, [batch.n, columns], &self.device),
            x: x.map(|x| tensor(x, [batch.n, numbers], &self.device)),
        }
    }

    fn gather(&self, tapes: Vec<Tape>, batch: &Batch, sought: Sought) -> Vec<Part> {
        let count = tapes.len();
        let tapes = tapes.into_iter().map(|tape| Mutex::new(Some(tape)));
        let tapes: Vec<_> = tapes.collect();
        in_order(
            count,
            <(Option<Along>, Room)>::default,
            |(along, room), tile| {
                let mut slot = tapes[tile].lock().unwrap_or_else(|e| e.into_inner());
                dispatch(Gather {
                    tape: slot.take().expect("every tile is gathered once"),
                    plan: &self.weights.plan,
                    batch,
                    tile,
                    sought,
                    along,
                    room,
                })
            },
        )
    }
}

impl PlanKernels for CpuPlan {
    fn output(&self, x: &Tensor<2>, condition: &Tensor<2>) -> Option<Tensor<2>> {
        let batch = self.batch(x, condition)?;
        let found = self.outputs(&batch);
        Some(tensor(
            found,
            [batch.n, batch.output.numbers()],
            &self.device,
        ))
    }

    fn energy_and_grad(
        &self,
        x: &Tensor<2>,
        condition: &Tensor<2>,
    ) -> Option<(Tensor<1>, Tensor<2>)> {
        let batch = self.batch(x, condition)?;
        let found = in_order(
            batch.tiles(),
            <(Option<Tape>, Room)>::default,
            |room, tile| {
                dispatch(Slopes {
                    weights: &self.weights,
                    batch: &batch,
                    tile,
                    room,
                })
            },
        );
        Some(self.slopes_of(&batch, found))
    }

    fn through(&self, x: &Tensor<2>, condition: &Tensor<2>) -> Option<(Tensor<2>, PulledBy<'_>)> {
        let batch = self.batch(x, condition)?;
        let tapes = self.tapes(&batch, None);
        let mut found = Vec::new();
        for (tile, tape) in tapes.iter().enumerate() {
            batch.unload(&mut found, tape.output(), batch.output, tile);
        }
        let found = tensor(found, [batch.n, batch.output.numbers()], &self.device);
        let back = move |seed: &Tensor<2>| {
            let mut parts = self.gather(tapes, &batch, Sought::Seeded(&numbers(seed)?));
            let by_input = parts.iter_mut().map(|p| std::mem::take(&mut p.by_input));
            let by_input = by_input.collect::<Vec<_>>().concat();
            Some(self.pulled(&batch, parts, Some(by_input)))
        };
        Some((found, Box::new(back)))
    }

    fn slopes(&self, x: &Tensor<2>, condition: &Tensor<2>, rule: Rule) -> Option<Pulled> {
        let batch = self.batch(x, condition)?;
        let ones = vec![1.0; batch.n];
        let tapes = self.tapes(&batch, Some(&ones));
        let mut found = (Vec::new(), Vec::new());
        for (tile, tape) in tapes.iter().enumerate() {
            batch.unload(&mut found.0, tape.output(), batch.output, tile);
            batch.unload(&mut found.1, tape.by_input(), batch.input, tile);
        }
        let (energy, grad) = self.slopes_of(&batch, vec![found]);
        let (weight, direction) = rule(energy, grad);
        let (weight, direction) = (numbers(&weight)?, numbers(&direction)?);
        let sought = Sought::Followed {
            weight: &weight,
            direction: &direction,
        };
        let parts = self.gather(tapes, &batch, sought);
        Some(self.pulled(&batch, parts, None))
    }
}

impl CpuPlan {
    fn outputs(&self, batch: &Batch) -> Vec<f32> {
        let parts = in_order(
            batch.tiles(),
            || None,
            |room, tile| {
                dispatch(Outputs {
                    weights: &self.weights,
                    batch,
                    tile,
                    room,
                })
            },
        );
        parts.concat()
    }

    fn slopes_of(&self, batch: &Batch, parts: Vec<(Vec<f32>, Vec<f32>)>) -> (Tensor<1>, Tensor<2>) {
        let (energy, grad): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        (
            tensor(energy.concat(), [batch.n], &self.device),
            tensor(
                grad.concat(),
                [batch.n, batch.input.numbers()],
                &self.device,
            ),
        )
    }
}

/// Images and their conditions, a row each.
struct Batch {
    n: usize,
    input: Size,
    output: Size,
    x: Vec<f32>,
    condition: Vec<f32>,
}

impl Batch {
    fn tiles(&self) -> usize {
        self.n.div_ceil(LANES)
    }

    /// Images of a tile that are no copies.
    fn images(&self, tile: usize) -> usize {
        LANES.min(self.n - tile * LANES)
    }

    /// Puts a tile's images into lanes and its channels side by side.
    fn load(&self, out: &mut [Lanes], rows: &[f32], size: Size, tile: usize) {
        let pixels = size.side * size.side;
        let row = |l: usize| (tile * LANES + l).min(self.n - 1) * size.numbers();
        let rows: [&[f32]; LANES] = std::array::from_fn(|l| &rows[row(l)..][..size.numbers()]);
        for (p, pixel) in out.chunks_exact_mut(size.channels).enumerate() {
            for (c, number) in pixel.iter_mut().enumerate() {
                *number = rows.map(|row| row[c * pixels + p]);
            }
        }
    }

    /// The other way round.
    fn unload(&self, rows: &mut Vec<f32>, map: &[Lanes], size: Size, tile: usize) {
        for l in 0..self.images(tile) {
            for c in 0..size.channels {
                rows.extend(
                    map[c..]
                        .iter()
                        .step_by(size.channels)
                        .map(|number| number[l]),
                );
            }
        }
    }

    /// A tile's rows in lanes, with zeros where there is no image.
    fn only_images(&self, rows: &[f32], size: Size, tile: usize) -> Vec<Lanes> {
        let mut map = vec![ZERO; size.numbers()];
        self.load(&mut map, rows, size, tile);
        let images = self.images(tile);
        map.iter_mut().for_each(|lanes| lanes[images..].fill(0.0));
        map
    }

    fn fill(&self, tape: &mut Tape, tile: usize) {
        let (x, condition) = tape.inputs();
        self.load(x, &self.x, self.input, tile);
        let columns = Size {
            channels: condition.len(),
            side: 1,
        };
        self.load(condition, &self.condition, columns, tile);
    }
}

/// Which gradient.
#[derive(Clone, Copy)]
enum Sought<'a> {
    /// That of what came out, with a seed for each number of it.
    Seeded(&'a [f32]),
    /// That of energies with these weights and of their gradients along these directions, of tapes that
    /// have been back.
    Followed {
        weight: &'a [f32],
        direction: &'a [f32],
    },
}

/// A tile's part of a gradient.
struct Part {
    sums: Vec<f32>,
    by_condition: Vec<Lanes>,
    /// Row by row, of seeded gradients.
    by_input: Vec<f32>,
}

struct Outputs<'a, 'b> {
    weights: &'a Weights,
    batch: &'b Batch,
    tile: usize,
    room: &'b mut Option<Tape<'a>>,
}

impl WithSimd for Outputs<'_, '_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let tape = self.room.get_or_insert_with(|| Tape::new(self.weights));
        self.batch.fill(tape, self.tile);
        tape.forward(simd);
        let mut found = Vec::new();
        self.batch
            .unload(&mut found, tape.output(), self.batch.output, self.tile);
        found
    }
}

struct Slopes<'a, 'b> {
    weights: &'a Weights,
    batch: &'b Batch,
    tile: usize,
    room: &'b mut (Option<Tape<'a>>, Room),
}

impl WithSimd for Slopes<'_, '_> {
    type Output = (Vec<f32>, Vec<f32>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (Vec<f32>, Vec<f32>) {
        let Self { batch, tile, .. } = self;
        let (tape, room) = self.room;
        let tape = tape.get_or_insert_with(|| Tape::new(self.weights));
        batch.fill(tape, tile);
        tape.forward(simd);
        tape.backward(simd, &[[1.0; LANES]], room);
        let mut found = (Vec::new(), Vec::new());
        batch.unload(&mut found.0, tape.output(), batch.output, tile);
        batch.unload(&mut found.1, tape.by_input(), batch.input, tile);
        found
    }
}

struct Through<'a, 'b> {
    weights: &'a Weights,
    batch: &'b Batch,
    tile: usize,
    seed: Option<&'b [f32]>,
    room: &'b mut Room,
}

impl<'a> WithSimd for Through<'a, '_> {
    type Output = Tape<'a>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Tape<'a> {
        let Self { batch, tile, .. } = self;
        let mut tape = Tape::new(self.weights);
        batch.fill(&mut tape, tile);
        tape.forward(simd);
        if let Some(seed) = self.seed {
            let seed = batch.only_images(seed, batch.output, tile);
            tape.backward(simd, &seed, self.room);
        }
        tape
    }
}

struct Gather<'a, 'b> {
    tape: Tape<'a>,
    plan: &'b Plan,
    batch: &'b Batch,
    tile: usize,
    sought: Sought<'b>,
    along: &'b mut Option<Along>,
    room: &'b mut Room,
}

impl WithSimd for Gather<'_, '_> {
    type Output = Part;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Part {
        let Self {
            mut tape,
            plan,
            batch,
            tile,
            room,
            ..
        } = self;
        let mut sums = vec![0.0; plan.parameters];
        let mut by_input = Vec::new();
        let by_condition = match self.sought {
            Sought::Seeded(seed) => {
                let seed = batch.only_images(seed, batch.output, tile);
                tape.backward(simd, &seed, room);
                batch.unload(&mut by_input, tape.by_input(), batch.input, tile);
                tape.gather(simd, &mut sums, &[1.0; LANES], None, room)
            }
            Sought::Followed { weight, direction } => {
                let number = Size {
                    channels: 1,
                    side: 1,
                };
                let weight = batch.only_images(weight, number, tile)[0];
                let direction = batch.only_images(direction, batch.input, tile);
                // Images whose gradient has no part in the loss need not be followed.
                if direction.iter().all(|v| *v == ZERO) {
                    tape.gather(simd, &mut sums, &weight, None, room)
                } else {
                    let along = self.along.get_or_insert_with(|| Along::new(plan));
                    tape.follow(simd, &direction, along, room);
                    tape.gather(simd, &mut sums, &weight, Some(along), room)
                }
            }
        };
        Part {
            sums,
            by_condition,
            by_input,
        }
    }
}
