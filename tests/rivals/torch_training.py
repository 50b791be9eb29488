"""Iterations of the playground's DA-EBM run in PyTorch. What it leaves out only saves it work: step sizes are
not adapted, no acceptance is counted."""

import torch

from torch_chains import mala
from torch_network import Network


def slope(flat, problem, x, labels, weight):
    """The gradient in the weights of the sum of energies times `weight` `[n, 1]`."""
    flat = flat.detach().requires_grad_()
    network = Network(flat, problem)
    _, energy = network.forward(x, network.at(labels))
    (gradient,) = torch.autograd.grad((energy * weight).sum(), flat)
    return gradient


class Training:
    def __init__(self, problem):
        self.problem = problem
        chains, levels = problem["chains"], problem["levels"]
        tensors = ("clean", "signal", "noise", "deviations")
        self.clean, self.signal, self.noise, self.deviations = (torch.tensor(problem[name]) for name in tensors)
        self.clean = self.clean.view(-1, 2)
        # The replay buffer: a chain a clean point, the levels in equal blocks.
        size = len(self.clean)
        self.labels = torch.arange(size) * levels // size
        self.places = self.diffused(torch.arange(size), self.labels)
        self.every_level = torch.arange(levels).repeat_interleave(chains)
        self.weight = torch.tensor([1 / chains, -1 / chains]).repeat_interleave(chains)[:, None]
        self.flat = torch.tensor(problem["weights"])
        betas = (problem["beta1"], problem["beta2"])
        self.adam = torch.optim.Adam([self.flat], problem["rate"], betas, fused=True)

    def diffused(self, rows, labels):
        """Clean points at their levels' noise."""
        clean = self.clean[rows]
        return self.signal[labels, None] * clean + self.noise[labels, None] * torch.randn_like(clean)

    def iterate(self):
        problem = self.problem
        chains, levels = problem["chains"], problem["levels"]
        size = len(self.clean)
        batch = torch.randint(levels, (chains,))
        data = self.diffused(torch.randint(size, (chains,)), batch)
        picks = torch.randperm(size)[:chains]
        with torch.no_grad():
            network = Network(self.flat, problem)
            held = self.labels[picks]
            gates = network.at(held)
            x = mala(
                lambda x: network.energy_and_gradient(x, gates),
                self.places[picks],
                self.deviations[held, None],
                problem["transitions"],
            )
            _, energy = network.forward(x.repeat(levels, 1), network.at(self.every_level))
            gumbels = torch.empty(levels, chains).exponential_().log_().neg_()
            labels = (gumbels - energy.view(levels, chains)).argmax(0)
        both = torch.cat([data, x]), torch.cat([batch, labels])
        self.flat.grad = slope(self.flat, problem, *both, self.weight)
        torch.nn.utils.clip_grad_norm_([self.flat], problem["clip"])
        self.adam.step()
        self.places[picks], self.labels[picks] = x, labels
