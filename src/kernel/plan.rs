//! Convolutional networks as lists of operations.
//!
//! Invariant: an operation reads maps that stand before it, so one way through the list evaluates a
//! network and the way back carries gradients to its input. A plan knows shapes and where weights lie
//! in a flat buffer, never their values.

/// A map of a plan: 0 is its input, i + 1 what operation i gives.
pub type Slot = usize;

/// The shape of a square map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub channels: usize,
    pub side: usize,
}

impl Size {
    /// Numbers of a map.
    pub fn numbers(self) -> usize {
        self.channels * self.side * self.side
    }
}

/// A square convolution with stride 1 that keeps the size of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub side: usize,
    /// 1 or 3.
    pub kernel: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Conv {
    /// Number of weights, `[kernel, kernel, inputs, outputs]`; the biases `[outputs]` follow them.
    pub fn weights(&self) -> usize {
        self.kernel * self.kernel * self.inputs * self.outputs
    }
}

/// `SiLU((1 + scale) norm(x) + shift)`, each of them only where asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activate {
    pub from: Slot,
    /// Number of groups of neighbouring channels that get mean 0 and variance 1 (group norm, Wu & He 2018,
    /// arXiv 1803.08494).
    pub groups: Option<usize>,
    /// First column of the condition with scales, one a channel, and with shifts.
    pub scale: Option<usize>,
    pub shift: Option<usize>,
}

/// One operation. `at` is the first of the columns of the condition that it reads: numbers that each
/// image brings along, such as those of its noise level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// A convolution with weights from `offset` of the flat buffer, plus another map if there is one.
    Conv {
        from: Slot,
        conv: Conv,
        offset: usize,
        plus: Option<Slot>,
    },
    Activate(Activate),
    Tanh {
        from: Slot,
    },
    /// `x scale`: one scale for the map, which has no part in gradients.
    Scale {
        from: Slot,
        at: usize,
    },
    /// `x + shift`: one shift for the map, which has no part in gradients.
    Shift {
        from: Slot,
        at: usize,
    },
    /// Means of two by two pixels.
    Pool {
        from: Slot,
    },
    /// Every pixel two by two times.
    Upsample {
        from: Slot,
    },
    /// The sum of two maps.
    Add {
        from: [Slot; 2],
    },
    /// The channels of one map behind those of the other.
    Concat {
        from: [Slot; 2],
    },
    /// Sums over pixels.
    SumPool {
        from: Slot,
    },
    /// `Σ x c`: a factor for each number of a map.
    Dot {
        from: Slot,
        at: usize,
    },
    /// `½ Σ x²`.
    HalfSquare {
        from: Slot,
    },
}

impl Op {
    /// The maps that the operation reads.
    pub fn reads(&self) -> impl Iterator<Item = Slot> + use<> {
        let [first, second] = match *self {
            Self::Conv { from, plus, .. } => [Some(from), plus],
            Self::Add { from: [a, b] } | Self::Concat { from: [a, b] } => [Some(a), Some(b)],
            Self::Activate(Activate { from, .. })
            | Self::Tanh { from }
            | Self::Scale { from, .. }
            | Self::Shift { from, .. }
            | Self::Pool { from }
            | Self::Upsample { from }
            | Self::SumPool { from }
            | Self::Dot { from, .. }
            | Self::HalfSquare { from } => [Some(from), None],
        };
        first.into_iter().chain(second)
    }
}

/// Keeps the deviation of a group away from zero, as in the released code of DDAEBM.
pub const NORM_EPSILON: f32 = 1e-6;

/// A network from images and conditions to maps.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub ops: Vec<Op>,
    /// The shape of every slot.
    pub sizes: Vec<Size>,
    /// Columns of the condition.
    pub columns: usize,
    /// Entries of the flat buffer.
    pub parameters: usize,
}

impl Plan {
    pub fn new(input: Size) -> Self {
        Self {
            ops: Vec::new(),
            sizes: vec![input],
            columns: 0,
            parameters: 0,
        }
    }

    /// The shape of what the last operation gives.
    pub fn output(&self) -> Size {
        self.sizes[self.sizes.len() - 1]
    }

    /// Sets `count` columns of the condition aside, and returns the first.
    pub fn condition(&mut self, count: usize) -> usize {
        self.columns += count;
        self.columns - count
    }

    /// Adds an operation and returns what it gives. A convolution's weights must lie within
    /// `parameters`.
    pub fn push(&mut self, op: Op) -> Slot {
        debug_assert!(
            op.reads().all(|slot| slot <= self.ops.len()),
            "an operation reads what stands before it"
        );
        let size = |slot: Slot| self.sizes[slot];
        let shape = match op {
            Op::Conv { conv, .. } => Size {
                channels: conv.outputs,
                side: conv.side,
            },
            Op::Activate(Activate { from, .. })
            | Op::Tanh { from }
            | Op::Scale { from, .. }
            | Op::Shift { from, .. } => size(from),
            Op::Add { from: [from, _] } => size(from),
            Op::Pool { from } => Size {
                side: size(from).side / 2,
                ..size(from)
            },
            Op::Upsample { from } => Size {
                side: size(from).side * 2,
                ..size(from)
            },
            Op::Concat { from: [a, b] } => Size {
                channels: size(a).channels + size(b).channels,
                ..size(a)
            },
            Op::SumPool { from } => Size {
                side: 1,
                ..size(from)
            },
            Op::Dot { .. } | Op::HalfSquare { .. } => Size {
                channels: 1,
                side: 1,
            },
        };
        self.ops.push(op);
        self.sizes.push(shape);
        self.ops.len()
    }
}
