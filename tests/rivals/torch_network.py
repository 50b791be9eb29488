"""Energies of the plane in PyTorch, plain or gated by the noise level.

Invariant: the weights are one flat tensor, laid out as Basin's is.
"""

import torch
from torch.nn.functional import softplus


def embedding(levels, width):
    """What the time network reads: sines and cosines of every level."""
    half = width // 2
    scale = 10_000 ** (-torch.arange(half) / (half - 1))
    angle = torch.arange(levels)[:, None] * scale
    return torch.cat([angle.sin(), angle.cos()], 1)


class Network:
    def __init__(self, flat, problem):
        depth, levels, shapes = problem["depth"], problem["levels"], problem["shapes"]
        blocks = flat.split([rows * columns for rows, columns in shapes])
        blocks = [block.view(shape) for block, shape in zip(blocks, shapes)]
        layers = list(zip(blocks[::2], blocks[1::2]))
        self.layers, self.head, time = layers[:depth], layers[depth], layers[depth + 1 :]
        self.confinement = problem["confinement"]
        self.gates = []
        if levels:
            shared = embedding(levels, problem["width"])
            for matrix, bias in time[:2]:
                shared = softplus(torch.addmm(bias, shared, matrix))
            self.gates = [torch.addmm(bias, shared, matrix) for matrix, bias in time[2:]]

    def at(self, labels):
        """The gates of points at these levels; of a plain network none."""
        return [gate[labels] for gate in self.gates]

    def forward(self, x, gates):
        """What each activation is given, and the energies `[n, 1]`."""
        h, inputs = x, []
        for l, (matrix, bias) in enumerate(self.layers):
            a = torch.addmm(bias, h, matrix)
            # The first gate acts before the activation, the others after it.
            inputs.append(a * gates[l] if gates and l == 0 else a)
            h = softplus(inputs[-1])
            if gates and l > 0:
                h = h * gates[l]
        confined = self.confinement * x.square().sum(1, keepdim=True)
        return inputs, torch.addmm(self.head[1], h, self.head[0]) + confined

    def energy_and_gradient(self, x, gates):
        """The gradient in the points is written by hand, as Basin's is."""
        inputs, energy = self.forward(x, gates)
        g = self.head[0].T
        for l in reversed(range(len(self.layers))):
            g = inputs[l].sigmoid_().mul_(g)
            if gates:
                g = g.mul_(gates[l])
            g = g @ self.layers[l][0].T
        return energy, g.add_(x, alpha=2 * self.confinement)
