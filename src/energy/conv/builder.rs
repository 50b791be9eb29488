//! Plans and their offset tables, written down together.
//!
//! Invariant: block i of the table lies where the plan reads it.

use crate::energy::Layout;
use crate::kernel::plan::{Activate, Conv, Op, Plan, Size, Slot};

/// Channels of one group of a group norm.
const GROUP: usize = 4;

/// A plan in the making.
pub struct Builder {
    pub plan: Plan,
    pub layout: Layout,
    /// What every block's name begins with.
    prefix: &'static str,
}

impl Builder {
    pub fn new(input: Size) -> Self {
        Self::named("", input)
    }

    /// With names that begin with `prefix`.
    pub fn named(prefix: &'static str, input: Size) -> Self {
        Self {
            plan: Plan::new(input),
            layout: Layout::default(),
            prefix,
        }
    }

    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    fn size(&self, slot: Slot) -> Size {
        self.plan.sizes[slot]
    }

    pub fn channels(&self, slot: Slot) -> usize {
        self.size(slot).channels
    }

    pub fn push(&mut self, op: Op) -> Slot {
        self.plan.push(op)
    }

    /// A convolution and its bias.
    pub fn conv(&mut self, name: &str, from: Slot, kernel: usize, outputs: usize) -> Slot {
        self.conv_plus(name, from, kernel, outputs, None)
    }

    /// A convolution and its bias, plus a map of the same shape.
    pub fn conv_plus(
        &mut self,
        name: &str,
        from: Slot,
        kernel: usize,
        outputs: usize,
        plus: Option<Slot>,
    ) -> Slot {
        let Size { channels, side } = self.size(from);
        let conv = Conv {
            side,
            kernel,
            inputs: channels,
            outputs,
        };
        let offset = self.layout.parameters();
        let rows = kernel * kernel * channels;
        let name = format!("{}{name}", self.prefix);
        self.layout.push(format!("{name}.weight"), rows, outputs);
        self.layout.push(format!("{name}.bias"), 1, outputs);
        self.plan.parameters = self.layout.parameters();
        self.push(Op::Conv {
            from,
            conv,
            offset,
            plus,
        })
    }

    /// SiLU.
    pub fn silu(&mut self, from: Slot) -> Slot {
        self.push(Op::Activate(Activate {
            from,
            groups: None,
            scale: None,
            shift: None,
        }))
    }

    /// SiLU after a shift of every channel by the condition.
    pub fn silu_shifted(&mut self, from: Slot) -> Slot {
        let shift = self.plan.condition(self.channels(from));
        self.push(Op::Activate(Activate {
            from,
            groups: None,
            scale: None,
            shift: Some(shift),
        }))
    }

    /// SiLU of the group norm.
    pub fn norm_silu(&mut self, from: Slot) -> Slot {
        self.push(Op::Activate(Activate {
            from,
            groups: Some(self.groups(from)),
            scale: None,
            shift: None,
        }))
    }

    /// SiLU of the group norm, scaled and shifted by the condition.
    pub fn norm_silu_modulated(&mut self, from: Slot) -> Slot {
        let channels = self.channels(from);
        let scale = self.plan.condition(channels);
        let shift = self.plan.condition(channels);
        self.push(Op::Activate(Activate {
            from,
            groups: Some(self.groups(from)),
            scale: Some(scale),
            shift: Some(shift),
        }))
    }

    fn groups(&self, from: Slot) -> usize {
        (self.channels(from) / GROUP).clamp(1, 32)
    }

    /// `from` with as many channels as asked for, by a convolution where it has not.
    pub fn fit(&mut self, name: &str, from: Slot, kernel: usize, channels: usize) -> Slot {
        match self.channels(from) == channels {
            true => from,
            false => self.conv(name, from, kernel, channels),
        }
    }
}
