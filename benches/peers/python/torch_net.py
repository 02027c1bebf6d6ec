"""A network in text form as a PyTorch module."""
import torch
import torch.nn as nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
}


def pair(text):
    """Height and width, of `HxW` or of one number for both."""
    sizes = [int(size) for size in text.split("x")]
    return (sizes[0], sizes[-1])


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
        named = ("stride", "pad", "dilation", "groups")
        options = {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i] in named}
        pad = options.get("pad", "0")
        pad = pad if pad == "same" else pair(pad)
        bias = "nobias" not in words
        if name == "conv":
            stride, dilation = pair(options.get("stride", "1")), pair(options.get("dilation", "1"))
            groups = int(options.get("groups", "1"))
            add(nn.Conv2d(x.shape[1], int(words[0]), pair(words[1]), stride, pad, dilation, groups, bias))
        elif name == "dense":
            if x.dim() > 2:
                add(nn.Flatten())
            add(nn.Linear(x.shape[1], int(words[0]), bias=bias))
        elif name in ("maxpool", "avgpool"):
            kind = nn.MaxPool2d if name == "maxpool" else nn.AvgPool2d
            add(kind(pair(words[0]), pair(options.get("stride", words[0])), padding=pad))
        elif name == "globalavgpool":
            add(nn.AdaptiveAvgPool2d(1))
        elif name == "upsample":
            add(nn.Upsample(scale_factor=int(words[0])))
        elif name == "batchnorm":
            add(nn.BatchNorm2d(x.shape[1]) if x.dim() == 4 else nn.BatchNorm1d(x.shape[1]))
        elif name == "layernorm":
            add(nn.LayerNorm(x.shape[1:]))
        elif name == "dropout":
            add(nn.Dropout(float(words[0])))
        elif name == "leakyrelu":
            add(nn.LeakyReLU(float(words[0])))
        elif name == "flatten":
            add(nn.Flatten())
        elif name == "reshape":
            height, width, channels = map(int, words[0].split("x"))
            add(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (channels, height, width))))
        elif name in ACTIVATIONS:
            add(ACTIVATIONS[name]())
        else:
            raise SystemExit(f"this peer does not know the layer {name!r}")
    return nn.Sequential(*modules)
