// Takes chains out of the replay buffer, re-starts some of them, and seats them for `mlp_chains.wgsl`.
//
// Contract: `picks` names a row of the buffer for each chain, with the highest bit set where the chain
// is to start anew, from the same row of `fresh`. `result` gets (x, y, label, deviation of the level)
// of each chain, and from MEMBER on their memberships `[chains, LEVELS]`.

struct Info {
    chains: u32,
    // First entry of the memberships in the result.
    member: u32,
}

@group(0) @binding(0) var<storage, read_write> places: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read_write> members: array<f32>;
@group(0) @binding(2) var<storage, read_write> picks: array<u32>;
@group(0) @binding(3) var<storage, read_write> fresh_places: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> fresh_members: array<f32>;
@group(0) @binding(5) var<storage, read_write> deviations: array<f32>;
@group(0) @binding(6) var<storage, read_write> info: Info;
@group(0) @binding(7) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if i >= info.chains {
        return;
    }
    let anew = (picks[i] & 0x80000000u) != 0u;
    let row = picks[i] & 0x7fffffffu;
    var place = places[row];
    if anew {
        place = fresh_places[i];
    }
    var label = 0u;
    for (var level = 0u; level < LEVELS; level++) {
        var member = members[row * LEVELS + level];
        if anew {
            member = fresh_members[i * LEVELS + level];
        }
        result[info.member + i * LEVELS + level] = member;
        if member > 0.5 {
            label = level;
        }
    }
    result[4u * i] = place.x;
    result[4u * i + 1u] = place.y;
    result[4u * i + 2u] = f32(label);
    result[4u * i + 3u] = deviations[label];
}
