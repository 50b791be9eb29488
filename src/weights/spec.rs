//! What a model of images is: its method, its networks and its noise levels.

use crate::diffusion::Schedule;
use serde::{Deserialize, Serialize};

/// The training method of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Diffusion contrastive divergence (arXiv 2307.01668) between noise levels.
    Dcd,
    /// Persistent training of one energy over images and levels (arXiv 2304.10707).
    DaEbm,
    /// An energy against a generator at each denoising step (arXiv 2403.01666).
    Ddaebm,
}

/// The network between image and energy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NetworkSpec {
    /// `½ |x - h(x, t)|²` with a U-Net.
    Reconstruction { channels: Vec<usize>, blocks: usize },
    /// `½ |x - h(x, t)|²/σ_t²` with a U-Net preconditioned for the level's noise.
    Denoiser { channels: Vec<usize>, blocks: usize },
    /// A Gaussian's energy at each level and a residual network with a sum-pool head.
    Residual { channels: Vec<usize>, blocks: usize },
}

/// Most channels and blocks of a network: what a visitor's file may ask for.
const MOST_CHANNELS: usize = 256;
const MOST_BLOCKS: usize = 8;

/// Most sizes of maps: from 32 by 32 down to 2 by 2.
const MOST_SIZES: usize = 5;

fn check_channels(channels: &[usize], most: usize) -> Result<(), String> {
    let fits = |c: &usize| (4..=MOST_CHANNELS).contains(c) && c.is_multiple_of(4);
    match (1..=most).contains(&channels.len()) && channels.iter().all(fits) {
        true => Ok(()),
        false => Err(format!(
            "channels are one to {most} multiples of 4, {MOST_CHANNELS} at most"
        )),
    }
}

fn check_blocks(blocks: usize) -> Result<(), String> {
    match (1..=MOST_BLOCKS).contains(&blocks) {
        true => Ok(()),
        false => Err(format!("blocks are 1 to {MOST_BLOCKS}")),
    }
}

impl NetworkSpec {
    /// Puts other channels in place, one for each size of the maps.
    ///
    /// # Errors
    /// If they make no network: none or too many sizes, or numbers of channels that groups of four do
    /// not fill.
    pub fn set_channels(&mut self, new: Vec<usize>) -> Result<(), String> {
        check_channels(&new, MOST_SIZES)?;
        let (channels, _) = self.widths();
        *channels = new;
        Ok(())
    }

    /// Puts another number of blocks in place.
    ///
    /// # Errors
    /// If there are none or too many.
    pub fn set_blocks(&mut self, new: usize) -> Result<(), String> {
        check_blocks(new)?;
        let (_, blocks) = self.widths();
        *blocks = new;
        Ok(())
    }

    fn widths(&mut self) -> (&mut Vec<usize>, &mut usize) {
        match self {
            Self::Reconstruction { channels, blocks }
            | Self::Denoiser { channels, blocks }
            | Self::Residual { channels, blocks } => (channels, blocks),
        }
    }
}

/// DDAEBM's other networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorSpec {
    /// The generator's U-Net.
    pub channels: Vec<usize>,
    pub blocks: usize,
    /// Number of latents.
    pub latents: usize,
    /// Channels of the variational posterior, at each size.
    pub posterior: Vec<usize>,
}

impl GeneratorSpec {
    fn check(&self) -> Result<(), String> {
        check_channels(&self.channels, MOST_SIZES)?;
        check_channels(&self.posterior, MOST_SIZES + 1)?;
        check_blocks(self.blocks)?;
        match (1..=MOST_CHANNELS).contains(&self.latents) {
            true => Ok(()),
            false => Err(format!("latents are 1 to {MOST_CHANNELS}")),
        }
    }
}

/// The noise levels of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NoiseSpec {
    /// Deviations from `least` to `most` at equal ratios.
    Ve {
        levels: usize,
        least: f64,
        most: f64,
    },
    /// DA-EBM's ramp of step deviations.
    Ramp { steps: usize, first: f64, last: f64 },
    /// DDAEBM's variance-preserving steps, with rates from `least` to `most`; no energy at the noisiest level.
    Vp { steps: usize, least: f64, most: f64 },
}

impl NoiseSpec {
    pub fn schedule(&self) -> Schedule {
        match *self {
            Self::Ve {
                levels,
                least,
                most,
            } => Schedule::ve(levels, least, most),
            Self::Ramp { steps, first, last } => Schedule::cumulative_ramp(steps, first, last),
            Self::Vp { steps, least, most } => Schedule::vp(steps, [least, most]).without_last(),
        }
    }
}

/// A model of 32 by 32 RGB images: enough to rebuild its networks around their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    pub name: String,
    pub method: Method,
    pub network: NetworkSpec,
    /// Only of DDAEBM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<GeneratorSpec>,
    pub noise: NoiseSpec,
}

/// Most noise levels of a model, and the least and largest deviation of its noise.
const MOST_LEVELS: usize = 256;
const DEVIATIONS: std::ops::RangeInclusive<f64> = 1e-4..=1e3;

/// Most steps of a generator, and the fastest rate of their noise: faster ones leave nothing of the signal
/// to divide by.
const MOST_STEPS: usize = 32;
const FASTEST: f64 = 100.0;

impl ModelSpec {
    /// The sampler that comes with the model, by its name in the settings.
    pub fn sampler(&self) -> &'static str {
        match self.method {
            Method::DaEbm if self.walks() => "mixture",
            Method::Dcd | Method::DaEbm => "annealed",
            Method::Ddaebm => "generator",
        }
    }

    /// Whether it can be drawn from by a sampler.
    pub fn allows(&self, sampler: &str) -> bool {
        match sampler {
            "mixture" => self.walks(),
            "generator" => self.method == Method::Ddaebm,
            _ => true,
        }
    }

    /// Whether chains can walk over its levels. Levels then need one normalising constant, which only
    /// DA-EBM trains; and where its levels are DCD's, they are so far apart that each chain kept its own.
    fn walks(&self) -> bool {
        self.method == Method::DaEbm && matches!(self.noise, NoiseSpec::Ramp { .. })
    }

    /// Whether the networks and levels can be built.
    ///
    /// # Errors
    /// What cannot, in words.
    pub fn check(&self) -> Result<(), String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if self.name.is_empty() || self.name.len() > 40 || !self.name.bytes().all(plain) {
            return Err("a name is up to 40 letters, digits and hyphens".into());
        }
        let mut network = self.network.clone();
        let (channels, blocks) = network.widths();
        let (channels, blocks) = (channels.clone(), *blocks);
        network.set_channels(channels)?;
        network.set_blocks(blocks)?;
        match (&self.generator, self.method) {
            (Some(generator), Method::Ddaebm) => generator.check()?,
            (None, Method::Dcd | Method::DaEbm) => {}
            _ => return Err("a generator belongs to DDAEBM and to nothing else".into()),
        }
        let (levels, numbers) = match self.noise {
            NoiseSpec::Ve {
                levels,
                least,
                most,
            } => (levels, [least, most]),
            NoiseSpec::Ramp { steps, first, last } => (steps, [first, last]),
            NoiseSpec::Vp { steps, least, most } => (steps, [least, most]),
        };
        if !(2..=MOST_LEVELS).contains(&levels) {
            return Err(format!("noise levels are 2 to {MOST_LEVELS}"));
        }
        match (self.method, self.noise) {
            // Its energies and calls are between a level and the next one, which other noises lack.
            (Method::Ddaebm, NoiseSpec::Vp { steps, most, .. })
                if steps <= MOST_STEPS && most <= FASTEST => {}
            (Method::Dcd | Method::DaEbm, NoiseSpec::Ve { .. } | NoiseSpec::Ramp { .. }) => {}
            _ => return Err("the noise does not suit the method".into()),
        }
        match numbers.iter().all(|n| DEVIATIONS.contains(n)) {
            true => Ok(()),
            false => Err("the noise is out of range".into()),
        }
    }

    /// The models that can be trained by name.
    pub const NAMES: [&str; 4] = [
        "dcd-cifar",
        "da-ebm-cifar",
        "da-ebm-walk-cifar",
        "ddaebm-cifar",
    ];

    /// A model by its name.
    pub fn named(name: &str) -> Option<Self> {
        let (method, network, noise) = match name {
            // The second begins from the weights of the first.
            "dcd-cifar" | "da-ebm-cifar" => (
                match name {
                    "dcd-cifar" => Method::Dcd,
                    _ => Method::DaEbm,
                },
                NetworkSpec::Denoiser {
                    channels: vec![32, 64, 96],
                    blocks: 1,
                },
                NoiseSpec::Ve {
                    levels: 32,
                    least: 0.01,
                    most: 25.0,
                },
            ),
            // As in DA-EBM's released code, but smaller: chains walk over its own levels.
            "da-ebm-walk-cifar" => (
                Method::DaEbm,
                NetworkSpec::Residual {
                    channels: vec![32, 48, 64, 64],
                    blocks: 1,
                },
                NoiseSpec::Ramp {
                    steps: 16,
                    first: 0.02,
                    last: 0.12,
                },
            ),
            "ddaebm-cifar" => (
                Method::Ddaebm,
                NetworkSpec::Reconstruction {
                    channels: vec![24, 48, 64],
                    blocks: 1,
                },
                NoiseSpec::Vp {
                    steps: 4,
                    least: 0.1,
                    most: 20.0,
                },
            ),
            _ => return None,
        };
        let generator = (method == Method::Ddaebm).then(|| GeneratorSpec {
            channels: vec![24, 48, 64],
            blocks: 1,
            latents: 32,
            posterior: vec![16, 32, 64, 64, 64, 64],
        });
        Some(Self {
            name: name.into(),
            method,
            network,
            generator,
            noise,
        })
    }
}

#[cfg(test)]
impl ModelSpec {
    /// A model of every part that its method has, small enough for tests.
    pub fn tiny(method: Method) -> Self {
        let channels = vec![4, 8];
        let blocks = 1;
        let (network, noise) = match method {
            Method::Dcd => (
                NetworkSpec::Denoiser { channels, blocks },
                NoiseSpec::Ve {
                    levels: 6,
                    least: 0.05,
                    most: 5.0,
                },
            ),
            Method::DaEbm => (
                NetworkSpec::Residual { channels, blocks },
                NoiseSpec::Ramp {
                    steps: 4,
                    first: 0.1,
                    last: 0.4,
                },
            ),
            Method::Ddaebm => (
                NetworkSpec::Reconstruction { channels, blocks },
                NoiseSpec::Vp {
                    steps: 3,
                    least: 0.1,
                    most: 20.0,
                },
            ),
        };
        let generator = (method == Method::Ddaebm).then(|| GeneratorSpec {
            channels: vec![4, 8],
            blocks,
            latents: 3,
            posterior: vec![4, 4, 8],
        });
        Self {
            name: "tiny".into(),
            method,
            network,
            generator,
            noise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A visitor's file may ask for anything.
    #[test]
    fn what_cannot_be_built_is_refused() {
        let right = ModelSpec::named("ddaebm-cifar").unwrap();
        assert_eq!(right.check(), Ok(()));
        let changed = |change: &dyn Fn(&mut GeneratorSpec)| {
            let mut spec = right.clone();
            spec.generator.iter_mut().for_each(change);
            spec.check()
        };
        assert!(changed(&|g| g.channels = vec![5]).is_err());
        assert!(changed(&|g| g.posterior = vec![8; 7]).is_err());
        assert!(changed(&|g| g.blocks = 0).is_err());
        assert!(changed(&|g| g.latents = 1 << 40).is_err());
        for noise in [
            ModelSpec::named("dcd-cifar").unwrap().noise,
            ModelSpec::named("da-ebm-walk-cifar").unwrap().noise,
            NoiseSpec::Vp {
                steps: 33,
                least: 0.1,
                most: 20.0,
            },
            NoiseSpec::Vp {
                steps: 4,
                least: 0.1,
                most: 1e3,
            },
        ] {
            let mut other = right.clone();
            other.noise = noise;
            assert!(other.check().is_err(), "{noise:?}");
        }
        let mut lost = right.clone();
        lost.generator = None;
        assert!(lost.check().is_err());
        let mut extra = ModelSpec::named("dcd-cifar").unwrap();
        extra.generator = right.generator;
        assert!(extra.check().is_err());
    }

    #[test]
    fn named_models_survive_their_file() {
        for name in ModelSpec::NAMES {
            let model = ModelSpec::named(name).unwrap();
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<ModelSpec>(&text).unwrap(), model);
            assert!(model.noise.schedule().levels() > 1);
        }
        assert_eq!(ModelSpec::named("nothing"), None);
    }
}
