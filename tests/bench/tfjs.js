// The timed work in TensorFlow.js: the same networks, weights, starts and transitions. Noise is drawn
// beforehand, which Basin's is not. Runs in the rivals' page.

/* global tf */

import { mala, noise } from "./tfjs_chains.js";
import { Network } from "./tfjs_network.js";
import { Training } from "./tfjs_training.js";

window.rival = {
  async open(backend, { chains, training }) {
    if (backend === "wasm") tf.wasm.setWasmPaths("/");
    await tf.setBackend(backend);
    await tf.ready();
    const [plain, gated] = [chains, training].map((problem) => ({
      problem,
      network: new Network(tf.tensor1d(problem.weights), problem),
      points: tf.tensor2d(problem.points, [problem.labels.length, 2]),
      labels: tf.tensor1d(problem.labels, "int32"),
    }));
    Object.assign(this, { plain, gated, noise: [], run: new Training(training) });
  },

  // What is held against Basin's before anything is timed.
  async found() {
    const numbers = async (tensors) => Promise.all(tensors.map(async (t) => [...(await t.data())]));
    const ofBatch = ({ network, points, labels }) =>
      numbers(tf.tidy(() => network.energyAndGradient(points, network.at(labels))));
    const { network, points, labels, problem } = this.gated;
    const half = problem.chains;
    const weight = tf.tensor2d(problem.labels.map((_, i) => [(i < half ? 1 : -1) / half]));
    const [slope] = await numbers(tf.tidy(() => network.slope(points, labels, weight)));
    const [chains, training] = [await ofBatch(this.plain), await ofBatch(this.gated)];
    const named = ([energies, gradients]) => ({ energies, gradients });
    return { chains: named(chains), training: { ...named(training), slope } };
  },

  // Chain steps, and the seconds they took.
  async chains(transitions) {
    const { network, points, problem } = this.plain;
    const n = problem.labels.length;
    while (this.noise.length < transitions) this.noise.push(noise(n, this.noise.length));
    const began = performance.now();
    const draws = this.noise.slice(0, transitions);
    const evaluate = (x) => network.energyAndGradient(x);
    const moved = tf.tidy(() => mala(evaluate, points, tf.scalar(problem.deviation), draws));
    await moved.data();
    moved.dispose();
    return { amount: n * transitions, seconds: (performance.now() - began) / 1000 };
  },

  // Iterations, and the seconds they took.
  async training(iterations) {
    const began = performance.now();
    for (let i = 0; i < iterations; i++) this.run.iterate();
    await this.run.settled();
    return { amount: iterations, seconds: (performance.now() - began) / 1000 };
  },
};
