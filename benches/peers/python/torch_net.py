"""A network in text form (docs/text-form.md) as a PyTorch module, with the names of parameters that nn-core has."""
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


class Add(nn.ModuleList):
    """The sum of its branches' outputs."""

    def forward(self, x):
        first, *rest = [branch(x) for branch in self]
        for value in rest:
            first = first + value
        return first


class Concat(nn.ModuleList):
    """Its branches' outputs, joined by channels or features."""

    def forward(self, x):
        return torch.cat([branch(x) for branch in self], dim=1)


def build(net):
    """nn.Sequential with one module per item of the text form after the input, and the flatten that it leaves out."""
    first, _, rest = net.partition("|")
    return chain(rest, torch.zeros(1, *shape_of(first)))


def shape_of(text):
    """The shape of a sample, `N` or `HxWxC`, in PyTorch's order."""
    sizes = [int(size) for size in text.split("x")]
    return sizes if len(sizes) == 1 else [sizes[2], sizes[0], sizes[1]]


def chain(text, x):
    """The layers in `text`, separated by `|`, for inputs like `x`."""
    modules = []
    for item in split(text, "|"):
        if item.startswith("dense") and x.dim() > 2:
            modules.append(nn.Flatten())
            x = modules[-1](x)
        if item:
            modules.append(layer(item, x).eval())
            x = modules[-1](x)
    return nn.Sequential(*modules).train()


def split(text, separator):
    """The parts of `text` between separators outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def layer(item, x):
    """The layer of one item, for inputs like `x`."""
    for name, kind in [("add", Add), ("concat", Concat)]:
        if item.startswith(name + "("):
            branches = split(item[len(name) + 1 : -1], ";")
            if name == "add" and len(branches) == 1:
                branches.insert(0, "")
            return kind(chain(branch, x) for branch in branches)
    name, *words = item.split()
    options = {key: value for key, value in zip(words, words[1:]) if key in ("stride", "pad", "dilation", "groups")}
    size = words[0] if words else None
    inputs, image, bias = x.shape[1], x.dim() == 4, "nobias" not in words
    padding = options.get("pad", "0")
    padding = padding if padding == "same" else pair(padding)
    if name == "conv":
        stride, dilation = pair(options.get("stride", "1")), pair(options.get("dilation", "1"))
        groups = int(options.get("groups", 1))
        return nn.Conv2d(inputs, int(size), pair(words[1]), stride, padding, dilation, groups, bias)
    if name == "dense":
        return nn.Linear(inputs, int(size), bias)
    if name in ("maxpool", "avgpool"):
        kind = nn.MaxPool2d if name == "maxpool" else nn.AvgPool2d
        return kind(pair(size), pair(options.get("stride", size)), padding)
    if name == "globalavgpool":
        return nn.AdaptiveAvgPool2d(1)
    if name == "upsample":
        return nn.Upsample(scale_factor=int(size))
    if name == "batchnorm":
        return nn.BatchNorm2d(inputs) if image else nn.BatchNorm1d(inputs)
    if name == "layernorm":
        return nn.LayerNorm(x.shape[1:])
    if name == "dropout":
        return nn.Dropout(float(size))
    if name == "leakyrelu":
        return nn.LeakyReLU(float(size))
    if name == "flatten":
        return nn.Flatten()
    if name == "reshape":
        # A flat image has the same order.
        return nn.Sequential(nn.Flatten(), nn.Unflatten(1, shape_of(size)))
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]()
    raise SystemExit(f"this peer does not know the layer {name!r}")


def pair(text):
    """`N` or `HxW` as height and width."""
    sizes = [int(size) for size in text.split("x")]
    return tuple(sizes * 2) if len(sizes) == 1 else tuple(sizes)
