#!/usr/bin/env python3
"""Writes `losses.safetensors`: losses of batches and their gradients, computed by PyTorch in f64.

Run with PyTorch and safetensors: `python3 make_losses.py`. Each case is a batch through one dense layer, `4 | dense 5`.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
SAMPLES, INPUTS, OUTPUTS = 7, 4, 5
IGNORED = 2

generator = torch.Generator().manual_seed(30)
X = torch.randn(SAMPLES, INPUTS, generator=generator)
WEIGHT = torch.randn(OUTPUTS, INPUTS, generator=generator)
BIAS = torch.randn(OUTPUTS, generator=generator)
CLASSES = torch.tensor([0, 2, 4, 1, 2, 3, 3])
VALUES = torch.randn(SAMPLES, OUTPUTS, generator=generator)
LABELS = torch.rand(SAMPLES, OUTPUTS, generator=generator).round()
PROBABILITIES = torch.softmax(torch.randn(SAMPLES, OUTPUTS, generator=generator).double(), 1).float()
CLASS_WEIGHTS = torch.tensor([0.5, 2.0, 1.5, 0.0, 1.0])
POSITIVE_WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25])
SAMPLE_WEIGHTS = torch.tensor([1.0, 0.25, 3.0, 0.0, 2.0, 0.5, 1.5])


def cross_entropy(z, y, reduction="mean", **settings):
    if "weight" in settings:
        settings["weight"] = settings["weight"].double()
    if y.is_floating_point():
        y = y.double()
    return F.cross_entropy(z, y, reduction=reduction, **settings)


def of_values(criterion):
    """A loss that is the mean over a sample's outputs."""

    def loss(z, y, reduction="mean", **settings):
        settings = {name: value.double() if torch.is_tensor(value) else value for name, value in settings.items()}
        losses = criterion(z, y.double(), reduction="none", **settings).mean(1)
        # The mean of means is PyTorch's own.
        torch.testing.assert_close(losses.mean(), criterion(z, y.double(), **settings))
        return losses.mean() if reduction == "mean" else losses

    return loss


binary = of_values(F.binary_cross_entropy_with_logits)
# Name, loss, targets, settings.
CASES = [
    ("plain", cross_entropy, CLASSES, {}),
    ("smoothed", cross_entropy, CLASSES, {"label_smoothing": 0.2}),
    ("ignored", cross_entropy, CLASSES, {"ignore_index": IGNORED}),
    ("weighted", cross_entropy, CLASSES, {"weight": CLASS_WEIGHTS}),
    ("all", cross_entropy, CLASSES, {"weight": CLASS_WEIGHTS, "label_smoothing": 0.2, "ignore_index": IGNORED}),
    ("probabilities", cross_entropy, PROBABILITIES, {}),
    ("probabilities-weighted", cross_entropy, PROBABILITIES, {"weight": CLASS_WEIGHTS, "label_smoothing": 0.2}),
    ("binary", binary, LABELS, {}),
    ("binary-soft", binary, PROBABILITIES, {}),
    ("binary-weighted", binary, LABELS, {"pos_weight": POSITIVE_WEIGHTS}),
    ("squared", of_values(F.mse_loss), VALUES, {}),
    ("squared-classes", of_values(F.mse_loss), F.one_hot(CLASSES, OUTPUTS), {}),
    ("absolute", of_values(F.l1_loss), VALUES, {}),
    ("huber", of_values(F.huber_loss), VALUES, {"delta": 0.75}),
]


def weights(targets, settings):
    """What each sample adds to the sum by which the loss is divided, without its own weight."""
    if targets is not CLASSES:
        return torch.ones(SAMPLES).double()
    weight = settings.get("weight", torch.ones(OUTPUTS)).double()[targets]
    return torch.where(targets == settings.get("ignore_index", -1), 0.0, weight)


def case(name, criterion, targets, settings):
    values = {}
    for suffix, sample_weights in [("", None), (".sample-weights", SAMPLE_WEIGHTS.double())]:
        weight, bias = WEIGHT.double().requires_grad_(), BIAS.double().requires_grad_()
        z = F.linear(X.double(), weight, bias)
        if sample_weights is None:
            loss = criterion(z, targets, **settings)
        else:
            losses = criterion(z, targets, reduction="none", **settings)
            loss = (sample_weights * losses).sum() / (sample_weights * weights(targets, settings)).sum()
        loss.backward()
        values |= {f"{name}{suffix}": loss.detach(), f"{name}{suffix}.0.weight": weight.grad}
        values |= {f"{name}{suffix}.0.bias": bias.grad}
    return values


# Outputs and targets of single samples, far from 0 and at kinks.
EXTREMES = {
    "binary": (binary, [[0.0, 30.0, -30.0, 100.0, -100.0, 1e4, -1e4], [1.0, 1.0, 1.0, 0.0, 0.0, 0.5, 1.0]], {}),
    "squared": (of_values(F.mse_loss), [[0.0, 1e4, -3.5, 1e-4], [0.0, -1e4, 2.0, 0.0]], {}),
    "absolute": (of_values(F.l1_loss), [[0.0, 1e4, -3.5, 1e-4], [0.0, -1e4, 2.0, 0.0]], {}),
    "huber": (of_values(F.huber_loss), [[0.0, 1e4, -3.5, 0.75, -0.75], [0.0, -1e4, 2.0, 0.0, 0.0]], {"delta": 0.75}),
}


def extreme(name, criterion, sample, settings):
    outputs, targets = (torch.tensor([values]) for values in sample)
    z = outputs.double().requires_grad_()
    loss = criterion(z, targets, **settings)
    loss.backward()
    values = {"outputs": outputs[0], "targets": targets[0], "loss": loss.detach(), "gradient": z.grad[0]}
    return {f"extreme.{name}.{value}": tensor for value, tensor in values.items()}


def main():
    golden = {
        "inputs": X,
        "weight": WEIGHT,
        "bias": BIAS,
        "classes": CLASSES,
        "values": VALUES,
        "labels": LABELS,
        "probabilities": PROBABILITIES,
        "class_weights": CLASS_WEIGHTS,
        "positive_weights": POSITIVE_WEIGHTS,
        "sample_weights": SAMPLE_WEIGHTS,
    }
    for name, criterion, targets, settings in CASES:
        golden |= case(name, criterion, targets, settings)
    for name, (criterion, sample, settings) in EXTREMES.items():
        golden |= extreme(name, criterion, sample, settings)
    golden = {name: value.contiguous() for name, value in golden.items()}
    save_file(golden, HERE / "losses.safetensors", metadata={"torch": torch.__version__})
    print(f"torch {torch.__version__}: {len(golden)} tensors")


if __name__ == "__main__":
    main()
