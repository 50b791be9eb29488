//! Where each weight of a network sits in its one flat parameter buffer.
//!
//! Invariant: blocks are matrices stored row by row, one after another with no gap, in the order
//! in which they were added.

use crate::rng::{Draws, Stream};
use crate::weights::{Array, WeightsError};
use burn::tensor::{Gradients, Tensor};
use std::ops::Range;

/// One weight matrix `[rows, columns]` of the flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub name: String,
    pub shape: [usize; 2],
    /// Index of the first entry.
    pub offset: usize,
}

impl Block {
    /// The entries of the flat buffer that belong to this block.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.shape[0] * self.shape[1]
    }
}

/// The offset table of a flat parameter buffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub blocks: Vec<Block>,
}

impl Layout {
    /// Adds a block `[rows, columns]` at the end.
    pub fn push(&mut self, name: impl Into<String>, rows: usize, columns: usize) {
        let offset = self.parameters();
        self.blocks.push(Block {
            name: name.into(),
            shape: [rows, columns],
            offset,
        });
    }

    /// The flat gradient by the tracked `blocks` of this layout from block `first` on; zero where a
    /// block had no part.
    pub(super) fn flat_gradient(
        &self,
        blocks: &[Tensor<2>],
        gradients: &mut Gradients,
        first: usize,
    ) -> Tensor<1> {
        let parts = self.blocks.iter().zip(blocks).skip(first);
        let parts = parts.map(|(spec, block)| {
            let entries = spec.range().len();
            match block.grad_remove(gradients) {
                Some(grad) => grad.reshape([entries]),
                None => Tensor::zeros([entries], &block.device().inner()),
            }
        });
        Tensor::cat(parts.collect(), 0)
    }

    /// Fresh weights: Kaiming normal over the inputs in the weights of blocks that `starts` names, zeros
    /// elsewhere.
    pub fn fresh(&self, seed: u64, stream: Stream, starts: impl Fn(&str) -> bool) -> Vec<f32> {
        let mut flat = vec![0.0; self.parameters()];
        for (index, block) in self.blocks.iter().enumerate() {
            if !block.name.ends_with("weight") || !starts(&block.name) {
                continue;
            }
            let deviation = (block.shape[0] as f32).sqrt().recip();
            let normals = Draws::new(seed, stream, index as u64).normals(block.range().len());
            for (w, z) in flat[block.range()].iter_mut().zip(normals) {
                *w = deviation * z;
            }
        }
        flat
    }

    /// The blocks of a flat buffer as arrays of a file.
    pub fn arrays(&self, flat: &[f32]) -> Vec<Array> {
        let array = |block: &Block| Array {
            name: block.name.clone(),
            shape: block.shape.to_vec(),
            numbers: flat[block.range()].to_vec(),
        };
        self.blocks.iter().map(array).collect()
    }

    /// The flat buffer of each of these layouts, from a file's arrays.
    ///
    /// # Errors
    /// If an array is missing, has another shape, or has a place in none of them.
    pub fn assemble<const N: usize>(
        layouts: [&Self; N],
        arrays: &[Array],
    ) -> Result<[Vec<f32>; N], WeightsError> {
        let known = |array: &&Array| {
            let mut blocks = layouts.iter().flat_map(|layout| &layout.blocks);
            blocks.any(|b| b.name == array.name)
        };
        if let Some(unknown) = arrays.iter().find(|array| !known(array)) {
            return Err(WeightsError::Unknown(unknown.name.clone()));
        }
        let mut flats = [const { Vec::new() }; N];
        for (layout, flat) in layouts.iter().zip(&mut flats) {
            for block in &layout.blocks {
                let array = arrays.iter().find(|a| a.name == block.name);
                match array {
                    Some(a) if a.shape == block.shape => flat.extend(&a.numbers),
                    _ => return Err(WeightsError::Shape(block.name.clone())),
                }
            }
        }
        Ok(flats)
    }

    /// Number of entries of the whole buffer.
    pub fn parameters(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.range().end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other_without_gaps() {
        let mut layout = Layout::default();
        layout.push("a", 2, 3);
        layout.push("b", 1, 3);
        assert_eq!(layout.blocks[1].range(), 6..9);
        assert_eq!(layout.parameters(), 9);
        assert_eq!(Layout::default().parameters(), 0);
    }
}
