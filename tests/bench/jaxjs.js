// The timed work in jax-js: the same networks, weights, starts and transitions, fused by its `jit`.
// Noise is drawn beforehand, which Basin's is not. Runs in the rivals' page.

import { defaultDevice, init } from "/jax/index.js";
import { blocks, energyAndGradient, fused, matrix, noise, transition } from "./jaxjs_network.js";
import { Training } from "./jaxjs_training.js";

window.rival = {
  async open(backend, { chains: problem, training }) {
    const devices = await init(backend);
    if (!devices.includes(backend)) throw new Error(`jax-js has ${devices} here, not ${backend}`);
    defaultDevice(backend);
    const n = problem.labels.length;
    const weights = blocks(problem);
    this.weights = () => weights.map((block) => block.ref);
    this.start = matrix(problem.points, [n, 2]);
    this.draw = () => noise(n);
    this.noise = [];
    this.evaluate = fused((weights, x) => energyAndGradient(weights, x, null, problem));
    this.move = fused((weights, state, draws) =>
      transition(weights, null, problem.deviation, state, draws, problem));
    this.run = new Training(training);
  },

  // What is held against Basin's before anything is timed.
  async found() {
    const both = this.evaluate(this.weights(), this.start.ref);
    const [energies, gradients] = await Promise.all(both.map(async (part) => [...(await part.data())]));
    return { chains: { energies, gradients }, training: await this.run.found() };
  },

  // Chain steps, and the seconds they took.
  async chains(transitions) {
    while (this.noise.length < transitions) this.noise.push(this.draw());
    const began = performance.now();
    let state = [this.start.ref, ...this.evaluate(this.weights(), this.start.ref)];
    for (const [z, logUniform] of this.noise.slice(0, transitions)) {
      state = this.move(this.weights(), state, [z.ref, logUniform.ref]);
    }
    const [place, energy, gradient] = state;
    const moved = await place.data();
    energy.dispose();
    gradient.dispose();
    return { amount: (moved.length / 2) * transitions, seconds: (performance.now() - began) / 1000 };
  },

  // Iterations, and the seconds they took.
  async training(iterations) {
    const began = performance.now();
    for (let i = 0; i < iterations; i++) await this.run.iterate();
    await this.run.settled();
    return { amount: iterations, seconds: (performance.now() - began) / 1000 };
  },
};
