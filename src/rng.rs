//! Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
//! as 1, 2, 3", SC11, <https://doi.org/10.1145/2063384.2063405>).
//!
//! Invariant: a draw is a pure function of (seed, stream, step, element). Nothing is carried from
//! one draw to the next, so runs replay from a link, resume from a checkpoint, and agree between
//! machines. Transcendental functions come from `libm`, not from the platform, for the same bits
//! natively and in WebAssembly.

/// What a draw is for. Each use has a stream of its own, so adding one never shifts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    Weights = 1,
    Data = 2,
    DataLevel = 3,
    DataNoise = 4,
    BufferStart = 5,
    BufferPick = 6,
    Proposal = 7,
    Accept = 8,
    Label = 9,
    Restart = 10,
    RestartNoise = 11,
    Evaluation = 12,
    EvaluationAccept = 13,
    EvaluationLabel = 14,
    Test = 15,
    EvaluationStart = 16,
    Diffuse = 17,
    DiffusionTime = 18,
    Negatives = 19,
    Direction = 20,
    Latent = 21,
    PosteriorLatent = 22,
    GeneratorNoise = 23,
    GeneratorWeights = 24,
    PosteriorWeights = 25,
    GeneratorStart = 26,
    SampleLatent = 27,
    SampleNoise = 28,
    Tuning = 29,
    TuningAccept = 30,
    ProposedLatent = 31,
    ProposedNoise = 32,
    ProposedAccept = 33,
    ProposedCentre = 34,
    Flip = 35,
    ReverseNoise = 36,
    Made = 37,
}

/// The draws of chains: at each transition d normals and a uniform for each chain of points with d
/// numbers. Those of chain i at transition k start at element `d (k chains + i)` of the normals' stream, and
/// are element `k chains + i` of the uniforms'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainDraws {
    pub seed: u64,
    /// Of the normals and of the uniforms.
    pub streams: [Stream; 2],
    pub step: u64,
    pub transitions: usize,
    /// Chains that have draws of their own; with one, its draws are everyone's.
    pub chains: usize,
}

impl ChainDraws {
    /// The normals of all transitions for points of `d` numbers, `[transitions, chains, d]`.
    pub fn normals(&self, d: usize) -> Vec<f32> {
        let count = self.transitions * self.chains * d;
        Draws::new(self.seed, self.streams[0], self.step).normals(count)
    }

    /// The logarithms of the uniforms of all transitions, `[transitions, chains]`.
    pub fn log_uniforms(&self) -> Vec<f32> {
        let count = self.transitions * self.chains;
        let uniforms = Draws::new(self.seed, self.streams[1], self.step).uniforms(count);
        uniforms.into_iter().map(libm::logf).collect()
    }
}

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The Philox4x32 block function with 10 rounds: 128 counter bits and 64 key bits in, 128 random
/// bits out. Checked against the Random123 known-answer vectors.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let a = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let b = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = (
            (b >> 32) as u32 ^ c1 ^ k0,
            b as u32,
            (a >> 32) as u32 ^ c3 ^ k1,
            a as u32,
        );
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The draws of one (seed, stream, step).
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    seed: u64,
    stream: Stream,
    step: u64,
}

impl Draws {
    /// Draws keyed by `seed` for one `stream` at one `step` (an iteration number, usually).
    pub fn new(seed: u64, stream: Stream, step: u64) -> Self {
        Self { seed, stream, step }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn stream(&self) -> Stream {
        self.stream
    }

    pub fn step(&self) -> u64 {
        self.step
    }

    fn block(&self, block: u32) -> [u32; 4] {
        let counter = [
            block,
            self.stream as u32,
            self.step as u32,
            (self.step >> 32) as u32,
        ];
        philox4x32(counter, [self.seed as u32, (self.seed >> 32) as u32])
    }

    /// 32 random bits of one element.
    pub fn bits(&self, element: u32) -> u32 {
        self.block(element / 4)[(element % 4) as usize]
    }

    /// Uniform on the open interval (0, 1), with 24 bits.
    pub fn uniform(&self, element: u32) -> f32 {
        unit(self.bits(element))
    }

    /// Uniform integer in `0..bound` (multiply-shift; the bias is below `bound / 2^32`).
    pub fn below(&self, element: u32, bound: u32) -> u32 {
        ((u64::from(self.bits(element)) * u64::from(bound)) >> 32) as u32
    }

    /// Standard normal, by Box-Muller on the element's pair of uniforms.
    pub fn normal(&self, element: u32) -> f32 {
        normals(self.block(element / 4))[(element % 4) as usize]
    }

    /// The uniforms of elements `0..count`.
    pub fn uniforms(&self, count: usize) -> Vec<f32> {
        self.fill(count, |bits| bits.map(unit))
    }

    /// The standard normals of elements `0..count`.
    pub fn normals(&self, count: usize) -> Vec<f32> {
        self.fill(count, normals)
    }

    /// The standard Gumbel draws of elements `0..count`: adding them to logits and taking the
    /// largest draws from the softmax (Gumbel-max).
    pub fn gumbels(&self, count: usize) -> Vec<f32> {
        self.fill(count, |bits| {
            bits.map(|b| -libm::logf(-libm::logf(unit(b))))
        })
    }

    /// `count` distinct indices below `bound`, by the first `count` steps of a Fisher-Yates
    /// shuffle. Returns all of `0..bound`, shuffled, when `count >= bound`.
    pub fn distinct(&self, count: usize, bound: usize) -> Vec<usize> {
        let count = count.min(bound);
        let mut moved = std::collections::HashMap::new();
        (0..count)
            .map(|i| {
                let j = i + self.below(i as u32, (bound - i) as u32) as usize;
                let at_i = *moved.get(&i).unwrap_or(&i);
                let at_j = *moved.get(&j).unwrap_or(&j);
                moved.insert(j, at_i);
                at_j
            })
            .collect()
    }

    fn fill(&self, count: usize, of: impl Fn([u32; 4]) -> [f32; 4]) -> Vec<f32> {
        let mut out = Vec::with_capacity(count.next_multiple_of(4));
        for block in 0..count.div_ceil(4) {
            out.extend(of(self.block(block as u32)));
        }
        out.truncate(count);
        out
    }
}

fn unit(bits: u32) -> f32 {
    // Half a step off the grid keeps both 0 and 1 out of reach of a logarithm.
    ((bits >> 9) as f32 + 0.5) * (1.0 / 8_388_608.0)
}

fn normals(bits: [u32; 4]) -> [f32; 4] {
    let pair = |a: u32, b: u32| {
        let radius = libm::sqrtf(-2.0 * libm::logf(unit(a)));
        let angle = std::f32::consts::TAU * unit(b);
        [radius * libm::cosf(angle), radius * libm::sinf(angle)]
    };
    let [a, b] = pair(bits[0], bits[1]);
    let [c, d] = pair(bits[2], bits[3]);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123's kat_vectors for philox4x32 with 10 rounds.
    #[test]
    fn known_answers() {
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn one_element_equals_its_place_in_the_bulk() {
        let draws = Draws::new(7, Stream::Test, 3);
        let (u, n) = (draws.uniforms(37), draws.normals(37));
        for i in 0..37 {
            assert_eq!(u[i], draws.uniform(i as u32));
            assert_eq!(n[i], draws.normal(i as u32));
        }
    }

    #[test]
    fn keys_separate_draws() {
        let base = Draws::new(1, Stream::Data, 1).uniforms(64);
        for other in [
            Draws::new(2, Stream::Data, 1),
            Draws::new(1, Stream::Accept, 1),
            Draws::new(1, Stream::Data, 2),
            Draws::new(1 << 32 | 1, Stream::Data, 1),
            Draws::new(1, Stream::Data, 1 << 32 | 1),
        ] {
            assert!(other.uniforms(64).iter().zip(&base).all(|(a, b)| a != b));
        }
    }

    #[test]
    fn moments_within_four_standard_errors() {
        let n = 400_000;
        let draws = Draws::new(11, Stream::Test, 0);
        let mean = |v: &[f32], f: fn(f64) -> f64| {
            v.iter().map(|&x| f(f64::from(x))).sum::<f64>() / v.len() as f64
        };
        let se = 1.0 / f64::from(n).sqrt();
        let z = draws.normals(n as usize);
        assert!(mean(&z, |x| x).abs() < 4.0 * se);
        assert!((mean(&z, |x| x * x) - 1.0).abs() < 4.0 * 2f64.sqrt() * se);
        assert!((mean(&z, |x| x.powi(4)) - 3.0).abs() < 4.0 * 96f64.sqrt() * se);
        let u = draws.uniforms(n as usize);
        assert!(u.iter().all(|&x| 0.0 < x && x < 1.0));
        assert!((mean(&u, |x| x) - 0.5).abs() < 4.0 * (1.0f64 / 12.0).sqrt() * se);
        let g = draws.gumbels(n as usize);
        let euler = 0.577_215_664_9;
        assert!((mean(&g, |x| x) - euler).abs() < 4.0 * 1.2825 * se);
    }

    #[test]
    fn distinct_indices_are_distinct_and_cover() {
        let draws = Draws::new(5, Stream::BufferPick, 9);
        let mut picked = draws.distinct(100, 1000);
        assert!(picked.iter().all(|&i| i < 1000));
        picked.sort_unstable();
        picked.dedup();
        assert_eq!(picked.len(), 100);
        let mut all = draws.distinct(50, 20);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }
}
