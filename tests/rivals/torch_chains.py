"""MALA in PyTorch."""

import torch


def mala(evaluate, x, s, transitions):
    """Chains from `x` `[n, 2]`. `evaluate` gives energies and gradients; the deviation `s` is a number or `[n, 1]`."""
    energy, gradient = evaluate(x)
    for _ in range(transitions):
        z = torch.randn_like(x)
        proposal = x - 0.5 * s * s * gradient + s * z
        new_energy, new_gradient = evaluate(proposal)
        back = 0.5 * s * (gradient + new_gradient) - z
        ratio = energy - new_energy + 0.5 * (z.square() - back.square()).sum(1, keepdim=True)
        accept = torch.rand_like(ratio).log_() < ratio
        x = torch.where(accept, proposal, x)
        gradient = torch.where(accept, new_gradient, gradient)
        energy = torch.where(accept, new_energy, energy)
    return x
