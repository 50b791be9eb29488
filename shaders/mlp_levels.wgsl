// A draw of each point's level from p(t | x), which is softmax(-E(x, t)) over all levels: Gumbel-max, with
// the draws of `src/rng.rs`.
//
// Contract: `result` gets memberships `[rows, LEVELS]`, 1 in the column drawn and 0 elsewhere. The draw
// of point i for level t is element `i LEVELS + t`. Of levels that are equally good the first is drawn. One
// whose energy is no number is not, unless it is the first and there is no other.

struct Info {
    rows: u32,
    stream: u32,
    step_low: u32,
    step_high: u32,
    seed_low: u32,
    seed_high: u32,
}

@group(0) @binding(2) var<storage, read_write> points: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> info: Info;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

var<private> best: array<vec4<f32>, QUADS>;
// LEVELS until there is a level to draw.
var<private> drawn: array<vec4<u32>, QUADS>;

fn record_output(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_slope(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_gate(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}

fn gumbel(element: vec4<u32>) -> vec4<f32> {
    let w = philox(element / 4u, Source(
        info.stream,
        vec2(info.step_low, info.step_high),
        vec2(info.seed_low, info.seed_high),
    ));
    let odd = (element & vec4(1u)) == vec4(1u);
    let late = (element & vec4(2u)) == vec4(2u);
    let bits = select(select(w.a, w.b, odd), select(w.c, w.d, odd), late);
    return -logarithm(-logarithm(unit(bits)));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let first_row = 4u * QUADS * party(group.x, t);
    for (var r = 0u; r < 4u * QUADS; r++) {
        let point = points[min(first_row + r, info.rows - 1u)];
        at[r / 4u].x[r % 4u] = point.x;
        at[r / 4u].y[r % 4u] = point.y;
        drawn[r / 4u] = vec4(LEVELS);
    }
    for (var level = 0u; level < LEVELS; level++) {
        for (var q = 0u; q < QUADS; q++) {
            at[q].level = vec4(level);
        }
        evaluate(t);
        for (var q = 0u; q < QUADS; q++) {
            let row = first_row + 4u * q + vec4(0u, 1u, 2u, 3u);
            let score = gumbel(row * LEVELS + level) - at[q].energy;
            // A comparison by bits: a compiler may assume that no number is NaN.
            let number = (bitcast<vec4<u32>>(score) & vec4(0x7fffffffu)) <= vec4(0x7f800000u);
            let better = number & ((score > best[q]) | (drawn[q] == vec4(LEVELS)));
            best[q] = select(best[q], score, better);
            drawn[q] = select(drawn[q], vec4(level), better);
        }
    }
    for (var r = 0u; r < 4u * QUADS; r++) {
        let row = first_row + r;
        if !writes(t, r) || row >= info.rows {
            continue;
        }
        // Modulo: the first where there was none.
        let one = drawn[r / 4u][r % 4u] % LEVELS;
        for (var level = 0u; level < LEVELS; level++) {
            result[row * LEVELS + level] = f32(one == level);
        }
    }
}
