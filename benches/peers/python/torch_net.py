"""A network in text form as a PyTorch module."""
import torch
import torch.nn as nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


def build(net):
    """nn.Sequential with one module per item of the text form after the input, and the flatten that it leaves out."""
    first, *items = [item.split() for item in net.split("|")]
    sizes = [int(n) for n in first[0].split("x")]
    x = torch.zeros(1, *([sizes[2], sizes[0], sizes[1]] if len(sizes) == 3 else sizes))
    modules = []

    def add(module):
        nonlocal x
        modules.append(module)
        x = module.eval()(x)
        module.train()

    for name, *words in items:
        options = {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i] in ("stride", "pad")}
        stride, pad = int(options.get("stride", 1)), options.get("pad", "0")
        pad = pad if pad == "same" else int(pad)
        bias = "nobias" not in words
        if name == "conv":
            add(nn.Conv2d(x.shape[1], int(words[0]), tuple(map(int, words[1].split("x"))), stride, pad, bias=bias))
        elif name == "dense":
            if x.dim() > 2:
                add(nn.Flatten())
            add(nn.Linear(x.shape[1], int(words[0]), bias=bias))
        elif name in ("maxpool", "avgpool"):
            kind = nn.MaxPool2d if name == "maxpool" else nn.AvgPool2d
            add(kind(int(words[0]), int(options.get("stride", words[0])), padding=pad))
        elif name == "globalavgpool":
            add(nn.AdaptiveAvgPool2d(1))
        elif name == "batchnorm":
            add(nn.BatchNorm2d(x.shape[1]) if x.dim() == 4 else nn.BatchNorm1d(x.shape[1]))
        elif name == "dropout":
            add(nn.Dropout(float(words[0])))
        elif name == "leakyrelu":
            add(nn.LeakyReLU(float(words[0])))
        elif name == "flatten":
            add(nn.Flatten())
        elif name in ACTIVATIONS:
            add(ACTIVATIONS[name]())
        else:
            raise SystemExit(f"this peer does not know the layer {name!r}")
    return nn.Sequential(*modules)
