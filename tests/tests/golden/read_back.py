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


def layer(words, *shape):
    """Returns a layer for samples of this shape: features, or channels, height and width."""
    inputs, *image = shape
    match words:
        case ["batchnorm"]:
            return nn.BatchNorm2d(inputs) if image else nn.BatchNorm1d(inputs)
        case ["layernorm"]:
            return nn.LayerNorm(shape)
        case ["dense", outputs, *options]:
            return nn.Linear(inputs, int(outputs), bias="nobias" not in options)
        case ["conv", outputs, kernel, *options]:
            padding = option(options, "pad", "0")
            return nn.Conv2d(
                inputs,
                int(outputs),
                pair(kernel),
                stride=pair(option(options, "stride", "1")),
                padding=padding if padding == "same" else pair(padding),
                dilation=pair(option(options, "dilation", "1")),
                groups=int(option(options, "groups", "1")),
                bias="nobias" not in options,
            )
        case ["maxpool" | "avgpool" as name, size, *options]:
            kind = nn.MaxPool2d if name == "maxpool" else nn.AvgPool2d
            stride, padding = option(options, "stride", size), option(options, "pad", "0")
            return kind(pair(size), stride=pair(stride), padding=pair(padding))
        case ["upsample", factor]:
            return nn.Upsample(scale_factor=int(factor))
        case ["reshape", sizes]:
            height, width, channels = (int(size) for size in sizes.split("x"))
            # `Unflatten` would not take an image.
            return nn.Sequential(nn.Flatten(), nn.Unflatten(1, (channels, height, width)))
        case ["relu" | "elu" | "silu" | "softplus" as name]:
            return {"relu": nn.ReLU, "elu": nn.ELU, "silu": nn.SiLU, "softplus": nn.Softplus}[name]()
        case ["flatten"]:
            return nn.Flatten()
    sys.exit(f"no PyTorch layer for `{' '.join(words)}`")


def option(options, name, default):
    return options[options.index(name) + 1] if name in options else default


def pair(text):
    """Height and width, of `HxW` or of one number for both."""
    sizes = [int(size) for size in text.split("x")]
    return (sizes[0], sizes[-1])


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
