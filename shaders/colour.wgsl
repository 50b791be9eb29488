// Colours, display-referred sRGB in 0..1, and the sizes of marks. The twin is `painter::colour`,
// whose test compares every constant; what they mean is said there.
//
// The sequential map is inferno: perceptually uniform and readable with any colour vision. The
// diverging map goes from blue over the darkest tone to orange, equally light on both sides.

const INFERNO = array<vec3f, 7>(
    vec3f(0.00021894037, 0.0016510047, -0.019480897),
    vec3f(0.10651342, 0.56395644, 3.9327123),
    vec3f(11.602493, -3.972854, -15.942394),
    vec3f(-41.703995, 17.436398, 44.354145),
    vec3f(77.16294, -33.40236, -81.80731),
    vec3f(-71.31943, 32.626064, 73.20952),
    vec3f(25.131126, -12.242669, -23.070326),
);
const FLOOR = 0.04;
const EVEN = vec3f(0.04, 0.04, 0.07);
const BELOW = vec3f(0.44, 0.71, 0.98);
const ABOVE = vec3f(0.96, 0.62, 0.28);
const BLANK = vec3f(0.03, 0.035, 0.055);
const DATA = vec4f(0.93, 0.95, 1.0, 0.6);
const CHAIN = vec4f(0.5, 0.89, 0.83, 0.95);
const ARROW = vec4f(0.92, 0.94, 0.97, 0.8);
const RIM = vec4f(0.02, 0.02, 0.04, 0.55);
const DATA_RADIUS = 1.1;
const CHAIN_RADIUS = 2.7;
const TAIL_RADIUS = 0.6;
const TAIL_OPACITY = 0.55;
const GAMMA = 0.55;
const ENERGY_SPAN = 12.0;
const CONTOURS = 10.0;
const CONTOUR_OPACITY = 0.32;
const CROWDED = vec2f(0.25, 0.6);

/// Dark at 0, bright at 1.
fn sequential(value: f32) -> vec3f {
    let x = FLOOR + (1.0 - FLOOR) * clamp(value, 0.0, 1.0);
    let high = INFERNO[5] + x * INFERNO[6];
    let sum = INFERNO[0] + x * (INFERNO[1] + x * (INFERNO[2] + x * (INFERNO[3] + x * (INFERNO[4] + x * high))));
    return clamp(sum, vec3f(0.0), vec3f(1.0));
}

/// BELOW at -1, EVEN at 0, ABOVE at 1.
fn diverging(value: f32) -> vec3f {
    return mix(EVEN, select(ABOVE, BELOW, value < 0.0), min(abs(value), 1.0));
}

/// A contour line of the given coverage over `ground`: light on dark ground, dark on light.
fn contoured(ground: vec3f, covered: f32) -> vec3f {
    let line = select(0.0, 1.0, dot(ground, vec3f(0.3, 0.59, 0.11)) < 0.5);
    return mix(ground, vec3f(line), covered * CONTOUR_OPACITY);
}

/// How much of a pixel a contour line covers, where the energy is `nats` above its lowest value
/// and changes by `change` nats from one pixel to the next.
fn contour(nats: f32, change: f32) -> f32 {
    let line = clamp(round(nats), 1.0, CONTOURS);
    let pixels = abs(nats - line) / max(change, 1e-6);
    return clamp(1.0 - pixels, 0.0, 1.0) * (1.0 - smoothstep(CROWDED.x, CROWDED.y, change));
}

/// For a canvas that blends colours with opacity multiplied in.
fn premultiplied(colour: vec4f, covered: f32) -> vec4f {
    return vec4f(colour.rgb, 1.0) * (colour.a * covered);
}
