//! Every kernel of an MLP on a GPU against its twin on the CPU: every width of a tile and around it, odd
//! numbers of rows, points that no training would bring.

use basin::energy::{Activation, Architecture, Energy, LevelEnergy, Mlp, Trainable};
use basin::energy::{membership_of, membership_of_labels};
use basin::kernel::{ANEW, AdamRule, AdamState, Return, adam, put, set_parts, take};
use basin::objective::contrast;
use basin::rng::{Draws, Stream};
use basin::sampler::{Jump, JumpKind, Kernel, Labelled, Noise, move_labels, run};
use burn::tensor::{Device, Tensor, TensorData};

/// Shapes of networks: widths and depths, gated and plain, all activations.
fn architectures() -> Vec<Architecture> {
    let plain = |width, depth, activation| Architecture {
        activation,
        width,
        depth,
        levels: None,
        confinement: 0.05,
        spread: true,
    };
    let gated = |width, depth, levels| Architecture {
        levels: Some(levels),
        ..plain(width, depth, Activation::Softplus)
    };
    vec![
        plain(1, 1, Activation::Softplus),
        plain(7, 2, Activation::Relu),
        plain(33, 4, Activation::Silu),
        plain(128, 3, Activation::Softplus),
        gated(16, 1, 2),
        gated(64, 2, 7),
        gated(130, 3, 3),
        gated(256, 4, 2),
    ]
}

/// Numbers of rows: one, a workgroup's share and one beside it, many.
const ROWS: &[usize] = &[1, 63, 64, 65, 1000];

async fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data_async().await.unwrap().iter().collect()
}

/// `n` points: normal ones, and in between what is zero, denormal, large, infinite or no number.
fn points(n: usize, wild: bool) -> Vec<f32> {
    let mut x = Draws::new(31, Stream::Test, n as u64).normals(2 * n);
    const WILD: [f32; 9] = [
        0.0,
        -0.0,
        1e-42,
        1e4,
        -3e18,
        // Its square is infinite, and so are the energies of all levels.
        1e25,
        f32::INFINITY,
        f32::NAN,
        -1e-38,
    ];
    if wild {
        for (i, x) in x.iter_mut().enumerate().filter(|(i, _)| i % 3 == 0) {
            *x = WILD[i / 3 % WILD.len()];
        }
    }
    x
}

/// Those of `points` whose energies are finite: zero, denormal and huge ones stay.
fn large_points(n: usize) -> Vec<f32> {
    let x = points(n, true).into_iter();
    x.map(|x| if x.abs() < 1e20 { x } else { 1e-42 }).collect()
}

fn close(what: &str, got: &[f32], right: &[f32], tolerance: f32) {
    assert_eq!(got.len(), right.len(), "{what}");
    let finite = right.iter().filter(|v| v.is_finite());
    let scale = finite.fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in got.iter().zip(right).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "{what}, {i}: {a} against {b} (scale {scale})"
        );
    }
}

/// Energies and gradients of what is finite; what is not may only not look like a number.
fn close_or_lost(what: &str, got: &[f32], right: &[f32], tolerance: f32) {
    for (i, (a, b)) in got.iter().zip(right).enumerate() {
        match b.is_finite() {
            true => assert!(
                (a - b).abs() <= tolerance * b.abs().max(1.0),
                "{what}, {i}: {a} against {b}"
            ),
            false => assert!(!a.is_finite() || a.abs() > 1e30, "{what}, {i}: {a} for {b}"),
        }
    }
}

/// Every kernel of every network up to a width.
pub async fn agree(device: &Device, widest: usize) {
    noise_is_that_of_the_cpu(device).await;
    for levels in [1, 7] {
        chains_come_and_go(levels, device).await;
    }
    for numbers in [1, 63, 64, 65, 5000] {
        adam_agrees(numbers, device).await;
    }
    for a in architectures().into_iter().filter(|a| a.width <= widest) {
        for &n in ROWS {
            // Software is slow: the largest networks have no large batch.
            if a.width > 128 && n > 65 {
                continue;
            }
            network_agrees(&a, n, device).await;
        }
    }
}

/// On an energy that is the same everywhere, unadjusted chains go where their normals say.
async fn noise_is_that_of_the_cpu(device: &Device) {
    let a = Architecture {
        confinement: 0.0,
        ..architectures().swap_remove(0)
    };
    let (n, k) = (501, 8);
    let flat = Tensor::zeros([a.layout().parameters()], device);
    let model = Mlp::new(&a, &flat).at(membership_of(0, 1, 1, device));
    let streams = [Stream::Proposal, Stream::Accept];
    let (seed, key) = (0xfedc_ba98_7654_3210, 0x89ab_cdef_0123_4567);
    let noise = Noise::draw(seed, streams, key, [k, n, 2], device);
    let step = Tensor::<2>::ones([n, 1], device);
    let x = Tensor::<2>::zeros([n, 2], device);
    let trail = values(run(Kernel::Ula, &model, x, &step, &noise).trail).await;
    let z = Draws::new(seed, Stream::Proposal, key).normals(k * n * 2);
    let mut sums = vec![0.0; 2 * n];
    for (places, z) in trail.chunks_exact(2 * n).zip(z.chunks_exact(2 * n)) {
        sums.iter_mut().zip(z).for_each(|(sum, z)| *sum += z);
        close("sums of normals", places, &sums, 1e-6);
    }
}

/// Takes chains out of a buffer and puts them back.
async fn chains_come_and_go(levels: usize, device: &Device) {
    let (size, n) = (301, 65);
    let normals = |stream, count| Draws::new(stream, Stream::Test, 3).normals(count);
    let mut picks: Vec<u32> = (0..n).map(|i| (i * 37 % size) as u32).collect();
    (0..picks.len()).step_by(4).for_each(|i| picks[i] |= ANEW);
    let mut found = Vec::new();
    for device in [&Device::flex(), device] {
        let points = |stream, n| {
            let data = TensorData::new(normals(stream, 2 * n), [n, 2]);
            Tensor::<2>::from_data(data, device)
        };
        let members = |n: usize, step: usize| {
            let labels: Vec<usize> = (0..n).map(|i| i * step % levels).collect();
            membership_of_labels(&labels, levels, device)
        };
        let (places, all) = (points(1, size), members(size, 3));
        let deviations = normals(2, levels);
        let deviations = Tensor::from_data(deviations.as_slice(), device);
        let fresh = [&points(3, n), &members(n, 2)];
        let taken = take([&places, &all], &picks, fresh, &deviations).unwrap();
        let accepted = points(4, n).slice([0..n, 0..1]).abs();
        let back = Return {
            places: &points(5, n),
            members: &members(n, 5),
            held: &taken.member,
            accepted: &accepted,
        };
        let parted = put([&places, &all], &picks, &back).unwrap();
        found.push([
            values(taken.seats.0).await,
            values(taken.member).await,
            values(parted.places).await,
            values(parted.members).await,
            values(parted.acceptance).await,
        ]);
    }
    let [right, got] = found
        .try_into()
        .unwrap_or_else(|_| unreachable!("two devices"));
    assert_eq!(got[..4], right[..4], "{levels} levels");
    close("acceptance", &got[4], &right[4], 1e-5);
    // The chains that stayed are as they were.
    assert_eq!(
        right[2][2 * (size - 1)..],
        normals(1, 2 * size)[2 * (size - 1)..]
    );
}

/// Steps of the optimiser, with and without a bound and an average.
async fn adam_agrees(numbers: usize, device: &Device) {
    let ordinary = Draws::new(5, Stream::Test, 6).normals(numbers);
    let wild = points(numbers, true)[..numbers].to_vec();
    // Clipped, a gradient may be infinitely long, but none of its numbers may be infinite.
    let finite = wild.iter().map(|g| if g.is_finite() { *g } else { 1e30 });
    let finite = finite.collect();
    let runs = [
        (0.0, false, &ordinary),
        (0.5, true, &ordinary),
        (1e9, true, &ordinary),
        (0.0, true, &wild),
        (0.5, true, &finite),
    ];
    for (clip, averaged, gradient) in runs {
        let mut found = Vec::new();
        for device in [&Device::flex(), device] {
            let vector = |stream| {
                let normals = Draws::new(stream, Stream::Test, 6).normals(numbers);
                Tensor::<1>::from_data(normals.as_slice(), device)
            };
            let weights = vector(1);
            // At first the average is the weights, in the same buffer.
            let average = if clip > 1.0 {
                weights.clone()
            } else {
                vector(4)
            };
            let state = AdamState {
                weights,
                first: vector(2),
                second: vector(3).powi_scalar(2),
                average: averaged.then_some(average),
            };
            let rule = AdamRule {
                rate: 3e-3,
                root: 1.7,
                beta1: 0.9,
                beta2: 0.99,
                clip,
                memory: 0.8,
            };
            let gradient = Tensor::from_data(gradient.as_slice(), device);
            let (state, length) = adam(&state, &gradient, &rule).unwrap();
            let average = state.average.unwrap_or_else(|| vector(4));
            found.push([
                values(state.weights).await,
                values(state.first).await,
                values(state.second).await,
                values(average).await,
                values(length).await,
            ]);
        }
        let [right, got] = found
            .try_into()
            .unwrap_or_else(|_| unreachable!("two devices"));
        for (i, what) in ["weights", "first", "second", "average", "length"]
            .iter()
            .enumerate()
        {
            let what = format!("{what} of {numbers}");
            close_or_lost(&what, &got[i], &right[i], 3e-6);
        }
    }
}

async fn network_agrees(a: &Architecture, n: usize, device: &Device) {
    let name = format!(
        "width {}, depth {}, {:?} levels, {n} rows",
        a.width, a.depth, a.levels
    );
    let levels = a.levels.unwrap_or(1);
    let labels: Vec<usize> = (0..n).map(|i| i * 5 % levels).collect();
    let mut found = Vec::new();
    for device in [&Device::flex(), device] {
        let flat = Tensor::from_data(a.init(17).as_slice(), device);
        let model = Mlp::new(a, &flat);
        let member = membership_of_labels(&labels, levels, device);
        let at = |wild| {
            let x = TensorData::new(points(n, wild), [n, 2]);
            Tensor::<2>::from_data(x, device)
        };
        let energy = model.at(member.clone());
        let (e, g) = energy.energy_and_grad(at(false));
        let (wild_e, wild_g) = energy.energy_and_grad(at(true));
        let one = model.at(membership_of(levels - 1, levels, 1, device));
        let weight = Draws::new(4, Stream::Test, 1).normals(n);
        let weight = Tensor::from_data(weight.as_slice(), device);
        let (sum, gradient) = model.weighted_sum(&at(false), &member, &weight).unwrap();
        let large = TensorData::new(large_points(n), [n, 2]);
        let large = Tensor::<2>::from_data(large, device);
        let (_, large_gradient) = model.weighted_sum(&large, &member, &weight).unwrap();
        let batch = |x, step: usize| {
            let labels: Vec<usize> = (0..n).map(|i| i * step % levels).collect();
            let member = membership_of_labels(&labels, levels, device);
            Labelled { x, member }
        };
        let pair = [batch(at(false), 3), batch(at(false) * 0.5, 1)];
        let contrast = contrast(&model, &pair[0], &pair[1]);
        let draws = Draws::new(77, Stream::Label, 8);
        let jump = Jump::draw(JumpKind::Global, &draws, n, device);
        let drawn = move_labels(&model, &at(false), member.clone(), &jump);
        let wild_drawn = move_labels(&model, &at(true), member.clone(), &jump);
        let step = Tensor::<2>::full([n, 1], 0.3, device);
        let streams = [Stream::Proposal, Stream::Accept];
        let noise = Noise::draw(1 << 33 | 5, streams, 1 << 34 | 9, [11, n, 2], device);
        let moved = run(Kernel::Mala, &energy, at(false), &step, &noise);
        let whole = values(moved.trail).await;
        set_parts(4);
        let cut = run(Kernel::Mala, &energy, at(false), &step, &noise);
        set_parts(1);
        assert_eq!(values(cut.trail).await, whole, "chains in parts, {name}");
        let free = run(Kernel::Ula, &energy, at(false), &step, &noise);
        let shared = Noise::draw(3, streams, 2, [3, 1, 2], device).for_all(n);
        let together = run(Kernel::Mala, &energy, at(false), &step, &shared);
        let lost = run(Kernel::Mala, &energy, at(true), &step, &noise);
        found.push([
            values(e).await,
            values(g).await,
            values(energy.energy(at(false))).await,
            values(one.energy(at(false))).await,
            values(model.all_levels(at(false))).await,
            values(sum).await,
            values(gradient).await,
            values(free.trail).await,
            values(together.x).await,
            values(moved.x).await,
            values(moved.accepted).await,
            values(lost.x).await,
            values(wild_e).await,
            values(contrast.loss).await,
            values(contrast.gradient).await,
            values(drawn).await,
            values(wild_drawn).await,
            values(wild_g).await,
            values(large_gradient).await,
        ]);
    }
    let [right, got] = found
        .try_into()
        .unwrap_or_else(|_| unreachable!("two devices"));
    let smooth = [
        "energy",
        "gradient",
        "energies",
        "at one level",
        "at all levels",
    ];
    for (i, what) in smooth.iter().enumerate() {
        close(&format!("{what}, {name}"), &got[i], &right[i], 1e-5);
    }
    close(&format!("sum, {name}"), &got[5], &right[5], 1e-4);
    close(&format!("contrast, {name}"), &got[13], &right[13], 1e-4);
    close(
        &format!("gradient of a contrast, {name}"),
        &got[14],
        &right[14],
        1e-4,
    );
    close(
        &format!("parameter gradient, {name}"),
        &got[6],
        &right[6],
        1e-4,
    );
    close(
        &format!("parameter gradient of large points, {name}"),
        &got[18],
        &right[18],
        1e-4,
    );
    close(&format!("free chains, {name}"), &got[7], &right[7], 1e-3);
    // Rounding may turn a decision of a test: of a thousand chains, a few.
    for (i, what) in [
        (8, "chains with one noise"),
        (9, "chains"),
        (10, "acceptance"),
        (15, "levels"),
        (16, "levels of anything"),
    ] {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3;
        let strayed = got[i]
            .iter()
            .zip(&right[i])
            .filter(|pair| !near(*pair))
            .count();
        assert!(
            strayed * 100 <= 2 * got[i].len().max(50),
            "{what}, {name}: {strayed} strayed"
        );
    }
    // A chain never leaves for where the energy is no number.
    let wild = points(n, true);
    for (i, (x, began)) in got[11].iter().zip(&wild).enumerate() {
        assert!(
            x.is_finite() || !wild[i & !1].is_finite() || !wild[i | 1].is_finite(),
            "{name}: {began} to {x}"
        );
    }
    // Where the energy is no number, a gradient means nothing: whoever asks is rejected.
    let numbers = |i: &usize| right[12][i / 2].is_finite();
    let of_numbers = |all: &[f32]| {
        let kept = (0..2 * n).filter(numbers).map(|i| all[i]);
        kept.collect::<Vec<f32>>()
    };
    let wild = [
        ("energy", got[12].clone(), right[12].clone()),
        ("gradient", of_numbers(&got[17]), of_numbers(&right[17])),
    ];
    for (what, got, right) in wild {
        let what = format!("{what} of anything, {name}");
        close_or_lost(&what, &got, &right, 1e-3);
    }
}
