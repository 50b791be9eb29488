// Multiply-adds and nothing else: what an adapter's arithmetic can do at most.
//
// Contract: every invocation does ROUNDS times 64 fused multiply-adds of each of two vectors, which is
// 1,024 operations a round, and writes what came out.

const ROUNDS = 512u;

@group(0) @binding(0) var<storage, read_write> result: array<f32>;

struct Pair {
    a: vec4<f32>,
    b: vec4<f32>,
}

// Eight multiply-adds of each vector; none waits for the one before it but by its own vector.
fn eight(pair: Pair, m: vec4<f32>, c: vec4<f32>) -> Pair {
    var p = pair;
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    p.a = fma(p.a, m, c);
    p.b = fma(p.b, m, c);
    return p;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let seed = f32(id.x);
    let m = vec4(seed * 1e-9 + 0.5);
    let c = vec4(seed * 1e-7);
    var p = Pair(vec4(seed), vec4(seed + 1.0));
    for (var round = 0u; round < ROUNDS; round++) {
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
        p = eight(p, m, c);
    }
    let sum = p.a + p.b;
    result[id.x] = sum.x + sum.y + sum.z + sum.w;
}
