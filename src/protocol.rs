//! What the page and the worker, or the command line and the engine, say to each other.
//!
//! Invariant: commands ask, events state facts; neither holds words meant for a visitor other than
//! messages that came from outside (a browser, a driver, a file system). The page is a fold over
//! events, so a recorded stream of them replays a run.

mod images;
mod timing;

pub use crate::settings::Clock;
use crate::settings::Settings;
pub use images::{
    Denoised, Explained, Format, FrameFacts, GOLDEN_TOLERANCE, ImageCommand, ImageEvent, Loaded,
    Scored, Seen,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
pub use timing::{Subject, Timing};

/// What the page asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Use these settings: live ones from the next iteration on, others by starting a new run.
    Configure(Box<Settings>),
    Play,
    Pause,
    /// One iteration, then pause.
    Step,
    /// Start again from iteration 0 with the same settings.
    Reset,
    /// What part of the plane the large canvas shows, and its size in device pixels.
    Camera(Camera),
    /// Size of the strip of noise levels in device pixels.
    StripSize {
        width: u32,
        height: u32,
    },
    /// Read energy and densities at a point of the plane; `None` stops reading.
    Probe(Option<[f32; 2]>),
    /// Run short and long chains on the current energy, from noise and from data.
    Compare,
    /// Stop the comparison that is running.
    StopCompare,
    /// Send the run as a safetensors file with the settings inside.
    Export,
    /// Continue from a file that [`Event::Exported`] gave.
    Import(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Go on from the bytes of the last [`Event::Checkpoint`] of a worker before.
    Resume(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Destroy the GPU device, to see the run survive it.
    LoseDevice,
    /// Run the self-test again.
    SelfTest,
    /// Time something once.
    Time(Subject),
    /// What the lanes of a worker keep step by.
    Clock(Clock),
    /// The page is hidden (true) or visible again: a hidden page is not drawn.
    Hidden(bool),
    Images(ImageCommand),
}

/// A message is for one of the worker's lanes, a run with its canvases, or for every one.
pub const EVERY_LANE: u8 = u8::MAX;

/// The square of the plane on show, and the pixels it is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    pub centre: [f32; 2],
    /// Half the shorter side, in data units.
    pub half: f32,
    /// Device pixels.
    pub width: u32,
    pub height: u32,
}

/// Where the arithmetic runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    WebGpu,
    Cpu,
}

/// Why WebGPU is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhyCpu {
    /// The visitor asked for the CPU.
    Asked,
    /// The browser has no WebGPU, or gave no adapter.
    NoWebGpu(String),
    /// The adapter lacks something the engine cannot do without.
    Lacks(String),
    /// These checks of the self-test failed.
    SelfTest(Vec<String>),
    /// The device was lost and could not be had again.
    Lost(String),
}

/// What the worker tells the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The device is up, or more of its self-test is done.
    Ready(Box<Lab>),
    /// A run begins, or goes on from its last checkpoint.
    Started(Box<Started>),
    /// The run of the visitor's file goes on.
    Imported(Box<Started>),
    /// Training runs (true) or rests.
    Playing(bool),
    Report(Box<Report>),
    Comparison(Box<Comparison>),
    /// The point under the cursor.
    Probe(Probe),
    /// A file for the visitor to keep.
    Exported {
        name: String,
        // As a whole: byte by byte, a run's file takes the page's thread tens of milliseconds.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The loss left its bounds or was no number; the run is back at `restored` and rests.
    Diverged {
        iteration: u64,
        restored: u64,
        loss: f32,
    },
    /// The run reached its length and rests.
    Finished {
        iteration: u64,
    },
    /// The run as a file, sent now and then: should the worker die, a new one goes on from it.
    Checkpoint(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The worker has no device any more and cannot get one on its canvases; the page should
    /// start another worker, on the CPU, from the last checkpoint.
    Stranded(WhyCpu),
    /// The GPU device is gone; the run will go on from its last checkpoint.
    DeviceLost {
        message: String,
    },
    /// The run goes on at `iteration` on `backend`.
    Recovered {
        iteration: u64,
        backend: Backend,
    },
    /// A file that could not be opened, and why; nothing has changed.
    Refused {
        message: String,
    },
    /// Something failed that was not foreseen; the message is the system's own.
    Fault {
        message: String,
    },
    Timed(Timing),
    Images(ImageEvent),
}

/// The device and its self-test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lab {
    pub backend: Backend,
    pub why_cpu: Option<WhyCpu>,
    /// The adapter's own description.
    pub adapter: String,
    /// Whether the arithmetic runs on the CPU, even by way of WebGPU.
    pub software: bool,
    /// Limits and features by name.
    pub facts: Vec<(String, String)>,
    /// The checks done so far, of `planned`.
    pub checks: Vec<Check>,
    pub planned: u32,
}

impl Lab {
    /// Whether the self-test passed; `None` while it runs.
    pub fn passed(&self) -> Option<bool> {
        let passed = self.checks.iter().all(Check::passed);
        (!passed || self.checks.len() >= self.planned as usize).then_some(passed)
    }
}

/// One comparison of a device's numbers with the CPU's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    /// Largest difference, relative to the largest magnitude compared.
    pub error: f32,
    pub tolerance: f32,
    pub milliseconds: f32,
}

impl Check {
    /// A difference that is no number fails too.
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// The facts of a run that stay the same until it is reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub settings: Settings,
    pub iteration: u64,
    /// Number of weights in the network.
    pub parameters: u64,
    pub levels: u32,
    /// Name and true mass of each mode or component of the data.
    pub modes: Vec<(String, f32)>,
}

/// A snapshot of a run. Vectors over levels have one entry a noise level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Iterations done.
    pub iteration: u64,
    /// Seconds spent training, all sessions of the run together.
    pub seconds: f64,
    /// Losses of the iterations since the report before, oldest first.
    pub losses: Vec<f32>,
    /// Length of the last gradient, before clipping.
    pub gradient: f32,
    /// Learning rate of the last iteration.
    pub learning_rate: f32,
    /// Mean energy of the chains minus mean energy of the data, last iteration.
    pub energy_gap: f32,
    /// KL(truth ‖ model) and KL(model ‖ truth) at t = 0 on the grid, in nats.
    pub kl_truth_model: f32,
    pub kl_model_truth: f32,
    /// Log of the normalising constant of exp(-E(x, 0)) on the grid.
    pub log_z: f32,
    /// Mass of each mode under the model, and among the chains at t = 0.
    pub mass_model: Vec<f32>,
    pub mass_chains: Vec<f32>,
    /// Mean acceptance of the moves made at each level since the report before; NaN where no
    /// chain was.
    pub acceptance: Vec<f32>,
    pub step_size: Vec<f32>,
    /// Share of the replay buffer at each level.
    pub level_share: Vec<f32>,
    /// Squared maximum mean discrepancy between chains at t = 0 and data, unbiased.
    pub mmd: f32,
}

impl Report {
    /// The first loss that is no number or beyond `limit` either way, if any is.
    pub fn runaway(&self, limit: f32) -> Option<f32> {
        let bounded = |loss: f32| loss.is_finite() && loss.abs() <= limit;
        self.losses.iter().copied().find(|&loss| !bounded(loss))
    }
}

/// Short and long chains on one energy, with the truth to hold against them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Iteration of the energy that the chains run on.
    pub iteration: u64,
    /// Steps done so far, of the long chains' target.
    pub steps: u64,
    pub target: u64,
    pub runs: Vec<ChainRun>,
    /// KL(truth ‖ model) of the energy, in nats.
    pub kl: f32,
    /// True mass of each mode.
    pub mass_truth: Vec<f32>,
    /// Mass of each mode under the model.
    pub mass_model: Vec<f32>,
}

/// A group of chains of one length from one kind of start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainRun {
    pub from_data: bool,
    /// 0 for the samples of a method whose sampler ends by itself.
    pub steps: u64,
    pub points: Vec<[f32; 2]>,
    pub masses: Vec<f32>,
    /// Squared maximum mean discrepancy to fresh data.
    pub mmd: f32,
    pub acceptance: f32,
    /// Effective sample size and split R-hat, the worse of the two coordinates; NaN for short runs.
    pub ess: f32,
    pub r_hat: f32,
}

/// Energy and densities at a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub at: [f32; 2],
    pub level: u32,
    pub energy: f32,
    /// exp(-E) / Z at this level.
    pub density: f32,
    /// The exact density at this level.
    pub truth: f32,
}

/// Message bytes (postcard).
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    postcard::to_stdvec(message).expect("messages hold plain data, which postcard always encodes")
}

/// Reads message bytes.
///
/// # Errors
/// Says what postcard found wrong.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|error| format!("unreadable message: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let command = Command::Configure(Box::default());
        assert_eq!(decode::<Command>(&encode(&command)).unwrap(), command);
        let event = Event::Report(Box::new(Report {
            losses: vec![1.0, -2.5],
            ..Report::default()
        }));
        assert_eq!(decode::<Event>(&encode(&event)).unwrap(), event);
    }

    #[test]
    fn broken_messages_are_errors() {
        let bytes = encode(&Event::Fault {
            message: "x".repeat(100),
        });
        for cut in 0..bytes.len() {
            assert!(decode::<Event>(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn a_runaway_loss_is_seen() {
        let report = |losses: &[f32]| Report {
            losses: losses.to_vec(),
            ..Report::default()
        };
        assert_eq!(report(&[0.1, -3.0]).runaway(100.0), None);
        assert_eq!(report(&[0.1, -130.0]).runaway(100.0), Some(-130.0));
        assert!(report(&[f32::NAN]).runaway(100.0).is_some_and(f32::is_nan));
    }

    #[test]
    fn a_check_that_is_no_number_fails() {
        let check = |error| Check {
            name: String::new(),
            error,
            tolerance: 1e-4,
            milliseconds: 0.0,
        };
        assert!(check(1e-5).passed());
        assert!(!check(f32::NAN).passed());
        assert!(!check(1e-3).passed());
    }
}
