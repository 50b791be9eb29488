"""The network and the loss of `basin bench train` in JAX: what a step takes on the same machine.

    cargo xtask basin bench train --check /tmp/check
    python3 -m venv /tmp/rival && /tmp/rival/bin/pip install jax safetensors
    /tmp/rival/bin/python tests/rivals/train_jax.py www/weights/dcd-cifar.safetensors /tmp/check

Energies and loss are held against ours before anything is timed.
"""

import json
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open

DATA_DEVIATION, EMBEDDING, GROUP, EPSILON = 0.5, 64, 4, 1e-6
STEPS = 15


def conv(p, name, x):
    weight = p[f"{name}.weight"]
    kernel = 3 if weight.shape[0] == 9 * x.shape[-1] else 1
    weight = weight.reshape(kernel, kernel, x.shape[-1], -1)
    y = jax.lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y + p[f"{name}.bias"].reshape(-1)


def norm(x):
    n, h, w, c = x.shape
    groups = min(max(c // GROUP, 1), 32)
    x = x.reshape(n, h, w, groups, c // groups)
    gap = x - x.mean((1, 2, 4), keepdims=True)
    return (gap / jnp.sqrt((gap**2).mean((1, 2, 4), keepdims=True) + EPSILON)).reshape(n, h, w, c)


class Condition:
    """The learned columns of the condition, taken one after the other."""

    def __init__(self, columns):
        self.columns, self.at = columns, 0

    def take(self, count):
        self.at += count
        return self.columns[:, None, None, self.at - count : self.at]


def modulated(condition, x):
    scale, shift = condition.take(x.shape[-1]), condition.take(x.shape[-1])
    return jax.nn.silu(norm(x) * (1 + scale) + shift)


def residual(p, name, condition, x):
    h = conv(p, f"{name}.0", jax.nn.silu(norm(x)))
    h = modulated(condition, h)
    skip = conv(p, f"{name}.skip", x) if f"{name}.skip.weight" in p else x
    return conv(p, f"{name}.1", h) + skip


def pool(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def unet(p, x, condition, sizes, blocks):
    h = conv(p, "in", x)
    skips = []
    for level in range(sizes):
        if level:
            skips.append(h)
            h = pool(h)
        for block in range(blocks):
            h = residual(p, f"down.{level}.{block}", condition, h)
    for level in reversed(range(sizes)):
        for block in range(blocks):
            h = residual(p, f"up.{level}.{block}", condition, h)
        if skips:
            if f"up.{level}.out.weight" in p:
                h = conv(p, f"up.{level}.out", h)
            h = h.repeat(2, axis=1).repeat(2, axis=2) + skips.pop()
    return conv(p, "out", modulated(condition, h))


def embedding(levels):
    half = EMBEDDING // 2
    angle = np.arange(levels)[:, None] * np.exp(-np.arange(half) / (half - 1) * np.log(10_000.0))
    return jnp.asarray(np.concatenate([np.sin(angle), np.cos(angle)], 1), jnp.float32)


def energies(p, x, t, noise, sizes, blocks):
    h = embedding(len(noise)) @ p["condition.0.weight"] + p["condition.0.bias"]
    for layer in ("condition.1", "condition.out"):
        h = jax.nn.silu(h) @ p[f"{layer}.weight"] + p[f"{layer}.bias"]
    total = jnp.sqrt(noise**2 + DATA_DEVIATION**2)
    scales = jnp.stack([1 / total, noise / total**2, -DATA_DEVIATION / total], 1)[t][:, :, None, None, None]
    guess = unet(p, x * scales[:, 0], Condition(h[t]), sizes, blocks)
    return 0.5 * ((x * scales[:, 1] + guess * scales[:, 2]) ** 2).sum((1, 2, 3))


def main():
    weights, folder = sys.argv[1:]
    with safe_open(weights, "np") as file:
        network = json.loads(file.metadata()["basin-model"])["network"]
        p = {name: jnp.asarray(file.get_tensor(name), jnp.float32) for name in file.keys()}
    facts = json.load(open(f"{folder}/check.json"))
    x, z = (jnp.asarray(np.load(f"{folder}/{name}.npy")).transpose(0, 2, 3, 1) for name in "xz")
    t, noise = jnp.asarray(facts["levels"]), jnp.asarray(facts["noise"], jnp.float32)
    sizes, blocks = len(network["channels"]), network["blocks"]

    def loss(p, x, z, t):
        grad = jax.grad(lambda x: energies(p, x, t, noise, sizes, blocks).sum())(x)
        sigma = noise[t][:, None, None, None]
        return (0.5 * (1 + (sigma / DATA_DEVIATION) ** 2) * (sigma * grad - z) ** 2).mean()

    found = jax.jit(lambda x: energies(p, x, t, noise, sizes, blocks))(x)
    error = float(jnp.max(jnp.abs(found - jnp.asarray(facts["energies"])) / jnp.abs(jnp.asarray(facts["energies"]))))
    ours, theirs = facts["loss"], float(jax.jit(loss)(p, x, z, t))
    print(f"energies agree within {error:.1e}, loss {theirs:.6f} against ours {ours:.6f}")
    assert error < 1e-3 and abs(ours - theirs) < 1e-3 * abs(ours)

    @jax.jit
    def step(p, first, second, count, x, z, t):
        value, gradient = jax.value_and_grad(loss)(p, x, z, t)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g * g, second, gradient)
        rate = 1e-4 / (1 - 0.9**count)
        move = lambda w, m, v: w - rate * m / (jnp.sqrt(v / (1 - 0.99**count)) + 1e-8)
        return jax.tree.map(move, p, first, second), first, second, value

    zeros = jax.tree.map(jnp.zeros_like, p)
    state, times = (p, zeros, zeros), []
    for count in range(1, STEPS + 3):
        began = time.perf_counter()
        *state, value = step(*state, float(count), x, z, t)
        jax.block_until_ready(state)
        times.append(time.perf_counter() - began)
    times = sorted(times[2:])
    median = times[len(times) // 2]
    print(
        f"JAX {jax.__version__} on {jax.devices()[0].platform}: {len(x) / median:.1f} images a second; "
        f"{1e3 * median:.0f} ms an iteration (median; {1e3 * times[0]:.0f} to {1e3 * times[-1]:.0f})"
    )


main()
