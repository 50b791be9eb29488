//! Named starting points: every method on every data set, in three sizes, and the papers' own settings.
//!
//! Invariant: a preset's name is `data-method` with `-small`, `-long` or `-paper` behind it or nothing,
//! and `Preset::by_name(p.name()) == Some(p)`.

use super::Settings;
use super::table::{DATASETS, Key, METHODS, Value};
use serde::{Deserialize, Serialize};

/// How much work a preset asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// The playground's default.
    Standard,
    /// For a CPU without WebGPU: a narrower network and fewer chains.
    Small,
    /// For an unattended native run.
    Long,
    /// The settings of the paper's own code for the plane, where that is known.
    Paper,
}

/// Methods whose papers came with code for the plane.
pub const PAPERS: [&str; 2] = ["da-ebm", "ddaebm"];

/// A named starting point: a data set, a method and a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    dataset: u8,
    method: u8,
    size: Size,
}

/// What a first visit shows.
pub const DEFAULT_PRESET: Preset = Preset {
    dataset: 0,
    method: 0,
    size: Size::Standard,
};

/// What a first visit shows where the arithmetic runs on the CPU: a density whose modes appear within
/// a minute there.
pub const CPU_PRESET: Preset = Preset {
    dataset: 1,
    method: 0,
    size: Size::Small,
};

/// All presets of the standard size.
pub fn presets() -> impl Iterator<Item = Preset> {
    (0..DATASETS.len() as u8).flat_map(|dataset| {
        (0..METHODS.len() as u8).map(move |method| Preset {
            dataset,
            method,
            size: Size::Standard,
        })
    })
}

impl Preset {
    /// The preset of a data set and a method, both by name; the standard one where there is none of
    /// this size.
    pub fn of(dataset: &str, method: &str, size: Size) -> Option<Self> {
        let dataset = DATASETS.iter().position(|name| *name == dataset)? as u8;
        let number = METHODS.iter().position(|name| *name == method)? as u8;
        Some(Self {
            dataset,
            method: number,
            size: match size {
                Size::Paper if !PAPERS.contains(&method) => Size::Standard,
                size => size,
            },
        })
    }

    /// The preset with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let (name, size) = match name {
            _ if name.ends_with("-small") => (name.strip_suffix("-small")?, Size::Small),
            _ if name.ends_with("-long") => (name.strip_suffix("-long")?, Size::Long),
            _ if name.ends_with("-paper") => (name.strip_suffix("-paper")?, Size::Paper),
            _ => (name, Size::Standard),
        };
        METHODS.iter().find_map(|method| {
            let dataset = name.strip_suffix(method)?.strip_suffix('-')?;
            Self::of(dataset, method, size).filter(|preset| preset.size == size)
        })
    }

    /// The name that links and the command line use.
    pub fn name(self) -> String {
        let (dataset, method) = (self.dataset(), self.method());
        let size = match self.size {
            Size::Standard => "",
            Size::Small => "-small",
            Size::Long => "-long",
            Size::Paper => "-paper",
        };
        format!("{dataset}-{method}{size}")
    }

    pub fn dataset(self) -> &'static str {
        DATASETS[usize::from(self.dataset)]
    }

    pub fn method(self) -> &'static str {
        METHODS[usize::from(self.method)]
    }

    pub fn size(self) -> Size {
        self.size
    }

    /// The same data set and method in another size.
    pub fn sized(self, size: Size) -> Self {
        Self::of(self.dataset(), self.method(), size).unwrap_or(self)
    }

    /// The preset's settings. The table's defaults are DA-EBM's recipe of run I of its
    /// notes, but for the start from diffused data, the larger steps and the shorter warm-up;
    /// CD, short-run and PCD have the released baselines' network, optimiser and ULA, but steps of
    /// their own (docs/methods.md) and the guards (clip, confinement, spread first layer) too.
    pub fn settings(self) -> Settings {
        let mut s = Settings::defaults(self);
        s.set(Key::Dataset, Value::Choice(usize::from(self.dataset)));
        s.set(Key::Method, Value::Choice(usize::from(self.method)));
        match self.method() {
            "pcd" => {
                classic(&mut s);
                set(&mut s, Key::Start, "noise");
                set(&mut s, Key::StepSize, "0.03");
            }
            "cd" => {
                classic(&mut s);
                set(&mut s, Key::Steps, "1");
                set(&mut s, Key::StepSize, "0.1");
            }
            "short-run" => {
                classic(&mut s);
                set(&mut s, Key::Steps, "50");
                set(&mut s, Key::StepSize, "0.1");
            }
            "ddaebm" => adversarial(&mut s),
            "drl" => {
                set(&mut s, Key::Beta1, "0.9");
                set(&mut s, Key::Ema, "0.999");
            }
            "dcd" | "energy-discrepancy" | "nce" | "dsm" | "ssm" => {
                without_chains(&mut s);
                if self.method() == "energy-discrepancy" {
                    set(&mut s, Key::Tau, "0.25");
                }
            }
            _ => {}
        }
        match self.size {
            Size::Standard => {}
            Size::Small => {
                set(&mut s, Key::Width, "64");
                set(&mut s, Key::Chains, "64");
                set(&mut s, Key::Grid, "64");
                set(&mut s, Key::LongSteps, "1000");
                if self.method() == "da-ebm" {
                    // At the standard rate this network has not found the rings by the end.
                    set(&mut s, Key::LearningRate, "0.001");
                }
            }
            Size::Long => {
                set(&mut s, Key::Iterations, "20000");
                // The standard run up to its first drop, then nearly four times its tail: at the
                // full rate a run of this length can still run away.
                set(&mut s, Key::DecayFrom, "35");
            }
            Size::Paper => as_published(&mut s),
        }
        s
    }
}

/// The chain-based baselines, as their code runs them.
fn classic(s: &mut Settings) {
    set(s, Key::Sampler, "ula");
    set(s, Key::Activation, "relu");
    set(s, Key::Adapt, "off");
}

/// Losses of energies, scores or curvatures at noised data: the recipe of the DCD notes, section 4.1.
/// The sampler's settings are for the chains that follow the energy.
fn without_chains(s: &mut Settings) {
    set(s, Key::Activation, "silu");
    set(s, Key::Width, "64");
    set(s, Key::Chains, "128");
    set(s, Key::LearningRate, "0.001");
    set(s, Key::Beta1, "0.9");
    set(s, Key::Clip, "10");
    set(s, Key::Ema, "0.999");
    set(s, Key::Iterations, "15000");
    set(s, Key::Steps, "10");
    set(s, Key::StepSize, "0.3");
}

/// DDAEBM with the full VP schedule; the fakes are corrected and the samples refined
/// (docs/methods.md). The energy is the slower player: faster than the generator it comes apart.
fn adversarial(s: &mut Settings) {
    set(s, Key::Activation, "silu");
    set(s, Key::Width, "64");
    set(s, Key::GeneratorWidth, "64");
    set(s, Key::Chains, "128");
    set(s, Key::Levels, "4");
    set(s, Key::StepSize, "0.3");
    set(s, Key::LearningRate, "0.0002");
    set(s, Key::Ema, "0.999");
    set(s, Key::Refine, "10");
    set(s, Key::Iterations, "12000");
}

/// The released code's settings for the plane, as far as the table has them (DA-EBM notes, section 2;
/// DDAEBM notes, 2.5, whose networks are 300 wide).
fn as_published(s: &mut Settings) {
    set(s, Key::Clip, "0");
    set(s, Key::Confinement, "0");
    set(s, Key::FirstLayer, "kaiming");
    set(s, Key::Iterations, "100000");
    match s.choice(Key::Method) {
        "ddaebm" => {
            set(s, Key::NoiseSchedule, "vp-weak");
            set(s, Key::PenaltyRule, "fixed");
            set(s, Key::Entropy, "0.1");
            set(s, Key::Proposals, "0");
            set(s, Key::Correction, "0");
            set(s, Key::Refine, "0");
            set(s, Key::LearningRate, "0.0001");
            set(s, Key::Decay, "off");
            set(s, Key::Width, "256");
            set(s, Key::GeneratorWidth, "256");
            set(s, Key::Chains, "200");
            set(s, Key::GeneratorRate, "0.0001");
            set(s, Key::Beta2, "0.9");
            set(s, Key::Ema, "0");
            set(s, Key::Warmup, "0");
        }
        _ => {
            set(s, Key::Start, "noise");
            set(s, Key::RampFirst, "0.01");
            set(s, Key::Steps, "40");
            set(s, Key::StepSize, "0.1");
            set(s, Key::Warmup, "500");
        }
    }
}

/// Sets a preset's own value; the test below holds every one of them valid.
fn set(settings: &mut Settings, key: Key, text: &str) {
    let result = settings.set_text(key, text);
    debug_assert!(result.is_ok(), "{result:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for preset in presets() {
            for size in [Size::Standard, Size::Small, Size::Long, Size::Paper] {
                let preset = preset.sized(size);
                assert_eq!(Preset::by_name(&preset.name()), Some(preset));
                let settings = preset.settings();
                assert_eq!(settings.choice(Key::Dataset), preset.dataset());
                assert_eq!(settings.choice(Key::Method), preset.method());
            }
        }
        assert_eq!(DEFAULT_PRESET.name(), "four-rings-da-ebm");
        assert_eq!(CPU_PRESET.name(), "8-gaussians-da-ebm-small");
        for bad in [
            "",
            "four-rings",
            "da-ebm",
            "-da-ebm",
            "four-rings-da-ebm-huge",
            "four-rings-pcd-paper",
        ] {
            assert_eq!(Preset::by_name(bad), None, "{bad}");
        }
    }
}
