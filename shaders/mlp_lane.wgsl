// One invocation evaluates QUADS quads of points: the shape for software adapters. They run few lanes
// on few cores, and pay for memory: a load at an address that is found while running costs them some
// thirty times a multiplication, a load of a private array at an address written in the text next to
// nothing. So every weight that is read serves all points of the invocation, and `product` is written
// out over the units (`src/kernel/gpu/program.rs`).
//
// Contract: the prelude binds `scratch`, with room for DEPTH * WIDTH vectors a quad.

const THREADS = 4u;
const STRIDE = 1u;

// What travels from layer to layer, quad by quad within a unit.
var<private> signal: array<vec4<f32>, WIDTH * QUADS>;
var<private> own: u32;

fn party(group: u32, t: u32) -> u32 {
    own = group * THREADS + t;
    return own;
}

fn writes(t: u32, i: u32) -> bool {
    return true;
}

fn first_unit(t: u32) -> u32 {
    return 0u;
}

fn meet() {}

fn place(layer: u32, unit: u32, q: u32) -> u32 {
    return ((own * DEPTH + layer) * WIDTH + unit) * QUADS + q;
}

fn keep(layer: u32, unit: u32, q: u32, value: vec4<f32>) {
    scratch[place(layer, unit, q)] = value;
}

fn kept(layer: u32, unit: u32, q: u32) -> vec4<f32> {
    return scratch[place(layer, unit, q)];
}

fn hand_on(unit: u32, q: u32, value: vec4<f32>) {
    signal[unit * QUADS + q] = value;
}

fn handed(unit: u32, q: u32) -> vec4<f32> {
    return signal[unit * QUADS + q];
}

fn add_up(t: u32) {}

// exp(x) for x at most 0; nothing below -86. Coefficients of Cephes' `exp2f`
// (<https://www.netlib.org/cephes/>); a software adapter's own is three times as slow.
fn exponential(x: vec4<f32>) -> vec4<f32> {
    let exponent = max(x, vec4(-86.0)) * 1.442695;
    let whole = floor(exponent + 0.5);
    let r = exponent - whole;
    var p = fma(r, vec4(1.535336188e-4), vec4(1.339887440e-3));
    p = fma(p, r, vec4(9.618437357e-3));
    p = fma(p, r, vec4(5.550332471e-2));
    p = fma(p, r, vec4(2.402264791e-1));
    p = fma(p, r, vec4(6.931472028e-1));
    p = fma(p, r, vec4(1.0));
    let found = bitcast<vec4<f32>>(bitcast<vec4<i32>>(p) + (vec4<i32>(whole) << vec4(23u)));
    // By bits: a compiler may assume that no number is NaN.
    return select(x, found, (bitcast<vec4<u32>>(x) & vec4(0x7fffffffu)) <= vec4(0x7f800000u));
}

// ln(1 + e) = 2 artanh(q) for e between 0 and 1, with q at most 1/3, where the series is short.
fn log_of_one_plus(e: vec4<f32>) -> vec4<f32> {
    let q = e / (2.0 + e);
    let q2 = q * q;
    var s = fma(q2, vec4(1.0 / 13.0), vec4(1.0 / 11.0));
    s = fma(s, q2, vec4(1.0 / 9.0));
    s = fma(s, q2, vec4(1.0 / 7.0));
    s = fma(s, q2, vec4(1.0 / 5.0));
    s = fma(s, q2, vec4(1.0 / 3.0));
    s = fma(s, q2, vec4(1.0));
    return 2.0 * q * s;
}
