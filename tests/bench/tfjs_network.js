// Energies of the plane in TensorFlow.js, plain or gated by the noise level, with their gradients in
// the points and in the weights written by hand, as Basin's are.
// Invariant: the weights are one flat tensor, laid out as Basin's is.

/* global tf */

// Each backend has operations of which others are faster.
const onWasm = () => tf.getBackend() === "wasm";

const softplus = (a) =>
  onWasm() ? tf.sub(tf.relu(a), tf.log(tf.sigmoid(tf.abs(a)))) : tf.softplus(a);

const rows = (table, labels) =>
  onWasm() ? tf.matMul(tf.oneHot(labels, table.shape[0]).toFloat(), table) : tf.gather(table, labels);

// The product of a's transpose with b.
const across = (a, b) => (onWasm() ? tf.matMul(tf.transpose(a), b) : tf.matMul(a, b, true));

const affine = (h, { matrix, bias }) => tf.fused.matMul({ a: h, b: matrix, bias: bias.flatten() });

// The gradients of a layer's matrix and bias; a sum down the columns is slow on software WebGPU.
const slopes = (from, g) => [across(from, g), tf.matMul(tf.ones([1, g.shape[0]]), g)];

// What the time network reads: sines and cosines of every level.
function embedding(levels, width) {
  const half = width / 2;
  const row = (t) => Array.from({ length: width }, (_, i) => {
    const angle = t * 10_000 ** (-(i % half) / (half - 1));
    return i < half ? Math.sin(angle) : Math.cos(angle);
  });
  return tf.tensor2d(Array.from({ length: levels }, (_, t) => row(t)));
}

export class Network {
  constructor(flat, { depth, width, levels, confinement, shapes }) {
    const sizes = shapes.map(([rows, columns]) => rows * columns);
    const blocks = tf.split(flat, sizes).map((block, i) => block.reshape(shapes[i]));
    const layer = (at) => ({ matrix: blocks[at], bias: blocks[at + 1] });
    // A product that is to transpose its matrix takes wasm ten times as long.
    const back = (layer) => ({ ...layer, transposed: tf.transpose(layer.matrix) });
    this.layers = Array.from({ length: depth }, (_, l) => back(layer(2 * l)));
    this.head = layer(2 * depth);
    this.confinement = confinement;
    if (levels) {
      const time = Array.from({ length: 2 + depth }, (_, l) => layer(2 * (depth + 1 + l)));
      this.time = time.slice(0, 2);
      this.gating = time.slice(2);
      this.read = embedding(levels, width);
      this.hidden = affine(this.read, this.time[0]);
      this.shared = affine(softplus(this.hidden), this.time[1]);
      this.gates = this.gating.map((layer) => affine(softplus(this.shared), layer));
    }
  }

  // The gates of points at these levels; of a plain network none.
  at(labels) {
    return this.gates?.map((gate) => rows(gate, labels));
  }

  // What each layer was given, what it made of that, and the energies `[n, 1]`.
  forward(x, gates) {
    const passed = [];
    let h = x;
    for (const [l, layer] of this.layers.entries()) {
      const before = affine(h, layer);
      // The first gate acts before the activation, the others after it.
      const input = l === 0 && gates ? tf.mul(before, gates[l]) : before;
      const active = softplus(input);
      passed.push({ from: h, before, input, active });
      h = l > 0 && gates ? tf.mul(active, gates[l]) : active;
    }
    const confined = tf.mul(tf.sum(tf.square(x), 1, true), this.confinement);
    return { passed, last: h, energy: tf.add(affine(h, this.head), confined) };
  }

  energyAndGradient(x, gates) {
    const { passed, energy } = this.forward(x, gates);
    let g = this.head.matrix.reshape([1, -1]);
    for (let l = passed.length - 1; l >= 0; l--) {
      if (gates) g = tf.mul(g, gates[l]);
      g = tf.matMul(tf.mul(g, tf.sigmoid(passed[l].input)), this.layers[l].transposed);
    }
    return [energy, tf.add(g, tf.mul(x, 2 * this.confinement))];
  }

  // The gradient in the flat weights of the sum of energies times `weight` `[n, 1]`, and that sum; of a
  // gated network only.
  slope(x, labels, weight) {
    const gates = this.at(labels);
    const { passed, last, energy } = this.forward(x, gates);
    const head = slopes(last, weight);
    const layers = [];
    const ofGates = [];
    let g = tf.mul(weight, this.head.matrix.reshape([1, -1]));
    for (let l = passed.length - 1; l >= 0; l--) {
      const { from, before, input, active } = passed[l];
      const slope = tf.sigmoid(input);
      if (l === 0) g = tf.mul(g, slope);
      ofGates.unshift(tf.mul(g, l === 0 ? before : active));
      g = tf.mul(g, gates[l]);
      if (l > 0) g = tf.mul(g, slope);
      layers.unshift(...slopes(from, g));
      if (l > 0) g = tf.matMul(g, this.layers[l].transposed);
    }
    const parts = [...layers, ...head, ...this.timeSlopes(labels, ofGates)];
    return [tf.concat(parts.map((part) => part.flatten())), tf.sum(tf.mul(energy, weight))];
  }

  // The way back from the gates of all points through the time network.
  timeSlopes(labels, ofGates) {
    const member = tf.oneHot(labels, this.read.shape[0]).toFloat();
    const sums = ofGates.map((g) => across(member, g));
    const shared = softplus(this.shared);
    const back = sums.map((g, l) => tf.matMul(g, this.gating[l].matrix, false, true));
    const second = tf.mul(tf.addN(back), tf.sigmoid(this.shared));
    const through = tf.matMul(second, this.time[1].matrix, false, true);
    const first = tf.mul(through, tf.sigmoid(this.hidden));
    return [
      ...slopes(this.read, first),
      ...slopes(softplus(this.hidden), second),
      ...sums.flatMap((g) => slopes(shared, g)),
    ];
  }
}
