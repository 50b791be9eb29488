// K transitions of unadjusted or Metropolis-adjusted Langevin dynamics, four chains a workgroup; the
// CPU twins are `src/sampler/langevin.rs` and `src/sampler/mala.rs`.
//
// Contract: `start` has (x, y, label, proposal deviation) for each of n chains, `noise` two normals
// and the logarithm of a uniform for each of K transitions and n chains. Row (k, i) of `path` is the
// place of chain i after transition k, and 1 where that was accepted, else 0. A proposal whose
// energy is no number is rejected under the test.

struct Info {
    chains: u32,
    transitions: u32,
    // 1 for the Metropolis test, 0 to accept everything.
    adjusted: u32,
}

@group(0) @binding(2) var<storage, read_write> start: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> noise: array<f32>;
@group(0) @binding(4) var<storage, read_write> info: Info;
@group(0) @binding(5) var<storage, read_write> path: array<f32>;

var<workgroup> transitions: u32;

fn record_output(layer: u32, unit: u32, value: vec4<f32>) {}
fn record_slope(layer: u32, unit: u32, value: vec4<f32>) {}
fn record_gate(layer: u32, unit: u32, value: vec4<f32>) {}

fn is_number(v: vec4<f32>) -> vec4<bool> {
    // By bits: a compiler may assume that no number is NaN.
    return (bitcast<vec4<u32>>(v) & vec4(0x7fffffffu)) <= vec4(0x7f800000u);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    if t == 0u {
        transitions = info.transitions;
    }
    // Barriers inside the loop need a bound that is known to be the same everywhere.
    let count = workgroupUniformLoad(&transitions);
    var row: vec4<u32>;
    var x: vec4<f32>;
    var y: vec4<f32>;
    var s: vec4<f32>;
    var level: vec4<u32>;
    for (var i = 0u; i < 4u; i++) {
        row[i] = min(4u * group.x + i, info.chains - 1u);
        let chain = start[row[i]];
        x[i] = chain.x;
        y[i] = chain.y;
        level[i] = u32(chain.z);
        s[i] = chain.w;
    }
    var here: Four;
    // Step 0 evaluates the start: a second call of `evaluate` would double what is compiled.
    for (var k = 0u; k <= count; k++) {
        var zx: vec4<f32>;
        var zy: vec4<f32>;
        var log_uniform: vec4<f32>;
        if k > 0u {
            for (var i = 0u; i < 4u; i++) {
                let at = 3u * ((k - 1u) * info.chains + row[i]);
                zx[i] = noise[at];
                zy[i] = noise[at + 1u];
                log_uniform[i] = noise[at + 2u];
            }
        }
        let new_x = x - here.grad_x * s * s * 0.5 + zx * s;
        let new_y = y - here.grad_y * s * s * 0.5 + zy * s;
        let there = evaluate(t, new_x, new_y, level, vec4(1.0));
        let back_x = (here.grad_x + there.grad_x) * s * 0.5 - zx;
        let back_y = (here.grad_y + there.grad_y) * s * 0.5 - zy;
        let log_ratio = here.energy - there.energy
            + 0.5 * (zx * zx + zy * zy) - 0.5 * (back_x * back_x + back_y * back_y);
        let always = vec4(k == 0u || info.adjusted == 0u);
        let accept = always | ((log_uniform < log_ratio) & is_number(log_ratio));
        x = select(x, new_x, accept);
        y = select(y, new_y, accept);
        here.energy = select(here.energy, there.energy, accept);
        here.grad_x = select(here.grad_x, there.grad_x, accept);
        here.grad_y = select(here.grad_y, there.grad_y, accept);
        if k > 0u && t < 4u && 4u * group.x + t < info.chains {
            let at = 3u * ((k - 1u) * info.chains + row[t]);
            path[at] = x[t];
            path[at + 1u] = y[t];
            path[at + 2u] = select(0.0, 1.0, accept[t]);
        }
    }
}
