use super::*;
use crate::data::Density;
use crate::energy::{Architecture, Mlp, membership_of_labels};
use crate::objective::tests::update;
use crate::rng::Draws;
use crate::sampler::Labelled;
use crate::settings::{Preset, Size};
use burn::tensor::TensorData;

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

struct Table {
    objective: Ddaebm,
    flat: Tensor<1>,
    model: Mlp,
    steps: Tensor<1>,
    data: Labelled,
    device: Device,
}

impl Table {
    fn set(changes: &[(Key, &str)]) -> Self {
        let preset = Preset::of("25-gaussians", "ddaebm", Size::Standard).unwrap();
        let mut s = preset.settings();
        let base = [(Key::Width, "12"), (Key::GeneratorWidth, "10")];
        for (key, text) in base.iter().chain(changes) {
            s.set_text(*key, text).unwrap();
        }
        let device = Device::flex();
        let schedule = Schedule::from_settings(&s);
        let architecture = Architecture::from_settings(&s);
        let flat = Tensor::from_data(architecture.init(4).as_slice(), &device);
        let n = 20;
        let labels: Vec<usize> = (0..n).map(|i| i % schedule.levels()).collect();
        let density = Density::from_settings(&s).unwrap();
        let clean = density.sample(n, &Draws::new(1, Stream::Test, 0));
        let noise = Draws::new(1, Stream::Test, 1).normals(2 * n);
        let x = schedule.diffuse(&clean, &labels, &noise);
        Self {
            objective: Ddaebm::of_points(&s, &schedule, 0.01, &device),
            model: Mlp::new(&architecture, &flat),
            flat,
            steps: Tensor::ones([schedule.levels()], &device),
            data: Labelled {
                x: Tensor::from_data(TensorData::new(x, [n, 2]), &device),
                member: membership_of_labels(&labels, schedule.levels(), &device),
            },
            device,
        }
    }

    fn update(&self) -> Update<'_, Mlp> {
        let Self {
            model,
            steps,
            data,
            device,
            ..
        } = self;
        Update {
            entropy: 0.7,
            ..update(model, steps, data, device)
        }
    }

    /// Loss of the second turn, and its gradients, at these weights of generator and posterior.
    fn second_turn(&self, flats: &[Tensor<1>; 2]) -> (f32, [Tensor<1>; 2]) {
        let (u, o) = (self.update(), &self.objective);
        let network = o.network.blueprint.build(&flats[0]);
        let encoder = o.encoder.blueprint.build(&flats[1]);
        let round = o.round(&u, &*network);
        let lost = o.lose(&u, &self.model, &round, [&*network, &*encoder]);
        let by_encoder = lost.by_encoder.unwrap_or_else(|| flats[1].zeros_like());
        (values(lost.loss)[0], [lost.by_generator, by_encoder])
    }
}

/// DDAEBM notes, 7.9: every term, for generator and posterior, with and without each switch.
#[test]
fn gradients_of_the_second_turn_match_finite_differences() {
    let cases: &[&[(Key, &str)]] = &[
        &[],
        &[(Key::Divergence, "kl")],
        &[(Key::Posterior, "off")],
        &[(Key::Latent, "off")],
        &[(Key::NoiseSchedule, "vp-weak")],
    ];
    for changes in cases {
        let table = Table::set(changes);
        let o = &table.objective;
        let flats = [o.network.flat.clone(), o.encoder.flat.clone()];
        let (_, gradients) = table.second_turn(&flats);
        for player in 0..2 {
            let gradient = &gradients[player];
            let squared = values(gradient.clone().powi_scalar(2).sum())[0];
            let idle = player == 1 && changes.iter().any(|(_, text)| *text == "off");
            assert_eq!(squared == 0.0, idle, "{changes:?}: player {player}");
            if idle {
                continue;
            }
            let h = 3e-3 / squared.sqrt();
            let at = |sign: f32| {
                let mut flats = flats.clone();
                flats[player] = flats[player].clone() + gradient.clone() * (sign * h);
                table.second_turn(&flats).0
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * h);
            assert!(
                (slope / squared - 1.0).abs() < 3e-2,
                "{changes:?}, player {player}: {slope} against {squared}"
            );
        }
    }
}

/// DDAEBM notes, 7.9: one turn never moves the other's weights.
#[test]
fn each_turn_moves_its_own_player_only() {
    let mut table = Table::set(&[]);
    let arrays = |objective: &Ddaebm| -> Vec<Vec<f32>> {
        let arrays = Objective::<Mlp>::arrays(objective).into_iter();
        arrays.map(|(_, array)| values(array)).collect()
    };
    let before = arrays(&table.objective);
    let mut objective = std::mem::replace(&mut table.objective, Table::set(&[]).objective);
    let (flat, u) = (values(table.flat.clone()), table.update());
    objective.descend(&u);
    let after = arrays(&objective);
    assert_eq!(before, after);
    objective.respond(&u, &table.model);
    assert_eq!(values(table.flat.clone()), flat);
    let moved = arrays(&objective);
    assert!(moved.iter().zip(&before).all(|(a, b)| a != b));
}

/// DDAEBM notes, 7.10.
#[test]
fn no_noise_is_added_at_the_cleanest_level() {
    let table = Table::set(&[]);
    let o = &table.objective;
    let deviation = values(o.generator.deviation(&table.data.member));
    let schedule = Schedule::vp(4, [0.1, 20.0]);
    for (i, deviation) in deviation.into_iter().enumerate() {
        let expected = match i % 4 {
            0 => 0.0,
            k => schedule.posterior(k).deviation as f32,
        };
        assert!((deviation - expected).abs() < 1e-6, "{i}");
    }
}
