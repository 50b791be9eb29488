// Iterations of the playground's DA-EBM run in jax-js. What it leaves out only saves it work: noise is
// drawn once, step sizes are not adapted, no acceptance is counted. The replay buffer lies in memory.
// Invariant: between iterations the arrays of `state` are owned once.

import { grad, jit, numpy as np } from "/jax/index.js";
import {
  blocks, energies, energyAndGradient, fused, gatesOf, matrix, noise, normal, transition,
} from "./jaxjs_network.js";

const EPSILON = 1e-8;

const below = (bound) => Math.floor(bound * Math.random());
const refs = (arrays) => arrays.map((array) => array.ref);
const drop = (arrays) => arrays.forEach((array) => array.dispose());

export class Training {
  constructor(problem) {
    const { chains, transitions, levels, clean } = problem;
    this.problem = problem;
    const size = clean.length / 2;
    // A chain a clean point, the levels in equal blocks.
    this.labels = Array.from({ length: size }, (_, i) => Math.floor((i * levels) / size));
    this.places = this.diffused(this.labels.map((_, i) => i), this.labels);
    this.noise = Array.from({ length: transitions }, () => noise(chains));
    const gumbel = () => -Math.log(-Math.log(1 - Math.random()));
    this.gumbels = matrix(Array.from({ length: levels * chains }, gumbel), [levels, chains]);
    const everyLevel = Array.from({ length: levels * chains }, (_, i) => Math.floor(i / chains));
    this.everyLevel = this.member(everyLevel);
    const ofBatch = Array.from({ length: 2 * chains }, (_, i) => (i < chains ? 1 : -1) / chains);
    this.ofBatch = matrix(ofBatch, [2 * chains, 1]);
    this.steps = 0;
    const zeros = () => problem.shapes.map((shape) => np.zeros(shape));
    this.state = { weights: blocks(problem), first: zeros(), second: zeros() };

    this.gates = fused((weights, member) => gatesOf(weights, member, problem));
    this.start = fused((weights, gates, x) => {
      const found = energyAndGradient(weights, x, gates, problem);
      drop(gates);
      return found;
    });
    this.move = fused((weights, gates, s, state, draws) => {
      const moved = transition(weights, gates, s, state, draws, problem);
      drop([...gates, s]);
      return moved;
    });
    this.draw = fused((weights, x, member, gumbels) => {
      const gates = gatesOf(weights, member, problem);
      const energy = energies(weights, np.tile(x, [levels, 1]), gates, problem);
      drop(gates);
      return np.argmax(gumbels.sub(energy.reshape([levels, chains])), 0);
    });
    const contrast = (weights, x, member, weight) => {
      const gates = gatesOf(weights, member, problem);
      const sum = energies(weights, x, gates, problem).mul(weight).sum();
      drop([...gates, ...weights]);
      return sum;
    };
    this.slope = jit(grad(contrast));
    this.learn = jit(({ weights, first, second }, x, member, weight, biases) =>
      this.adam(weights, first, second, grad(contrast)(refs(weights), x, member, weight), biases));
  }

  // Numbers of clean points at their levels' noise, row by row.
  diffused(rows, labels) {
    const { clean, signal, noise } = this.problem;
    return Float32Array.from({ length: 2 * rows.length }, (_, at) => {
      const t = labels[at >> 1];
      return signal[t] * clean[2 * rows[at >> 1] + (at & 1)] + noise[t] * normal();
    });
  }

  // The rows that mark these levels.
  member(labels) {
    const { levels } = this.problem;
    const marks = new Float32Array(labels.length * levels);
    labels.forEach((t, row) => (marks[row * levels + t] = 1));
    return matrix(marks, [labels.length, levels]);
  }

  async found() {
    const { points, labels } = this.problem;
    const x = matrix(points, [labels.length, 2]);
    const { weights } = this.state;
    const gates = this.gates(refs(weights), this.member(labels));
    const both = this.start(refs(weights), gates, x.ref);
    const slopes = this.slope(refs(weights), x, this.member(labels), this.ofBatch.ref);
    const numbers = (parts) => Promise.all(parts.map(async (part) => [...(await part.data())]));
    const [energies, gradients] = await numbers(both);
    return { energies, gradients, slope: (await numbers(slopes)).flat() };
  }

  async iterate() {
    const { chains, levels, clean, deviations, beta1, beta2 } = this.problem;
    const batch = Array.from({ length: chains }, () => below(levels));
    const data = this.diffused(batch.map(() => below(clean.length / 2)), batch);
    const picks = new Set();
    while (picks.size < chains) picks.add(below(clean.length / 2));
    const rows = [...picks];

    const { weights } = this.state;
    const held = rows.map((row) => this.labels[row]);
    const gates = this.gates(refs(weights), this.member(held));
    const s = matrix(held.map((t) => deviations[t]), [chains, 1]);
    const from = matrix(rows.flatMap((row) => [this.places[2 * row], this.places[2 * row + 1]]), [chains, 2]);
    let state = [from.ref, ...this.start(refs(weights), refs(gates), from)];
    for (const draws of this.noise) state = this.move(refs(weights), refs(gates), s.ref, state, refs(draws));
    const [place, ...others] = state;
    drop([...gates, s, ...others]);
    const drawn = this.draw(refs(weights), place.ref, this.everyLevel.ref, this.gumbels.ref);
    const [places, labels] = await Promise.all([place.data(), drawn.data()]);
    rows.forEach((row, i) => {
      this.places.set(places.subarray(2 * i, 2 * i + 2), 2 * row);
      this.labels[row] = labels[i];
    });

    this.steps += 1;
    const biases = [beta1, beta2].map((beta) => np.array(1 - beta ** this.steps));
    const both = matrix([...data, ...places], [2 * chains, 2]);
    const member = this.member([...batch, ...labels]);
    this.state = this.learn(this.state, both, member, this.ofBatch.ref, biases);
  }

  // A step of Adam along the clipped gradient.
  adam(weights, first, second, slopes, [bias1, bias2]) {
    const { rate, beta1, beta2, clip } = this.problem;
    const squares = slopes.map((g) => np.square(g.ref).sum()).reduce((a, b) => a.add(b));
    const shorten = np.array(clip).div(np.maximum(np.sqrt(squares), clip));
    const g = slopes.map((slope) => slope.mul(shorten.ref));
    shorten.dispose();
    const newFirst = first.map((m, i) => m.mul(beta1).add(g[i].ref.mul(1 - beta1)));
    const newSecond = second.map((v, i) => v.mul(beta2).add(np.square(g[i]).mul(1 - beta2)));
    const moved = weights.map((w, i) => {
      const root = np.sqrt(newSecond[i].ref.div(bias2.ref)).add(EPSILON);
      return w.sub(newFirst[i].ref.div(root).mul(rate).div(bias1.ref));
    });
    drop([bias1, bias2]);
    return { weights: moved, first: newFirst, second: newSecond };
  }

  // Waits until the device has done what was asked of it.
  async settled() {
    await this.state.weights[0].ref.data();
  }
}
