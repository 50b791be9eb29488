"""The timed work of `basin bench` in PyTorch on the CPU: one timing's rates, in chain steps and iterations a
second, as JSON.

    cargo xtask basin bench --export /tmp/problem.json
    python tests/rivals/bench_torch.py /tmp/problem.json

Energies and gradients are held against Basin's before anything is timed. PyTorch takes as many threads as
there are cores for it, which `taskset` limits.
"""

import json
import sys
import time
import warnings

# NumPy is not needed, and PyTorch warns where it is missing.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch

from torch_chains import mala
from torch_network import Network
from torch_training import Training, slope

TRANSITIONS = 40
ITERATIONS = 10
TOLERANCE = 1e-3


def check(name, found, wanted, least=0):
    """How far two lists of numbers are apart, as a share of the second's length or of `least`, if that is more;
    too far is an error."""
    apart = float((found.flatten() - wanted).norm() / wanted.norm().clamp(min=least))
    assert apart <= TOLERANCE, f"torch: {name} are {apart} apart"
    return apart


def check_slope(problem, points, labels):
    half = problem["chains"]
    weight = torch.tensor([1 / half, -1 / half]).repeat_interleave(half)[:, None]
    sizes = [rows * columns for rows, columns in problem["shapes"]]
    wanted = torch.tensor(problem["slope"])
    found = slope(torch.tensor(problem["weights"]), problem, points, labels, weight)
    # Each block by itself, so that a large one cannot hide a wrong small one. The head's bias has no slope but
    # rounding's.
    least = float(1e-3 * wanted.norm())
    blocks = zip(found.split(sizes), wanted.split(sizes), strict=True)
    return max(check("slopes in the weights", *block, least) for block in blocks)


def checked(name, problem):
    """A problem's network and points, which give what Basin says."""
    network = Network(torch.tensor(problem["weights"]), problem)
    points, labels = torch.tensor(problem["points"]).view(-1, 2), torch.tensor(problem["labels"])
    found = network.energy_and_gradient(points, network.at(labels))
    worst = [check(f"{part} of {name}", f, torch.tensor(problem[part])) for part, f in zip(("energies", "gradients"), found)]
    if "slope" in problem:
        worst.append(check_slope(problem, points, labels))
    print(f"torch: energies and gradients of {name} agree to {max(worst):.1e}", file=sys.stderr)
    return network, points


def rate(work, amount):
    """Of a second at least, when all is warm."""
    work()
    began, done = time.perf_counter(), 0
    while (seconds := time.perf_counter() - began) < 1:
        work()
        done += amount
    return done / seconds


def main():
    (file,) = sys.argv[1:]
    problem = json.load(open(file))
    network, points = checked("chains", problem["chains"])
    checked("training", problem["training"])
    training = Training(problem["training"])

    @torch.inference_mode()
    def chains():
        mala(lambda x: network.energy_and_gradient(x, []), points, problem["chains"]["deviation"], TRANSITIONS)

    def iterations():
        for _ in range(ITERATIONS):
            training.iterate()

    print(json.dumps({
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "chains": rate(chains, len(points) * TRANSITIONS),
        "training": rate(iterations, ITERATIONS),
    }))


main()
