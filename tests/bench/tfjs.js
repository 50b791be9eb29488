// The timed chains in TensorFlow.js: the same network, weights, starts and transitions, with the input
// gradient written by hand as Basin's is, and noise that is drawn beforehand, which Basin's is not.
// Runs in the rivals' page.

/* global tf */

window.rival = {
  async open(backend, problem) {
    if (backend === "wasm") tf.wasm.setWasmPaths("/");
    await tf.setBackend(backend);
    await tf.ready();
    tf.disposeVariables();
    const { width, depth, weights, start, deviation, confinement } = problem;
    let at = 0;
    const take = (rows, columns) => {
      const part = weights.slice(at, (at += rows * columns));
      return tf.tensor2d(part, [rows, columns]);
    };
    const layers = [];
    for (let l = 0; l < depth; l++) {
      layers.push({ matrix: take(l === 0 ? 2 : width, width), bias: take(1, width) });
    }
    const head = take(width, 1);
    const headBias = take(1, 1);
    const x = tf.tensor2d(start, [start.length / 2, 2]);
    // The wasm backend has no softplus of its own.
    const softplus =
      backend === "wasm"
        ? (a) => tf.add(tf.relu(a), tf.log(tf.add(tf.exp(tf.neg(tf.abs(a))), 1)))
        : (a) => tf.softplus(a);
    const energyAndGradient = (points) => {
      const inputs = [];
      let h = points;
      for (const { matrix, bias } of layers) {
        const a = tf.add(tf.matMul(h, matrix), bias);
        inputs.push(a);
        h = softplus(a);
      }
      const confined = tf.mul(tf.sum(tf.square(points), 1, true), confinement);
      const energy = tf.add(tf.add(tf.matMul(h, head), headBias), confined);
      let g = head.reshape([1, width]);
      for (let l = depth - 1; l >= 0; l--) {
        g = tf.matMul(tf.mul(g, tf.sigmoid(inputs[l])), layers[l].matrix, false, true);
      }
      return [energy, tf.add(g, tf.mul(points, 2 * confinement))];
    };
    const n = x.shape[0];
    const noise = (k) => [
      tf.randomNormal([n, 2], 0, 1, "float32", 2 * k + 1),
      tf.log(tf.randomUniform([n, 1], 1e-7, 1, "float32", 2 * k + 2)),
    ];
    this.energies = async () => {
      const [energy, gradient] = tf.tidy(() => energyAndGradient(x));
      const found = [...(await energy.data()), ...(await gradient.data())];
      tf.dispose([energy, gradient]);
      return found;
    };
    this.chains = async (transitions) => {
      this.noise ??= [];
      while (this.noise.length < transitions) this.noise.push(noise(this.noise.length));
      const draws = this.noise;
      const began = performance.now();
      const moved = tf.tidy(() => {
        let place = x;
        let [energy, gradient] = energyAndGradient(place);
        for (let k = 0; k < transitions; k++) {
          const [z, logUniform] = draws[k];
          const drift = tf.mul(gradient, (deviation * deviation) / 2);
          const proposal = tf.add(tf.sub(place, drift), tf.mul(z, deviation));
          const [newEnergy, newGradient] = energyAndGradient(proposal);
          const back = tf.sub(tf.mul(tf.add(gradient, newGradient), deviation / 2), z);
          const kinetic = tf.sub(tf.sum(tf.square(z), 1, true), tf.sum(tf.square(back), 1, true));
          const ratio = tf.add(tf.sub(energy, newEnergy), tf.mul(kinetic, 0.5));
          const accept = tf.less(logUniform, ratio);
          place = tf.where(accept, proposal, place);
          gradient = tf.where(accept, newGradient, gradient);
          energy = tf.where(accept, newEnergy, energy);
        }
        return place;
      });
      await moved.data();
      moved.dispose();
      return (n * transitions) / ((performance.now() - began) / 1000);
    };
    this.noise = undefined;
  },
};
