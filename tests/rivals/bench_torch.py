"""The timed chains of `basin bench` in PyTorch on the CPU: one timing's rates, in steps a second, as JSON.

    cargo xtask basin bench --export /tmp/problem.json
    python tests/rivals/bench_torch.py /tmp/problem.json

The input gradient is written by hand, as Basin's is. Energies and gradients are held against Basin's before
anything is timed.
"""

import json
import sys
import time
import warnings

# NumPy is not needed, and PyTorch warns where it is missing.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
from torch.nn.functional import softplus

TRANSITIONS = 40
TOLERANCE = 1e-3


class Network:
    def __init__(self, problem):
        blocks = torch.tensor(problem["weights"]).split([rows * columns for rows, columns in problem["shapes"]])
        blocks = [block.view(shape) for block, shape in zip(blocks, problem["shapes"])]
        *self.layers, self.head = zip(blocks[::2], blocks[1::2])
        self.confinement = problem["confinement"]

    def energy_and_gradient(self, x):
        h, inputs = x, []
        for matrix, bias in self.layers:
            inputs.append(torch.addmm(bias, h, matrix))
            h = softplus(inputs[-1])
        energy = torch.addmm(self.head[1], h, self.head[0]) + self.confinement * x.square().sum(1, keepdim=True)
        g = self.head[0].T
        for (matrix, _), a in zip(reversed(self.layers), reversed(inputs)):
            g = a.sigmoid_().mul_(g) @ matrix.T
        return energy, g.add_(x, alpha=2 * self.confinement)


def mala(network, x, s):
    energy, gradient = network.energy_and_gradient(x)
    for _ in range(TRANSITIONS):
        z = torch.randn_like(x)
        proposal = x - 0.5 * s * s * gradient + s * z
        new_energy, new_gradient = network.energy_and_gradient(proposal)
        back = 0.5 * s * (gradient + new_gradient) - z
        ratio = energy - new_energy + 0.5 * (z.square() - back.square()).sum(1, keepdim=True)
        accept = torch.rand_like(ratio).log_() < ratio
        x = torch.where(accept, proposal, x)
        gradient = torch.where(accept, new_gradient, gradient)
        energy = torch.where(accept, new_energy, energy)
    return x


def check(name, found, wanted):
    wanted = torch.tensor(wanted)
    apart = float((found.flatten() - wanted).norm() / wanted.norm())
    print(f"torch: {name} agree to {apart:.1e}", file=sys.stderr)
    assert apart <= TOLERANCE, f"torch: {name} are {apart} apart"


def rate(network, x, s, threads):
    torch.set_num_threads(threads)
    mala(network, x, s)
    began = time.perf_counter()
    mala(network, x, s)
    return len(x) * TRANSITIONS / (time.perf_counter() - began)


@torch.inference_mode()
def main():
    (file,) = sys.argv[1:]
    problem = json.load(open(file))["chains"]
    network = Network(problem)
    x = torch.tensor(problem["points"]).view(-1, 2)
    energy, gradient = network.energy_and_gradient(x)
    check("energies", energy, problem["energies"])
    check("gradients", gradient, problem["gradients"])
    cores = torch.get_num_threads()
    print(json.dumps({
        "version": torch.__version__,
        "threads": cores,
        "chains": {
            "one": rate(network, x, problem["deviation"], 1),
            "all": rate(network, x, problem["deviation"], cores),
        },
    }))


main()
