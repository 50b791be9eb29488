//! What is timed, and how long it took.

use serde::{Deserialize, Serialize};

/// Something that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// MALA chains by kernels, and by tensor operations.
    Chains,
    ChainsByOperations,
    /// Iterations of the playground's DA-EBM run.
    Training,
    TrainingByOperations,
    /// The same on the CPU.
    CpuChains,
    CpuChainsByOperations,
    CpuTraining,
    CpuTrainingByOperations,
    CpuMultiplyAdd,
    /// Multiply-adds and nothing else, and loads.
    MultiplyAdd,
    Loads,
    /// Matrix products of a layer, with two, four and eight quads of points an invocation.
    ProductsOfTwo,
    ProductsOfFour,
    ProductsOfEight,
}

impl Subject {
    /// Every subject, those of the GPU first.
    pub const ALL: [Self; 14] = [
        Self::Chains,
        Self::ChainsByOperations,
        Self::Training,
        Self::TrainingByOperations,
        Self::MultiplyAdd,
        Self::Loads,
        Self::ProductsOfTwo,
        Self::ProductsOfFour,
        Self::ProductsOfEight,
        Self::CpuChains,
        Self::CpuChainsByOperations,
        Self::CpuTraining,
        Self::CpuTrainingByOperations,
        Self::CpuMultiplyAdd,
    ];

    /// Whether tensor operations do it, one by one.
    pub fn by_operations(self) -> bool {
        matches!(
            self,
            Self::ChainsByOperations
                | Self::TrainingByOperations
                | Self::CpuChainsByOperations
                | Self::CpuTrainingByOperations
        )
    }

    /// Those that can be timed on a device: on a GPU or not, by SwiftShader or not.
    pub fn on(gpu: bool, software: bool) -> impl DoubleEndedIterator<Item = Self> {
        let here = move |subject: &Self| match subject {
            // The shape of kernels that is made for it, which says nothing of another adapter.
            Self::ProductsOfTwo | Self::ProductsOfFour | Self::ProductsOfEight => gpu && software,
            other => gpu || other.on_cpu(),
        };
        Self::ALL.into_iter().filter(here)
    }

    /// Whether it is done on the CPU whatever the device.
    pub fn on_cpu(self) -> bool {
        matches!(
            self,
            Self::CpuChains
                | Self::CpuChainsByOperations
                | Self::CpuTraining
                | Self::CpuTrainingByOperations
                | Self::CpuMultiplyAdd
        )
    }

    /// A short name, for files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chains => "chains",
            Self::ChainsByOperations => "chains_by_operations",
            Self::Training => "training",
            Self::TrainingByOperations => "training_by_operations",
            Self::CpuChains => "cpu_chains",
            Self::CpuChainsByOperations => "cpu_chains_by_operations",
            Self::CpuTraining => "cpu_training",
            Self::CpuTrainingByOperations => "cpu_training_by_operations",
            Self::CpuMultiplyAdd => "cpu_multiply_add",
            Self::MultiplyAdd => "multiply_add",
            Self::Loads => "loads",
            Self::ProductsOfTwo => "products_of_2_quads",
            Self::ProductsOfFour => "products_of_4_quads",
            Self::ProductsOfEight => "products_of_8_quads",
        }
    }
}

/// One timing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub subject: Subject,
    pub seconds: f64,
    /// Chain steps, iterations or arithmetic operations done.
    pub amount: f64,
}

impl Timing {
    /// Amount a second.
    pub fn rate(&self) -> f64 {
        self.amount / self.seconds
    }
}
