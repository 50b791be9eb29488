// Matrix products of a layer and nothing else, in the shape for software adapters (`mlp_lane.wgsl`): what a
// kernel of that shape could do if there were no activations, no noise and no decisions.
//
// Contract: ROUNDS times, every invocation finds the sums of all WIDTH units over what all units handed on,
// for its QUADS quads, and keeps what they come to.

const ROUNDS = 16u;

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;

var<private> sums: array<vec4<f32>, QUADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let p = party(group.x, t);
    for (var k = 0u; k < WIDTH; k++) {
        for (var q = 0u; q < QUADS; q++) {
            hand_on(k, q, vec4(weights[k] + f32(p + q)));
        }
    }
    for (var round = 0u; round < ROUNDS; round++) {
        for (var j = 0u; j < WIDTH; j++) {
            product(j, WIDTH);
            for (var q = 0u; q < QUADS; q++) {
                keep(0u, j, q, sums[q]);
            }
        }
    }
}
