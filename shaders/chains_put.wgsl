// Puts chains back into the replay buffer, and adds up what was accepted.
//
// Contract: `seats` begins with the number of chains, that of the buffer's rows, and the first entries of
// members and acceptance in the result; then, for each row of the buffer, one more than the chain that
// was taken from it, or 0. `result` gets the buffer's places `[rows, 2]`, its memberships
// `[rows, LEVELS]`, and for each level the accepted shares summed over the chains that moved there, and
// their number, `[LEVELS, 2]`.

@group(0) @binding(0) var<storage, read_write> places: array<vec2<f32>>;
@group(0) @binding(1) var<storage, read_write> members: array<f32>;
@group(0) @binding(2) var<storage, read_write> seats: array<u32>;
@group(0) @binding(3) var<storage, read_write> moved_places: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> moved_members: array<f32>;
// Where chains were while they moved, and the share of their proposals accepted.
@group(0) @binding(5) var<storage, read_write> held_members: array<f32>;
@group(0) @binding(6) var<storage, read_write> accepted: array<f32>;
@group(0) @binding(7) var<storage, read_write> result: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let chains = seats[0];
    let rows = seats[1];
    let i = id.x;
    if i < LEVELS {
        var sums = vec2(0.0);
        for (var c = 0u; c < chains; c++) {
            let held = held_members[c * LEVELS + i];
            sums += vec2(held * accepted[c], held);
        }
        result[seats[3] + 2u * i] = sums.x;
        result[seats[3] + 2u * i + 1u] = sums.y;
    }
    if i >= rows {
        return;
    }
    let seat = seats[4u + i];
    var place = places[i];
    if seat > 0u {
        place = moved_places[seat - 1u];
    }
    result[2u * i] = place.x;
    result[2u * i + 1u] = place.y;
    for (var level = 0u; level < LEVELS; level++) {
        var member = members[i * LEVELS + level];
        if seat > 0u {
            member = moved_members[(seat - 1u) * LEVELS + level];
        }
        result[seats[2] + i * LEVELS + level] = member;
    }
}
