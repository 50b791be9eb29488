// Energies and input gradients of an MLP at the points of a party; the CPU's twins are
// `src/kernel/cpu` and, op by op, `MlpAt` in `src/energy/mlp.rs`.
//
// A party is what evaluates points together: a workgroup (`mlp_tile.wgsl`), or one invocation
// (`mlp_lane.wgsl`).
//
// Contract: a kernel puts this file behind a prelude (`src/kernel/gpu/mlp.rs`) that names the network
// (WIDTH, DEPTH, LEVELS, ACTIVATION, CONFINEMENT; LEVELS is 0 without gates) and GRADIENT, adds one of
// the two files above, and defines the three `record_` functions. All invocations of a workgroup call
// `evaluate` with equal points in `at`, which also holds what is found; a gradient means nothing where the
// energy is no number. A party's points lie four to a quad, QUADS of them.

// The flat parameter buffer, and the gates `[DEPTH * LEVELS, WIDTH]` (one unused entry if plain).
@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> gates: array<f32>;

struct Quad {
    x: vec4<f32>,
    y: vec4<f32>,
    level: vec4<u32>,
    // Multiplies what is recorded on the way back, and the gradients.
    scale: vec4<f32>,
    energy: vec4<f32>,
    grad_x: vec4<f32>,
    grad_y: vec4<f32>,
}

var<private> at: array<Quad, QUADS>;
// What `product` found.
var<private> sums: array<vec4<f32>, QUADS>;

// First weight of a layer; of the output layer for `layer == DEPTH`.
fn offset(layer: u32) -> u32 {
    return select(3u * WIDTH + (layer - 1u) * (WIDTH * WIDTH + WIDTH), 0u, layer == 0u);
}

fn sigmoid(a: vec4<f32>) -> vec4<f32> {
    // The exponent stays within range for inputs of any size.
    let e = exponential(-abs(a));
    return select(vec4(1.0), e, a < vec4(0.0)) / (1.0 + e);
}

fn activation(a: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 0u: { return max(a, vec4(0.0)) + log_of_one_plus(exponential(-abs(a))); }
        case 1u: { return a * sigmoid(a); }
        default: { return max(a, vec4(0.0)); }
    }
}

fn slope(a: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 0u: { return sigmoid(a); }
        case 1u: { let s = sigmoid(a); return s * (1.0 + a * (1.0 - s)); }
        default: { return select(vec4(0.0), vec4(1.0), a > vec4(0.0)); }
    }
}

fn gate(layer: u32, unit: u32, q: u32) -> vec4<f32> {
    if LEVELS == 0u {
        return vec4(1.0);
    }
    let row = at[q].level * WIDTH + layer * LEVELS * WIDTH + unit;
    return vec4(gates[row.x], gates[row.y], gates[row.z], gates[row.w]);
}

// A unit of the first layer before its gate.
fn first(unit: u32, x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    return weights[unit] * x + weights[WIDTH + unit] * y + weights[2u * WIDTH + unit];
}

// Energies, and with GRADIENT their gradients too.
fn evaluate(t: u32) {
    for (var q = 0u; q < QUADS; q++) {
        let x = at[q].x;
        let y = at[q].y;
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            let a = first(j, x, y) * gate(0u, j, q);
            let out = activation(a);
            keep(0u, j, q, a);
            hand_on(j, q, out);
            record_output(0u, j, q, out);
        }
    }
    meet();
    for (var l = 1u; l < DEPTH; l++) {
        let base = offset(l);
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            let bias = weights[base + WIDTH * WIDTH + j];
            product(base + j, WIDTH);
            for (var q = 0u; q < QUADS; q++) {
                keep(l, j, q, sums[q] + bias);
            }
        }
        meet();
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            for (var q = 0u; q < QUADS; q++) {
                let out = activation(kept(l, j, q)) * gate(l, j, q);
                hand_on(j, q, out);
                record_output(l, j, q, out);
            }
        }
        meet();
    }
    let head = offset(DEPTH);
    for (var q = 0u; q < QUADS; q++) {
        var energy = vec4(0.0);
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            energy += weights[head + j] * handed(j, q);
        }
        at[q].energy = energy;
    }
    if GRADIENT {
        descend(t);
    }
    add_up(t);
    let bias = weights[head + WIDTH];
    for (var q = 0u; q < QUADS; q++) {
        let x = at[q].x;
        let y = at[q].y;
        let pull = 2.0 * CONFINEMENT * at[q].scale;
        at[q].energy += CONFINEMENT * (x * x + y * y) + bias;
        at[q].grad_x += pull * x;
        at[q].grad_y += pull * y;
    }
}

// The way back. What was kept of a layer makes room for the gradient in its outputs.
fn descend(t: u32) {
    let head = offset(DEPTH);
    // The others may still read what was handed on.
    meet();
    for (var above = DEPTH; above > 0u; above--) {
        let l = above - 1u;
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            let outer = weights[head + j];
            for (var q = 0u; q < QUADS; q++) {
                var g = at[q].scale * outer;
                if above < DEPTH {
                    g = kept(above, j, q);
                }
                let a = kept(l, j, q);
                let s = g * slope(a);
                let back = s * gate(l, j, q);
                hand_on(j, q, back);
                record_slope(l, j, q, back);
                if l == 0u {
                    record_gate(l, j, q, s * first(j, at[q].x, at[q].y));
                } else {
                    record_gate(l, j, q, g * activation(a));
                }
            }
        }
        meet();
        if l > 0u {
            let base = offset(l);
            for (var i = first_unit(t); i < WIDTH; i += STRIDE) {
                product(base + i * WIDTH, 1u);
                for (var q = 0u; q < QUADS; q++) {
                    keep(l, i, q, sums[q]);
                }
            }
            meet();
        }
    }
    for (var q = 0u; q < QUADS; q++) {
        var x = vec4(0.0);
        var y = vec4(0.0);
        for (var j = first_unit(t); j < WIDTH; j += STRIDE) {
            let back = handed(j, q);
            x += weights[j] * back;
            y += weights[WIDTH + j] * back;
        }
        at[q].grad_x = x;
        at[q].grad_y = y;
    }
}
