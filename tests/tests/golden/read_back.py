"""Loads a weights file into PyTorch with strict=True, and prints the logits of images read from standard input.

    python read_back.py WEIGHTS.safetensors < images.json        # one flat JSON list, [batch, channels, height, width]

The network is built from the text form in the file's metadata.
"""

import json
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn


def build(text):
    """The `nn.Sequential` of a network's text form, and the shape of one sample."""
    first, *items = [item.strip() for item in text.split("|")]
    sizes = [int(size) for size in first.split("x")]
    shape = sizes if len(sizes) == 1 else [sizes[2], sizes[0], sizes[1]]
    sample = torch.zeros(1, *shape)
    layers = []
    for item in items:
        layers.append(layer(item.split(), *sample.shape[1:]).eval())
        sample = layers[-1](sample)
    return nn.Sequential(*layers), shape


def layer(words, inputs, *image):
    """Returns a layer for `inputs` features, or for `inputs` channels of an image."""
    match words:
        case ["batchnorm"]:
            return nn.BatchNorm2d(inputs) if image else nn.BatchNorm1d(inputs)
        case ["dense", outputs]:
            return nn.Linear(inputs, int(outputs))
        case ["conv", outputs, kernel, *options]:
            kernel = tuple(int(size) for size in kernel.split("x"))
            stride, padding = option(options, "stride", "1"), option(options, "pad", "0")
            padding = padding if padding == "same" else int(padding)
            return nn.Conv2d(inputs, int(outputs), kernel, int(stride), padding, bias="nobias" not in options)
        case ["maxpool", size, *options]:
            return nn.MaxPool2d(int(size), int(option(options, "stride", size)))
        case ["relu"]:
            return nn.ReLU()
        case ["flatten"]:
            return nn.Flatten()
    sys.exit(f"no PyTorch layer for `{' '.join(words)}`")


def option(options, name, default):
    return options[options.index(name) + 1] if name in options else default


def main():
    path = sys.argv[1]
    with safe_open(path, framework="pt") as file:
        model, shape = build(file.metadata()["network"])
    model.load_state_dict(load_file(path), strict=True)
    images = torch.tensor(json.load(sys.stdin)).reshape(-1, *shape)
    with torch.no_grad():
        print(json.dumps(model.eval()(images).flatten().tolist()))


if __name__ == "__main__":
    main()
