// MALA in TensorFlow.js.

/* global tf */

// Normals and logarithms of uniforms for a transition of n chains.
export const noise = (n, seed) => [
  tf.randomNormal([n, 2], 0, 1, "float32", 2 * seed + 1),
  tf.log(tf.randomUniform([n, 1], 1e-7, 1, "float32", 2 * seed + 2)),
];

// Chains from `x` after a transition for each of `draws`. `evaluate` gives energies and gradients;
// `deviation` is a scalar or `[n, 1]`.
export function mala(evaluate, x, deviation, draws) {
  const half = tf.mul(deviation, 0.5);
  const pull = tf.mul(deviation, half);
  let place = x;
  let [energy, gradient] = evaluate(place);
  for (const [z, logUniform] of draws) {
    const proposal = tf.add(tf.sub(place, tf.mul(gradient, pull)), tf.mul(z, deviation));
    const [newEnergy, newGradient] = evaluate(proposal);
    const back = tf.sub(tf.mul(tf.add(gradient, newGradient), half), z);
    const kinetic = tf.sub(tf.sum(tf.square(z), 1, true), tf.sum(tf.square(back), 1, true));
    const ratio = tf.add(tf.sub(energy, newEnergy), tf.mul(kinetic, 0.5));
    const accept = tf.less(logUniform, ratio);
    place = tf.where(accept, proposal, place);
    gradient = tf.where(accept, newGradient, gradient);
    energy = tf.where(accept, newEnergy, energy);
  }
  return place;
}
