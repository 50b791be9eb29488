// Energy and input gradient of an MLP at four points a workgroup; the CPU's twins are
// `src/kernel/cpu` and, op by op, `MlpAt` in `src/energy/mlp.rs`.
//
// Contract: a kernel puts this file behind a prelude (`src/kernel/gpu/mlp.rs`) that names the network
// (WIDTH, DEPTH, LEVELS, ACTIVATION, CONFINEMENT; LEVELS is 0 without gates), defines the three
// `record_` functions, and calls `evaluate` from all THREADS invocations of a workgroup with equal
// arguments. Lane i of every vec4 belongs to the workgroup's point i. Units are dealt out over
// invocations, so that neighbours read neighbouring weights.

const THREADS = 64u;

// The flat parameter buffer, and the gates `[DEPTH * LEVELS, WIDTH]` (one unused entry if plain).
@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> gates: array<f32>;

struct Four {
    energy: vec4<f32>,
    grad_x: vec4<f32>,
    grad_y: vec4<f32>,
}

// Inputs of the activations, layer by layer; on the way back, gradients by layer outputs.
var<workgroup> inputs: array<vec4<f32>, DEPTH * WIDTH>;
// What travels from layer to layer.
var<workgroup> signal: array<vec4<f32>, WIDTH>;
var<workgroup> part_energy: array<vec4<f32>, THREADS>;
var<workgroup> part_x: array<vec4<f32>, THREADS>;
var<workgroup> part_y: array<vec4<f32>, THREADS>;

// First weight of a layer; of the output layer for `layer == DEPTH`.
fn offset(layer: u32) -> u32 {
    return select(3u * WIDTH + (layer - 1u) * (WIDTH * WIDTH + WIDTH), 0u, layer == 0u);
}

fn sigmoid(a: vec4<f32>) -> vec4<f32> {
    // The exponent stays within range for inputs of any size.
    let e = exp(-abs(a));
    return select(vec4(1.0), e, a < vec4(0.0)) / (1.0 + e);
}

fn activation(a: vec4<f32>) -> vec4<f32> {
    switch ACTIVATION {
        case 0u: { return max(a, vec4(0.0)) + log(1.0 + exp(-abs(a))); }
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

fn gate(layer: u32, unit: u32, level: vec4<u32>) -> vec4<f32> {
    if LEVELS == 0u {
        return vec4(1.0);
    }
    let at = level * WIDTH + layer * LEVELS * WIDTH + unit;
    return vec4(gates[at.x], gates[at.y], gates[at.z], gates[at.w]);
}

// The first layer before its gate.
fn first(unit: u32, x: vec4<f32>, y: vec4<f32>) -> vec4<f32> {
    return weights[unit] * x + weights[WIDTH + unit] * y + weights[2u * WIDTH + unit];
}

// Energies, and with GRADIENT their gradients too. `scale` multiplies what is recorded on the way
// back, and the gradients.
fn evaluate(t: u32, x: vec4<f32>, y: vec4<f32>, level: vec4<u32>, scale: vec4<f32>) -> Four {
    for (var j = t; j < WIDTH; j += THREADS) {
        let a = first(j, x, y) * gate(0u, j, level);
        let out = activation(a);
        inputs[j] = a;
        signal[j] = out;
        record_output(0u, j, out);
    }
    workgroupBarrier();
    for (var l = 1u; l < DEPTH; l++) {
        let base = offset(l);
        for (var j = t; j < WIDTH; j += THREADS) {
            var a = vec4(weights[base + WIDTH * WIDTH + j]);
            for (var i = 0u; i < WIDTH; i++) {
                a += weights[base + i * WIDTH + j] * signal[i];
            }
            inputs[l * WIDTH + j] = a;
        }
        workgroupBarrier();
        for (var j = t; j < WIDTH; j += THREADS) {
            let out = activation(inputs[l * WIDTH + j]) * gate(l, j, level);
            signal[j] = out;
            record_output(l, j, out);
        }
        workgroupBarrier();
    }
    let head = offset(DEPTH);
    var e = vec4(0.0);
    for (var j = t; j < WIDTH; j += THREADS) {
        e += weights[head + j] * signal[j];
    }
    part_energy[t] = e;
    workgroupBarrier();
    if GRADIENT {
        for (var above = DEPTH; above > 0u; above--) {
            let l = above - 1u;
            for (var j = t; j < WIDTH; j += THREADS) {
                var g = scale * weights[head + j];
                if above < DEPTH {
                    g = inputs[above * WIDTH + j];
                }
                let a = inputs[l * WIDTH + j];
                let s = g * slope(a);
                let back = s * gate(l, j, level);
                signal[j] = back;
                record_slope(l, j, back);
                if l == 0u {
                    record_gate(l, j, s * first(j, x, y));
                } else {
                    record_gate(l, j, g * activation(a));
                }
            }
            workgroupBarrier();
            if l > 0u {
                let base = offset(l);
                for (var i = t; i < WIDTH; i += THREADS) {
                    var g = vec4(0.0);
                    for (var j = 0u; j < WIDTH; j++) {
                        g += weights[base + i * WIDTH + j] * signal[j];
                    }
                    inputs[l * WIDTH + i] = g;
                }
                workgroupBarrier();
            }
        }
        var gx = vec4(0.0);
        var gy = vec4(0.0);
        for (var j = t; j < WIDTH; j += THREADS) {
            gx += weights[j] * signal[j];
            gy += weights[WIDTH + j] * signal[j];
        }
        part_x[t] = gx;
        part_y[t] = gy;
        workgroupBarrier();
    }
    // Every invocation adds up the parts itself: that costs less than another barrier.
    var four = Four(
        CONFINEMENT * (x * x + y * y) + weights[head + WIDTH],
        2.0 * CONFINEMENT * x * scale,
        2.0 * CONFINEMENT * y * scale,
    );
    for (var i = 0u; i < THREADS; i++) {
        four.energy += part_energy[i];
        if GRADIENT {
            four.grad_x += part_x[i];
            four.grad_y += part_y[i];
        }
    }
    return four;
}
