// Transitions of unadjusted or Metropolis-adjusted Langevin dynamics; the CPU's twins are
// `src/sampler/langevin.rs` and `src/sampler/mala.rs`, and the noise is that of `src/rng.rs`.
//
// Contract: a stretch of the chains' transitions, those from `info.done` on. Row i of `start` has (x, y,
// label, proposal deviation) of chain i. After the last stretch `result` holds the places `[chains, 2]`,
// from `info.accepted` on the share of proposals accepted `[chains]`, and from `info.trail` on the places
// after each transition from number `info.kept` on, `[.., chains, 2]`. `carried` `[chains]` holds energy, gradient and the number of
// proposals accepted from one stretch to the next. A proposal whose energy is no number is rejected
// under the test.

struct Info {
    chains: u32,
    // Transitions before this stretch, within it, and in all stretches.
    done: u32,
    transitions: u32,
    all: u32,
    // The first transition whose places are kept.
    kept: u32,
    // First entries of the shares and of the places that are kept in the result.
    accepted: u32,
    trail: u32,
    // 1 for the Metropolis test, 0 to accept everything.
    adjusted: u32,
    // Chains that have noise of their own: all, or one whose noise is everyone's.
    drawn: u32,
    // Streams of the normals and of the uniforms.
    normal: u32,
    uniform: u32,
    // Padding would go unseen between vectors.
    step_low: u32,
    step_high: u32,
    seed_low: u32,
    seed_high: u32,
}

fn source(stream: u32) -> Source {
    return Source(stream, vec2(info.step_low, info.step_high), vec2(info.seed_low, info.seed_high));
}

@group(0) @binding(2) var<storage, read_write> start: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> carried: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> info: Info;
@group(0) @binding(5) var<storage, read_write> result: array<f32>;

// The stretch: barriers inside a loop need bounds that are known to be the same everywhere.
var<workgroup> stretch: vec2<u32>;

struct Chains {
    row: vec4<u32>,
    x: vec4<f32>,
    y: vec4<f32>,
    deviation: vec4<f32>,
    energy: vec4<f32>,
    grad_x: vec4<f32>,
    grad_y: vec4<f32>,
    accepted: vec4<f32>,
    // Of the transition at hand.
    noise_x: vec4<f32>,
    noise_y: vec4<f32>,
}

var<private> chains: array<Chains, QUADS>;

fn record_output(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_slope(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}
fn record_gate(layer: u32, unit: u32, q: u32, value: vec4<f32>) {}

fn is_number(v: vec4<f32>) -> vec4<bool> {
    // By bits: a compiler may assume that no number is NaN.
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) <= vec4(0x7f800000u);
}

// Numbers of the draws of the chains at transition k.
fn draws(q: u32, k: u32) -> vec4<u32> {
    return k * info.drawn + select(chains[q].row, vec4(0u), info.drawn == 1u);
}

fn draw_noise(q: u32, k: u32) {
    let draw = draws(q, k);
    let w = philox(draw / 2u, source(info.normal));
    let odd = (draw & vec4(1u)) == vec4(1u);
    let z = normals(select(w.a, w.c, odd), select(w.b, w.d, odd));
    chains[q].noise_x = z.x;
    chains[q].noise_y = z.y;
}

fn draw_log_uniform(q: u32, k: u32) -> vec4<f32> {
    let draw = draws(q, k);
    let w = philox(draw / 4u, source(info.uniform));
    let odd = (draw & vec4(1u)) == vec4(1u);
    let late = (draw & vec4(2u)) == vec4(2u);
    return logarithm(unit(select(select(w.a, w.b, odd), select(w.c, w.d, odd), late)));
}

fn begin(q: u32, p: u32) {
    for (var i = 0u; i < 4u; i++) {
        let row = min((p * QUADS + q) * 4u + i, info.chains - 1u);
        let origin = start[row];
        chains[q].row[i] = row;
        chains[q].x[i] = origin.x;
        chains[q].y[i] = origin.y;
        at[q].level[i] = u32(origin.z);
        chains[q].deviation[i] = origin.w;
        if info.done > 0u {
            chains[q].x[i] = result[2u * row];
            chains[q].y[i] = result[2u * row + 1u];
            let before = carried[row];
            chains[q].energy[i] = before.x;
            chains[q].grad_x[i] = before.y;
            chains[q].grad_y[i] = before.z;
            chains[q].accepted[i] = before.w;
        }
    }
    at[q].scale = vec4(1.0);
}

// Writes what the invocation answers for.
fn write(q: u32, p: u32, t: u32, k: u32, last: bool) {
    let c = chains[q];
    for (var i = 0u; i < 4u; i++) {
        let row = (p * QUADS + q) * 4u + i;
        if !writes(t, i) || row >= info.chains {
            continue;
        }
        if k >= info.kept {
            let place = info.trail + 2u * ((k - info.kept) * info.chains + row);
            result[place] = c.x[i];
            result[place + 1u] = c.y[i];
        }
        if last {
            result[2u * row] = c.x[i];
            result[2u * row + 1u] = c.y[i];
            result[info.accepted + row] = c.accepted[i] / f32(info.all);
            carried[row] = vec4(c.energy[i], c.grad_x[i], c.grad_y[i], c.accepted[i]);
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    if t == 0u {
        stretch = vec2(info.done, info.transitions);
    }
    let bounds = workgroupUniformLoad(&stretch);
    let p = party(group.x, t);
    for (var q = 0u; q < QUADS; q++) {
        begin(q, p);
    }
    // Round 0 evaluates the start: a second call of `evaluate` would double what is compiled.
    for (var round = min(bounds.x, 1u); round <= bounds.y; round++) {
        let moving = round > 0u;
        let k = bounds.x + round - 1u;
        for (var q = 0u; q < QUADS; q++) {
            if moving {
                draw_noise(q, k);
            }
            let c = chains[q];
            let s = c.deviation;
            at[q].x = c.x - c.grad_x * s * s * 0.5 + c.noise_x * s;
            at[q].y = c.y - c.grad_y * s * s * 0.5 + c.noise_y * s;
        }
        evaluate(t);
        for (var q = 0u; q < QUADS; q++) {
            let c = chains[q];
            let there = at[q];
            var accept = vec4(true);
            if moving && info.adjusted == 1u {
                let s = c.deviation;
                let back_x = (c.grad_x + there.grad_x) * s * 0.5 - c.noise_x;
                let back_y = (c.grad_y + there.grad_y) * s * 0.5 - c.noise_y;
                let log_ratio = c.energy - there.energy
                    + 0.5 * (c.noise_x * c.noise_x + c.noise_y * c.noise_y)
                    - 0.5 * (back_x * back_x + back_y * back_y);
                accept = (draw_log_uniform(q, k) < log_ratio) & is_number(log_ratio);
            }
            chains[q].x = select(c.x, there.x, accept);
            chains[q].y = select(c.y, there.y, accept);
            chains[q].energy = select(c.energy, there.energy, accept);
            chains[q].grad_x = select(c.grad_x, there.grad_x, accept);
            chains[q].grad_y = select(c.grad_y, there.grad_y, accept);
            if moving {
                chains[q].accepted = c.accepted + select(vec4(0.0), vec4(1.0), accept);
                write(q, p, t, k, round == bounds.y);
            }
        }
    }
}
