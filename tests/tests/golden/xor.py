"""Counts the seeds from which PyTorch learns XOR, for each way to draw initial values that nn-core has too.

    python xor.py [SEEDS]       # needs torch and safetensors; 100 seeds by default

With 100 seeds it also writes xor.safetensors, for two of the ways:

    <way>.<name>                initial values, with a first dimension of 100
    <way>.learned               1 for each seed that learned XOR, and 0 for the others

The network is `2 | dense 4 | relu | dense 2`, trained for 500 steps of Adam with a learning rate of 0.05 on all four
samples as one batch; it has learned XOR if all four are classified correctly. Networks of all seeds train side by side,
which changes nothing: Adam works on each number by itself, and the losses are summed. `tests/tests/initialization.rs`
counts the same for nn-core.
"""

import math
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = torch.tensor([0, 1, 1, 0])
NAMES = "0.weight", "0.bias", "2.weight", "2.bias"
# For each, the limit of uniform weights, or minus the standard deviation of normal ones, before the ReLU and behind it, by
# the number of inputs and outputs; and the limit of uniform biases.
WAYS = {
    "Auto": ([lambda i, o: math.sqrt(6 / i), lambda i, o: math.sqrt(3 / i)], lambda i: 0.0),
    "HeUniform": ([lambda i, o: math.sqrt(6 / i)] * 2, lambda i: 0.0),
    "HeNormal": ([lambda i, o: -math.sqrt(2 / i)] * 2, lambda i: 0.0),
    "XavierUniform": ([lambda i, o: math.sqrt(6 / (i + o))] * 2, lambda i: 0.0),
    "XavierNormal": ([lambda i, o: -math.sqrt(2 / (i + o))] * 2, lambda i: 0.0),
    "LecunUniform": ([lambda i, o: math.sqrt(3 / i)] * 2, lambda i: 0.0),
    "LecunNormal": ([lambda i, o: -math.sqrt(1 / i)] * 2, lambda i: 0.0),
    "PyTorch": ([lambda i, o: math.sqrt(1 / i)] * 2, lambda i: math.sqrt(1 / i)),
}


def layer(generator, inputs, outputs, weight_limit, bias_limit):
    limit = weight_limit(inputs, outputs)
    if limit > 0:
        weight = torch.empty(outputs, inputs).uniform_(-limit, limit, generator=generator)
    else:
        weight = torch.empty(outputs, inputs).normal_(0, -limit, generator=generator)
    bias = torch.empty(outputs).uniform_(-1, 1, generator=generator) * bias_limit(inputs)
    return weight, bias


def train(way, seeds):
    """Returns the initial values, and whether each seed learned XOR."""
    (first, second), bias = WAYS[way]
    networks = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        networks.append(layer(generator, 2, 4, first, bias) + layer(generator, 4, 2, second, bias))
    parameters = [torch.stack(tensors).requires_grad_() for tensors in zip(*networks)]
    initial = [tensor.detach().clone() for tensor in parameters]
    optimizer = torch.optim.Adam(parameters, lr=0.05)

    def logits():
        weight, bias, weight2, bias2 = parameters
        hidden = F.relu(INPUTS @ weight.mT + bias[:, None])
        return hidden @ weight2.mT + bias2[:, None]

    for _ in range(500):
        optimizer.zero_grad()
        losses = F.cross_entropy(logits().flatten(0, 1), TARGETS.repeat(seeds), reduction="none")
        (losses.sum() / 4).backward()
        optimizer.step()
    return initial, (logits().argmax(-1) == TARGETS).all(-1)


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"torch {torch.__version__}, {seeds} seeds")
    golden = {}
    for way in WAYS:
        initial, learned = train(way, seeds)
        print(f"{way:<14} {int(learned.sum()):>6}")
        if way in ("Auto", "PyTorch"):
            golden |= {f"{way}.{name}": value for name, value in zip(NAMES, initial)}
            golden[f"{way}.learned"] = learned.float()
    if seeds == 100:
        path = pathlib.Path(__file__).parent / "xor.safetensors"
        save_file(golden, path, metadata={"torch": torch.__version__})


if __name__ == "__main__":
    main()
