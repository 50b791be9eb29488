//! The frames of a sampling.
//!
//! Invariant: at most [`MOST`] frames, in order, at even distances but for the newest.

use burn::tensor::Tensor;

/// Most frames kept: half of them go when more would come, and from then on only every other is kept.
pub const MOST: usize = 64;

/// Images at one step of their path.
#[derive(Clone)]
pub struct Frame {
    /// Steps done before it.
    pub step: u64,
    /// Noise level of each image.
    pub levels: Vec<u32>,
    /// E(x, t) of each image.
    pub energies: Vec<f32>,
    /// Mean acceptance of the moves that follow; NaN where none are tested.
    pub acceptance: f32,
    /// The images as they are `[n, NUMBERS]`, and the clean ones guessed behind them.
    pub state: Tensor<2>,
    pub guess: Tensor<2>,
}

/// Frames along the way.
#[derive(Default)]
pub struct Path {
    kept: Vec<Frame>,
    newest: Option<Frame>,
    /// Steps between two frames that are kept; 0 stands for 1.
    stride: u64,
}

impl Path {
    pub fn push(&mut self, frame: Frame) {
        let stride = self.stride.max(1);
        if frame.step.is_multiple_of(stride) {
            self.kept.push(frame.clone());
            if self.kept.len() == MOST {
                self.stride = 2 * stride;
                let stride = self.stride;
                self.kept.retain(|frame| frame.step.is_multiple_of(stride));
            }
        }
        self.newest = Some(frame);
    }

    /// All frames, the newest last.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        let last = self.kept.last().map(|frame| frame.step);
        let newest = self.newest.iter().filter(move |f| Some(f.step) != last);
        self.kept.iter().chain(newest)
    }

    pub fn len(&self) -> usize {
        self.frames().count()
    }

    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    pub fn frame(&self, index: usize) -> Option<&Frame> {
        self.frames().nth(index)
    }

    pub fn newest(&self) -> Option<&Frame> {
        self.newest.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_long_path_keeps_its_ends_and_even_steps_between() {
        let x = Tensor::<2>::zeros([1, 1], &Device::flex());
        let mut path = Path::default();
        for step in 0..=1003 {
            path.push(Frame {
                step,
                levels: vec![0],
                energies: vec![0.0],
                acceptance: 1.0,
                state: x.clone(),
                guess: x.clone(),
            });
            assert!(path.len() <= MOST);
            let steps: Vec<u64> = path.frames().map(|f| f.step).collect();
            assert_eq!((steps[0], *steps.last().unwrap()), (0, step));
            let gaps: Vec<u64> = steps.windows(2).map(|w| w[1] - w[0]).collect();
            let (_, even) = gaps.split_last().unwrap_or((&0, &[]));
            assert!(even.windows(2).all(|w| w[0] == w[1]), "{steps:?}");
        }
    }
}
