// A workgroup evaluates one quad of points: the shape for a GPU, whose many lanes share the units of
// a layer. Neighbours read neighbouring weights.

const QUADS = 1u;
const THREADS = 64u;
const STRIDE = THREADS;

// Inputs of the activations, layer by layer; on the way back, gradients by layer outputs.
var<workgroup> inputs: array<vec4<f32>, DEPTH * WIDTH>;
// What travels from layer to layer.
var<workgroup> signal: array<vec4<f32>, WIDTH>;
var<workgroup> part_energy: array<vec4<f32>, THREADS>;
var<workgroup> part_x: array<vec4<f32>, THREADS>;
var<workgroup> part_y: array<vec4<f32>, THREADS>;

fn party(group: u32, t: u32) -> u32 {
    return group;
}

// Whether an invocation writes what was found for point i of the party.
fn writes(t: u32, i: u32) -> bool {
    return t == i;
}

fn first_unit(t: u32) -> u32 {
    return t;
}

fn meet() {
    workgroupBarrier();
}

fn keep(layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    inputs[layer * WIDTH + unit] = value;
}

fn kept(layer: u32, unit: u32, q: u32) -> vec4<f32> {
    return inputs[layer * WIDTH + unit];
}

fn hand_on(unit: u32, q: u32, value: vec4<f32>) {
    signal[unit] = value;
}

fn handed(unit: u32, q: u32) -> vec4<f32> {
    return signal[unit];
}

// The sum of `weights[origin + k * step]` times what unit k handed on.
fn product(origin: u32, step: u32) {
    var sum = vec4(0.0);
    for (var k = 0u; k < WIDTH; k++) {
        sum += weights[origin + k * step] * signal[k];
    }
    sums[0] = sum;
}

// Adds up what the invocations found of energies and gradients: each does it itself, which costs
// less than another barrier.
fn add_up(t: u32) {
    part_energy[t] = at[0].energy;
    part_x[t] = at[0].grad_x;
    part_y[t] = at[0].grad_y;
    workgroupBarrier();
    at[0].energy = vec4(0.0);
    at[0].grad_x = vec4(0.0);
    at[0].grad_y = vec4(0.0);
    for (var i = 0u; i < THREADS; i++) {
        at[0].energy += part_energy[i];
        at[0].grad_x += part_x[i];
        at[0].grad_y += part_y[i];
    }
}

fn exponential(x: vec4<f32>) -> vec4<f32> {
    return exp(x);
}

fn log_of_one_plus(e: vec4<f32>) -> vec4<f32> {
    return log(1.0 + e);
}
