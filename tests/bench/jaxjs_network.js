// Energies of the plane in jax-js, plain or gated by the noise level, their gradients in the points, and
// transitions of MALA.
// Invariant: weights and gates that a function is given remain the caller's; of everything else it uses
// an array but the last time through `ref`, for jax-js frees what it is given.

import { jit, nn, numpy as np } from "/jax/index.js";

export const matrix = (numbers, shape) => np.array(Float32Array.from(numbers)).reshape(shape);

// The blocks of a problem's flat weights.
export function blocks({ weights, shapes }) {
  let at = 0;
  return shapes.map(([rows, columns]) => matrix(weights.slice(at, (at += rows * columns)), [rows, columns]));
}

// Fuses a function whose first argument is the weights.
export function fused(work) {
  return jit((weights, ...rest) => {
    const found = work(weights, ...rest);
    for (const block of weights) block.dispose();
    return found;
  });
}

const rowSum = (x) => x.sum(1, { keepdims: true });

// Layer l of the hidden layers, the head and the time network, in this order.
const affine = (weights, l, h) => np.matmul(h, weights[2 * l].ref).add(weights[2 * l + 1].ref);

// The gates of points whose levels `member` `[n, levels]` marks: `[n, width]` a layer.
export function gatesOf(weights, member, { depth, levels, width }) {
  const half = width / 2;
  const entry = (t, i) => {
    const angle = t * 10_000 ** (-(i % half) / (half - 1));
    return i < half ? Math.sin(angle) : Math.cos(angle);
  };
  const read = Array.from({ length: levels * width }, (_, at) => entry(Math.floor(at / width), at % width));
  let h = matrix(read, [levels, width]);
  for (const l of [depth + 1, depth + 2]) h = nn.softplus(affine(weights, l, h));
  const gate = (l) => np.matmul(member.ref, affine(weights, depth + 3 + l, h.ref));
  const gates = Array.from({ length: depth }, (_, l) => gate(l));
  h.dispose();
  member.dispose();
  return gates;
}

// What each activation is given, and the energies `[n, 1]`.
function forward(weights, x, gates, { depth, confinement }) {
  const inputs = [];
  let h = x.ref;
  for (let l = 0; l < depth; l++) {
    const a = affine(weights, l, h);
    // The first gate acts before the activation, the others after it.
    inputs.push(gates && l === 0 ? a.mul(gates[l].ref) : a);
    h = nn.softplus(inputs[l].ref);
    if (gates && l > 0) h = h.mul(gates[l].ref);
  }
  const confined = rowSum(np.square(x)).mul(confinement);
  return [inputs, affine(weights, depth, h).add(confined)];
}

export function energies(weights, x, gates, problem) {
  const [inputs, energy] = forward(weights, x, gates, problem);
  for (const input of inputs) input.dispose();
  return energy;
}

export function energyAndGradient(weights, x, gates, problem) {
  const { depth, confinement } = problem;
  const [inputs, energy] = forward(weights, x.ref, gates, problem);
  let g = weights[2 * depth].ref.transpose();
  for (let l = depth - 1; l >= 0; l--) {
    if (gates) g = g.mul(gates[l].ref);
    g = np.matmul(nn.sigmoid(inputs[l]).mul(g), weights[2 * l].ref.transpose());
  }
  return [energy, g.add(x.mul(2 * confinement))];
}

// One transition of MALA with deviation `s`, a number or `[n, 1]` of the caller's.
export function transition(weights, gates, s, [place, energy, gradient], [z, logUniform], problem) {
  const times = (x) => x.mul(s.ref ?? s);
  const proposal = place.ref.sub(times(times(gradient.ref)).mul(0.5)).add(times(z.ref));
  const [newEnergy, newGradient] = energyAndGradient(weights, proposal.ref, gates, problem);
  const back = times(gradient.ref.add(newGradient.ref)).mul(0.5).sub(z.ref);
  const kinetic = rowSum(np.square(z)).sub(rowSum(np.square(back)));
  const ratio = energy.ref.sub(newEnergy.ref).add(kinetic.mul(0.5));
  const accept = logUniform.less(ratio);
  return [
    np.where(accept.ref, proposal, place),
    np.where(accept.ref, newEnergy, energy),
    np.where(accept, newGradient, gradient),
  ];
}

export function normal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

// Normals and logarithms of uniforms for a transition of n chains.
export const noise = (n) => [
  matrix(Array.from({ length: 2 * n }, normal), [n, 2]),
  matrix(Array.from({ length: n }, () => Math.log(1 - Math.random())), [n, 1]),
];
