// Links of the tests.
// Invariant: runs are tiny, because software WebGPU is slow, yet learn what they are given.

const TINY = {
  width: 16,
  depth: 2,
  activation: "softplus",
  chains: 32,
  buffer: 256,
  grid: 32,
  sampler: "mala",
  steps: 5,
  "step-size": 0.3,
  lr: 0.005,
  warmup: 0,
  iterations: 2000,
};

const link = (preset, settings) => `#v=1&preset=${preset}&${new URLSearchParams(settings)}`;

// One Gaussian: learned within a few hundred iterations.
export const tiny = link("gaussian-pcd", TINY);

// The visitor's own points on the same small network.
export const tinyPoints = link("points-pcd", TINY);

// What the tiny Gaussian run must come under: KL from truth to model in nats (the confinement
// alone begins above 1), and the loss of one batch, which begins positive and wavers around zero
// when chains and data agree.
export const KL_BELOW = 0.4;
export const LOSS_BELOW = 0.5;

// Three keys to complain about, on a run that stays small.
export const wild = link("gaussian-pcd", {
  ...TINY,
  width: 8,
  chains: 8,
  steps: "1e9",
  lr: -5,
  nonsense: 1,
});
