//! A run as the page knows it: a fold over the worker's events.
//!
//! Invariant: the same events give the same [`Run`], and nothing here knows a browser. What an
//! event asks of the page beyond showing it comes back as an [`Outcome`].

use super::history::{History, Row};
use super::words;
use crate::protocol::{Backend, Comparison, Event, Lab, Probe, Report, Started, Timing, WhyCpu};
use crate::settings::Settings;
use std::collections::VecDeque;

/// How many losses from the start of a run are kept, for comparing replays.
pub const FIRST_LOSSES: usize = 20;

/// How many of the newest losses are kept.
pub const LAST_LOSSES: usize = 50;

/// Weight of the newest report in the shown speed.
const FRESH: f64 = 0.4;

/// Everything the views of a run show.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub lab: Option<Lab>,
    /// Where the arithmetic runs now; differs from the lab's after a lost device.
    pub backend: Option<Backend>,
    pub started: Option<Started>,
    pub playing: bool,
    pub iteration: u64,
    /// Iterations a second, smoothed; 0 before two reports.
    pub rate: f64,
    /// The newest report.
    pub report: Report,
    /// Losses of iterations 1, 2, … without gaps.
    pub first_losses: Vec<f32>,
    /// Iteration and loss of the newest iterations, oldest first.
    pub last_losses: VecDeque<(u64, f32)>,
    pub history: History,
    pub comparison: Option<Comparison>,
    /// Whether a comparison was asked for and has not ended.
    pub comparing: bool,
    pub probe: Option<Probe>,
    /// The run as a file, some seconds old; a new worker goes on from it.
    pub checkpoint: Option<Vec<u8>>,
    /// What was timed, oldest first.
    pub timings: Vec<Timing>,
}

/// What an event asks of the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Tell the visitor.
    Say(String),
    /// Tell the visitor that something is wrong.
    Warn(String),
    /// Something broke; offer to start the worker anew.
    Fault(String),
    /// Hand the visitor a file.
    Save { name: String, bytes: Vec<u8> },
    /// The worker has its device and waits for its orders. The arithmetic runs on the CPU if
    /// `software`, behind WebGPU where there is no `why_cpu`: smaller settings may be in order.
    Opened {
        software: bool,
        why_cpu: Option<WhyCpu>,
    },
    /// The run of a file began: these are its settings.
    Follow(Box<Settings>),
    /// The worker cannot go on; another one should, on the CPU.
    Stranded(WhyCpu),
}

impl Run {
    /// Takes one event in.
    pub fn apply(&mut self, event: Event) -> Option<Outcome> {
        match event {
            Event::Ready(lab) => {
                self.backend = Some(lab.backend);
                let opened = Outcome::Opened {
                    software: lab.software,
                    why_cpu: lab.why_cpu.clone(),
                };
                let again = self.lab.replace(*lab).is_some();
                (!again).then_some(opened)
            }
            Event::Started(started) => {
                self.start(*started);
                None
            }
            Event::Imported(started) => {
                let settings = Box::new(started.settings.clone());
                self.begin(*started);
                Some(Outcome::Follow(settings))
            }
            Event::Playing(playing) => {
                self.playing = playing;
                None
            }
            Event::Report(report) => {
                self.report(*report);
                None
            }
            Event::Comparison(comparison) => {
                self.comparing &= comparison.steps < comparison.target;
                self.comparison = Some(*comparison);
                None
            }
            Event::Timed(timing) => {
                self.timings.push(timing);
                None
            }
            Event::Probe(probe) => {
                self.probe = Some(probe);
                None
            }
            Event::Exported { name, bytes } => Some(Outcome::Save { name, bytes }),
            Event::Diverged {
                iteration,
                restored,
                loss,
            } => {
                self.playing = false;
                self.rewind(restored);
                Some(Outcome::Warn(words::diverged(iteration, restored, loss)))
            }
            Event::Finished { iteration } => {
                self.playing = false;
                Some(Outcome::Say(format!(
                    "The run is done after {iteration} iterations. Raise its length to train on."
                )))
            }
            Event::Checkpoint(bytes) => {
                self.checkpoint = Some(bytes);
                None
            }
            Event::Stranded(why) => Some(Outcome::Stranded(why)),
            Event::DeviceLost { message } => {
                self.comparing = false;
                Some(Outcome::Warn(format!(
                    "The GPU was lost ({message}). Asking for it again; the run goes on from its last checkpoint."
                )))
            }
            Event::Recovered { iteration, backend } => {
                self.backend = Some(backend);
                self.rewind(iteration);
                let place = match backend {
                    Backend::WebGpu => "on WebGPU",
                    Backend::Cpu => "on the CPU",
                };
                Some(Outcome::Say(format!(
                    "The run goes on at iteration {iteration} {place}."
                )))
            }
            Event::Refused { message } => Some(Outcome::Warn(format!(
                "The file could not be opened: {message}. Nothing has changed."
            ))),
            Event::Fault { message } => {
                self.comparing = false;
                Some(Outcome::Fault(message))
            }
            // Of another worker; see `gallery`.
            Event::Images(_) => None,
        }
    }

    /// The worker is gone. What it measured stays; a new one may go on from the checkpoint.
    pub fn lose_worker(&mut self) {
        self.lab = None;
        self.backend = None;
        self.playing = false;
        self.comparing = false;
        self.probe = None;
    }

    /// A comparison was asked for.
    pub fn compare(&mut self) {
        self.comparing = true;
        self.comparison = None;
    }

    /// A comparison was called off; what it found stays.
    pub fn stop_comparing(&mut self) {
        self.comparing = false;
    }

    /// Number of noise levels, the clean one included; 1 before a run begins.
    pub fn levels(&self) -> u32 {
        self.started.as_ref().map_or(1, |started| started.levels)
    }

    /// A run that goes on from a checkpoint of itself, which may be newer than the last report, keeps
    /// its past; any other starts empty.
    fn start(&mut self, started: Started) {
        let same = self
            .started
            .as_ref()
            .is_some_and(|old| !old.settings.needs_reset(&started.settings));
        if same && started.iteration > 0 {
            self.rewind(started.iteration);
            self.comparing = false;
            self.started = Some(started);
        } else {
            self.begin(started);
        }
    }

    /// Another run: nothing of the past is its own.
    fn begin(&mut self, started: Started) {
        *self = Self {
            lab: self.lab.take(),
            backend: self.backend,
            playing: self.playing,
            iteration: started.iteration,
            started: Some(started),
            ..Self::default()
        };
    }

    fn report(&mut self, report: Report) {
        let made = report.losses.len() as u64;
        let before = report.iteration.saturating_sub(made);
        for (number, &loss) in (before + 1..).zip(&report.losses) {
            let next = self.first_losses.len() as u64 + 1;
            if number == next && self.first_losses.len() < FIRST_LOSSES {
                self.first_losses.push(loss);
            }
            if self.last_losses.len() == LAST_LOSSES {
                self.last_losses.pop_front();
            }
            self.last_losses.push_back((number, loss));
        }
        let seconds = report.seconds - self.report.seconds;
        if report.iteration > self.report.iteration && seconds > 0.0 {
            let now = (report.iteration - self.report.iteration) as f64 / seconds;
            self.rate = if self.rate > 0.0 {
                self.rate + FRESH * (now - self.rate)
            } else {
                now
            };
        }
        self.iteration = report.iteration;
        self.history.push(Row::of(&report));
        self.report = report;
    }

    fn rewind(&mut self, iteration: u64) {
        self.iteration = iteration;
        self.report.iteration = iteration;
        self.history.rewind(iteration);
        self.first_losses
            .truncate(iteration.try_into().unwrap_or(usize::MAX));
        self.last_losses.retain(|(number, _)| *number <= iteration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Key, Value};

    fn started(settings: Settings, iteration: u64) -> Event {
        Event::Started(Box::new(Started {
            settings,
            iteration,
            parameters: 100,
            levels: 7,
            modes: vec![("ring 1".into(), 1.0)],
        }))
    }

    fn report(iteration: u64, losses: Vec<f32>) -> Event {
        let seconds = iteration as f64 / 100.0;
        Event::Report(Box::new(Report {
            iteration,
            seconds,
            losses,
            ..Report::default()
        }))
    }

    fn told(events: impl IntoIterator<Item = Event>) -> Run {
        let mut run = Run::default();
        for event in events {
            run.apply(event);
        }
        run
    }

    #[test]
    fn losses_are_numbered_by_iteration() {
        let run = told([
            started(Settings::default(), 0),
            report(3, vec![1.0, 2.0, 3.0]),
            report(60, (4..=60).map(|i| i as f32).collect()),
        ]);
        assert_eq!(
            run.first_losses,
            (1..=20).map(|i| i as f32).collect::<Vec<_>>()
        );
        assert_eq!(run.last_losses.len(), LAST_LOSSES);
        assert_eq!(run.last_losses.back(), Some(&(60, 60.0)));
        assert_eq!(run.last_losses.front(), Some(&(11, 11.0)));
        assert!((run.rate - 100.0).abs() < 1e-6);
    }

    #[test]
    fn losses_of_a_run_from_a_file_are_not_its_first() {
        let run = told([
            started(Settings::default(), 500),
            report(502, vec![1.0, 2.0]),
        ]);
        assert!(run.first_losses.is_empty());
        assert_eq!(run.iteration, 502);
    }

    #[test]
    fn a_reset_forgets_and_a_recovery_rewinds() {
        let long = [
            started(Settings::default(), 0),
            report(10, vec![0.5; 10]),
            report(30, vec![0.5; 20]),
        ];
        let mut run = told(long);
        run.apply(Event::Recovered {
            iteration: 10,
            backend: Backend::Cpu,
        });
        run.apply(started(Settings::default(), 10));
        assert_eq!((run.iteration, run.backend), (10, Some(Backend::Cpu)));
        assert_eq!(run.history.rows().len(), 1);
        assert_eq!(run.first_losses.len(), 10);
        run.apply(report(30, vec![0.5; 20]));
        assert_eq!(run.first_losses.len(), FIRST_LOSSES);

        let mut other = Settings::default();
        other.set(Key::Width, Value::Int(32));
        run.apply(started(other, 0));
        assert!(run.history.rows().is_empty() && run.first_losses.is_empty());
        assert_eq!(run.iteration, 0);
    }

    #[test]
    fn running_away_stops_and_says_where() {
        let mut run = told([
            started(Settings::default(), 0),
            Event::Playing(true),
            report(90, vec![1.0; 90]),
        ]);
        let said = run.apply(Event::Diverged {
            iteration: 93,
            restored: 50,
            loss: f32::INFINITY,
        });
        assert!(!run.playing);
        assert_eq!(run.iteration, 50);
        let Some(Outcome::Warn(text)) = said else {
            panic!("{said:?}")
        };
        assert!(
            text.contains("iteration 93") && text.contains("iteration 50") && text.contains("inf")
        );
    }

    #[test]
    fn a_comparison_ends_at_its_target_or_when_called_off() {
        let at = |steps| {
            Event::Comparison(Box::new(Comparison {
                steps,
                target: 100,
                ..Comparison::default()
            }))
        };
        let mut run = Run::default();
        run.compare();
        run.apply(at(50));
        assert!(run.comparing);
        run.apply(at(100));
        assert!(!run.comparing && run.comparison.is_some());
        run.compare();
        run.stop_comparing();
        run.apply(at(60));
        assert!(!run.comparing);
    }

    #[test]
    fn a_new_worker_goes_on_from_the_checkpoint_with_the_past_kept() {
        let mut run = told([
            started(Settings::default(), 0),
            report(10, vec![0.5; 10]),
            Event::Checkpoint(vec![1, 2]),
            report(30, vec![0.5; 20]),
        ]);
        run.lose_worker();
        assert_eq!(run.backend, None);
        run.apply(started(Settings::default(), 10));
        assert_eq!((run.iteration, run.history.rows().len()), (10, 1));
        assert_eq!(run.checkpoint, Some(vec![1, 2]));
        run.apply(started(Settings::default(), 0));
        assert_eq!(run.checkpoint, None);
    }

    #[test]
    fn the_run_of_a_file_brings_its_settings_and_no_past() {
        let mut run = told([started(Settings::default(), 0), report(30, vec![0.5; 30])]);
        let Event::Started(of_file) = started(Settings::default(), 40) else {
            unreachable!("`started` makes that event")
        };
        let follow = Outcome::Follow(Box::default());
        assert_eq!(run.apply(Event::Imported(of_file)), Some(follow));
        assert_eq!((run.iteration, run.history.rows().len()), (40, 0));
    }

    #[test]
    fn a_checkpoint_newer_than_the_last_report_keeps_the_past_too() {
        let mut run = told([
            started(Settings::default(), 0),
            report(30, vec![0.5; 30]),
            Event::DeviceLost {
                message: String::new(),
            },
            started(Settings::default(), 37),
        ]);
        assert_eq!((run.iteration, run.history.rows().len()), (37, 1));
        assert_eq!(run.first_losses.len(), FIRST_LOSSES);
        run.apply(report(40, vec![0.5; 3]));
        assert_eq!(run.last_losses.back(), Some(&(40, 0.5)));
    }

    #[test]
    fn a_lost_gpu_leads_to_the_cpu() {
        let why = WhyCpu::Lost("destroyed".into());
        let mut run = told([started(Settings::default(), 0)]);
        assert_eq!(
            run.apply(Event::Stranded(why.clone())),
            Some(Outcome::Stranded(why))
        );
    }

    #[test]
    fn only_the_first_word_from_a_worker_asks_for_orders() {
        let lab = |software| {
            Event::Ready(Box::new(Lab {
                backend: Backend::WebGpu,
                why_cpu: None,
                adapter: String::new(),
                software,
                facts: vec![],
                checks: vec![],
                planned: 0,
            }))
        };
        for software in [false, true] {
            let mut run = Run::default();
            let opened = Outcome::Opened {
                software,
                why_cpu: None,
            };
            assert_eq!(run.apply(lab(software)), Some(opened));
            assert_eq!(run.apply(lab(software)), None);
        }
    }
}
