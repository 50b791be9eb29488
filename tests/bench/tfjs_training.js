// Iterations of the playground's DA-EBM run in TensorFlow.js. What it leaves out only saves it work:
// noise is drawn once, step sizes are not adapted, no acceptance is counted.
// Invariant: everything that persists stays on the device.

/* global tf */

import { mala, noise } from "./tfjs_chains.js";
import { Network } from "./tfjs_network.js";

const EPSILON = 1e-8;

const below = (bound) => Math.floor(bound * Math.random());

function normal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

export class Training {
  constructor(problem) {
    const { weights, chains, transitions, levels, clean, deviations } = problem;
    this.problem = problem;
    const size = clean.length / 2;
    // The replay buffer: a chain a clean point, the levels in equal blocks.
    const labels = Array.from({ length: size }, (_, i) => Math.floor((i * levels) / size));
    const everyone = labels.map((_, i) => i);
    this.deviations = tf.tensor1d(deviations);
    this.noise = Array.from({ length: transitions }, (_, k) => noise(chains, k));
    this.gumbels = tf.neg(tf.log(tf.neg(tf.log(tf.randomUniform([levels, chains], 1e-7, 1)))));
    this.everyLevel = tf.range(0, levels * chains, 1, "int32").div(tf.scalar(chains, "int32"));
    const ofBatch = Array.from({ length: 2 * chains }, (_, i) => [(i < chains ? 1 : -1) / chains]);
    this.ofBatch = tf.tensor2d(ofBatch);
    this.steps = 0;
    this.state = {
      flat: tf.tensor1d(weights),
      first: tf.zeros([weights.length]),
      second: tf.zeros([weights.length]),
      places: this.diffused(everyone, labels),
      labels: tf.tensor1d(labels, "int32"),
    };
  }

  // Clean points at their levels' noise, `[n, 2]`.
  diffused(rows, labels) {
    const { clean, signal, noise } = this.problem;
    const number = (row, t, axis) => signal[t] * clean[2 * row + axis] + noise[t] * normal();
    const point = (row, i) => [0, 1].map((axis) => number(row, labels[i], axis));
    return tf.tensor2d(rows.map(point));
  }

  iterate() {
    const { state } = this;
    this.steps += 1;
    this.state = tf.tidy(() => this.next(state));
    tf.dispose(state);
  }

  next(state) {
    const { problem } = this;
    const { chains, levels, clean } = problem;
    const batch = Array.from({ length: chains }, () => below(levels));
    const data = this.diffused(batch.map(() => below(clean.length / 2)), batch);
    const picks = new Set();
    while (picks.size < chains) picks.add(below(clean.length / 2));
    const rows = tf.tensor1d([...picks], "int32");
    const network = new Network(state.flat, problem);

    const held = tf.gather(state.labels, rows);
    const gates = network.at(held);
    const deviation = tf.gather(this.deviations, held).reshape([chains, 1]);
    const evaluate = (x) => network.energyAndGradient(x, gates);
    const x = mala(evaluate, tf.gather(state.places, rows), deviation, this.noise);
    const { energy } = network.forward(tf.tile(x, [levels, 1]), network.at(this.everyLevel));
    const labels = tf.argMax(tf.sub(this.gumbels, energy.reshape([levels, chains])), 0).toInt();

    const both = tf.concat([tf.tensor1d(batch, "int32"), labels]);
    const [slope] = network.slope(tf.concat([data, x]), both, this.ofBatch);
    const at = rows.reshape([chains, 1]);
    return {
      ...this.adam(state, slope),
      places: tf.tensorScatterUpdate(state.places, at, x),
      labels: tf.tensorScatterUpdate(state.labels, at, labels),
    };
  }

  adam(state, slope) {
    const { rate, beta1, beta2, clip } = this.problem;
    const norm = tf.sqrt(tf.sum(tf.square(slope)));
    const g = tf.mul(slope, tf.div(clip, tf.maximum(norm, clip)));
    const first = tf.add(tf.mul(state.first, beta1), tf.mul(g, 1 - beta1));
    const second = tf.add(tf.mul(state.second, beta2), tf.mul(tf.square(g), 1 - beta2));
    const root = tf.add(tf.sqrt(tf.div(second, 1 - beta2 ** this.steps)), EPSILON);
    const step = tf.mul(tf.div(first, root), rate / (1 - beta1 ** this.steps));
    return { flat: tf.sub(state.flat, step), first, second };
  }

  // Waits until the device has done what was asked of it.
  async settled() {
    const one = tf.slice(this.state.flat, [0], [1]);
    await one.data();
    one.dispose();
  }
}
