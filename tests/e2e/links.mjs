// Links of the tests.
// Invariant: runs are tiny, because software WebGPU is slow, yet learn what they are given.

import assert from "node:assert/strict";

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
  // Longer than any test: a run that is done does not begin again by itself.
  iterations: 90000,
};

const link = (preset, settings) => `#v=1&preset=${preset}&${new URLSearchParams(settings)}`;

// One Gaussian: learned within a few hundred iterations.
export const tiny = link("gaussian-pcd", TINY);

// The visitor's own points on the same small network.
export const tinyPoints = link("points-pcd", TINY);

// The same with nothing that keeps it from exploding.
export const runaway = link("gaussian-pcd", {
  ...TINY,
  depth: 3,
  width: 64,
  sampler: "ula",
  lr: 0.1,
  clip: 0,
});

// What the tiny Gaussian run must come under: KL from truth to model in nats, which the confinement
// alone puts above 1, and the loss of one batch, which wavers around zero when chains and data agree.
const KL_BELOW = 0.4;
const LOSS_WITHIN = 0.5;

// The tiny run has learned its Gaussian, which it did not know at the start.
export async function learns(tab) {
  const kl = await tab.until("a first KL", () => tab.value("kl"), Number.isFinite);
  if ((await tab.step()) === 0) assert.ok(kl > KL_BELOW, `KL ${kl} before training`);
  const first = await tab.firstLosses();
  assert.ok(first.some((loss) => Math.abs(loss) > LOSS_WITHIN), `first losses ${first}`);
  await tab.below("kl", KL_BELOW);
  await tab.until("a loss near 0", () => tab.value("loss"), (loss) => Math.abs(loss) < LOSS_WITHIN);
}

// Keys to complain about, on a run that stays small.
export const wild = link("gaussian-pcd", {
  ...TINY,
  width: 8,
  chains: 8,
  steps: "1e9",
  lr: -5,
  nonsense: 1,
  ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`wild${i}`, i])),
});

// Four methods on one Gaussian.
const COLUMN = { width: 16, depth: 2, chains: 32, lr: 0.005, warmup: 0, iterations: 5000, ema: 0 };
const CHAINS = { buffer: 256, steps: 5, "step-size": 0.3 };
const column = (method, settings) =>
  `&m=${method}${Object.entries(settings).map(([name, value]) => `~${name}=${value}`).join("")}`;

export const compared = `#v=1&data=gaussian&clock=iterations&grid=32${[
  column("da-ebm", { ...COLUMN, ...CHAINS, levels: 3 }),
  column("dcd", COLUMN),
  column("ddaebm", { ...COLUMN, levels: 2, "generator-width": 16 }),
  column("energy-discrepancy", COLUMN),
].join("")}`;
