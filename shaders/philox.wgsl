// Counter-based random numbers, four elements at a time; the CPU's twin is `src/rng.rs`.
//
// Contract: words have the CPU's bits. Normals and logarithms are made of the same words by
// polynomials (Cephes' `logf`, `sinf` and `cosf`, <https://www.netlib.org/cephes/>) where the CPU calls
// `libm`, and agree to rounding: WGSL's own functions may be off by 2e-3.

// The counter's upper words, and the key.
struct Source {
    stream: u32,
    step: vec2<u32>,
    seed: vec2<u32>,
}

// Word w of block i of four blocks is `w[i]`.
struct Words {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

// The upper half of a 64-bit product.
fn high(a: u32, b: vec4<u32>) -> vec4<u32> {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & vec4(0xffffu);
    let b1 = b >> vec4(16u);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> vec4(16u));
    let carry = a0 * b1 + (middle & vec4(0xffffu));
    return a1 * b1 + (middle >> vec4(16u)) + (carry >> vec4(16u));
}

// Philox4x32-10.
fn philox(block: vec4<u32>, source: Source) -> Words {
    var w = Words(block, vec4(source.stream), vec4(source.step.x), vec4(source.step.y));
    var key = source.seed;
    for (var round = 0u; round < 10u; round++) {
        w = Words(
            high(0xcd9e8d57u, w.c) ^ w.b ^ vec4(key.x),
            0xcd9e8d57u * w.c,
            high(0xd2511f53u, w.a) ^ w.d ^ vec4(key.y),
            0xd2511f53u * w.a,
        );
        key += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return w;
}

// Uniform on the open interval (0, 1).
fn unit(bits: vec4<u32>) -> vec4<f32> {
    return (vec4<f32>(bits >> vec4(9u)) + 0.5) * (1.0 / 8388608.0);
}

// Natural logarithm of normal numbers above zero.
fn logarithm(u: vec4<f32>) -> vec4<f32> {
    let bits = bitcast<vec4<u32>>(u);
    let half = bitcast<vec4<f32>>((bits & vec4(0x7fffffu)) | vec4(0x3f000000u));
    let low = half < vec4(0.70710678);
    let exponent = vec4<f32>(bits >> vec4(23u)) - select(vec4(126.0), vec4(127.0), low);
    let x = select(half, half + half, low) - 1.0;
    var p = fma(x, vec4(7.0376836e-2), vec4(-1.151461e-1));
    p = fma(p, x, vec4(1.1676999e-1));
    p = fma(p, x, vec4(-1.2420141e-1));
    p = fma(p, x, vec4(1.4249323e-1));
    p = fma(p, x, vec4(-1.6668057e-1));
    p = fma(p, x, vec4(2.0000715e-1));
    p = fma(p, x, vec4(-2.4999994e-1));
    p = fma(p, x, vec4(3.3333331e-1));
    let z = x * x;
    let tail = fma(exponent, vec4(-2.1219444e-4), p * x * z) - 0.5 * z;
    return fma(exponent, vec4(0.693359375), x + tail);
}

// Two standard normals of two words, by Box-Muller.
struct Pair {
    x: vec4<f32>,
    y: vec4<f32>,
}

fn normals(a: vec4<u32>, b: vec4<u32>) -> Pair {
    let radius = sqrt(-2.0 * logarithm(unit(a)));
    let quarters = 4.0 * unit(b);
    let whole = floor(quarters + 0.5);
    let r = (quarters - whole) * 1.5707964;
    let z = r * r;
    let sine = fma(
        fma(fma(z, vec4(-1.951529589e-4), vec4(8.332160874e-3)), z, vec4(-1.666665461e-1)) * z,
        r,
        r,
    );
    let cosine = fma(
        fma(fma(z, vec4(2.443315712e-5), vec4(-1.388731625e-3)), z, vec4(4.166664568e-2)) * z,
        z,
        fma(z, vec4(-0.5), vec4(1.0)),
    );
    let turns = vec4<u32>(whole);
    let odd = (turns & vec4(1u)) == vec4(1u);
    let c = select(cosine, sine, odd);
    let s = select(sine, cosine, odd);
    let left = ((turns + 1u) & vec4(2u)) == vec4(2u);
    let lower = (turns & vec4(2u)) == vec4(2u);
    return Pair(radius * select(c, -c, left), radius * select(s, -s, lower));
}
