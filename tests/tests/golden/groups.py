"""Writes groups.safetensors: training with parameter groups and with layers that are frozen for some steps, in PyTorch.

    python groups.py        # needs torch and safetensors; the file here is from torch 2.15.0

    images, labels                  18 samples, [18, 2, 6, 5] and [18]
    initial.<name>                  state_dict before the first step
    <rule>.settings                 the optimizer's settings, as in make.py
    <case>.losses                   one for each of 12 steps, before the step
    <case>.last.<name>              state_dict after the last step

Layers 0 and 1 are frozen in steps 3 to 6. The first layer has a quarter of the learning rate, and weight decay leaves out
biases and normalizations. Everything is computed in float64 from float32 weights.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from make import RULES, settings

HERE = pathlib.Path(__file__).parent
SAMPLES, STEPS, BATCH = 18, 12, 6
FROZEN = range(3, 7)
# Optimizer, and maximum norm of the gradients.
CASES = {
    "plain": ("decay", None),
    "momentum": ("nesterov", None),
    "adam": ("adam", None),
    "adamw": ("adamw", None),
    "clipped": ("both", 0.25),
}


def new_model():
    """6x5x2 | conv 5 3x3 | batchnorm | relu | maxpool 2 | dense 7 | relu | dense 3"""
    torch.manual_seed(30)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(10, 7),
        nn.ReLU(),
        nn.Linear(7, 3),
    )
    nn.init.uniform_(model[1].weight, 0.5, 1.5)
    nn.init.uniform_(model[1].bias, -0.5, 0.5)
    return model


def new_batch():
    generator = torch.Generator().manual_seed(31)
    images = torch.randn(SAMPLES, 2, 6, 5, generator=generator)
    return images, torch.randint(3, (SAMPLES,), generator=generator)


def groups(model, rule):
    """One group for each parameter."""
    for name, parameter in model.named_parameters():
        group = {"params": [parameter]}
        if name.startswith("0."):
            group["lr"] = RULES[rule][1]["lr"] / 4
        if parameter.dim() < 2:
            group["weight_decay"] = 0.0
        yield group


def twelve_steps(case):
    rule, max_norm = CASES[case]
    model, (images, labels) = new_model().double(), new_batch()
    optimizer = RULES[rule][0](list(groups(model, rule)), **RULES[rule][1])
    losses = []
    for step in range(STEPS):
        model[0].requires_grad_(step not in FROZEN)
        model[1].requires_grad_(step not in FROZEN)
        start = step * BATCH % SAMPLES
        batch = slice(start, start + BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[batch].double()), labels[batch])
        loss.backward()
        if max_norm:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        losses.append(loss.detach())
    values = {f"last.{name}": value for name, value in model.state_dict().items()}
    return {f"{case}.{name}": value for name, value in (values | {"losses": torch.stack(losses)}).items()}


def main():
    images, labels = new_batch()
    golden = {"images": images, "labels": labels}
    golden |= {f"initial.{name}": value for name, value in new_model().state_dict().items()}
    for case, (rule, _) in CASES.items():
        golden |= settings(rule) | twelve_steps(case)
    golden = {name: value.contiguous() for name, value in golden.items()}
    save_file(golden, HERE / "groups.safetensors", metadata={"torch": torch.__version__})
    print(f"torch {torch.__version__}: {len(golden)} tensors")


if __name__ == "__main__":
    main()
