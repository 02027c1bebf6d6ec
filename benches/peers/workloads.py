"""Training workloads: network in text form, batch size, optimizer, learning rate. The same as in benches/src/lib.rs."""

_MLP_S = "784 | dense 128 | relu | dense 64 | relu | dense 10"
_LENET5 = ("28x28x1 | conv 6 5x5 pad 2 | ACT | avgpool 2 | conv 16 5x5 | ACT | avgpool 2 | dense 120 | ACT | dense 84 | ACT"
           " | dense 10")

WORKLOADS = {
    "mlp-s": (_MLP_S, 32, "sgd", 0.1),
    "mlp-s-128": (_MLP_S, 128, "sgd", 0.1),
    "mlp-l": ("784 | dense 1024 | relu | dense 1024 | relu | dense 10", 256, "sgd", 0.05),
    "cnn-seed": (
        "28x28x1 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2 | conv 64 3x3 | relu | maxpool 2"
        " | dense 64 | relu | dense 32 | relu | dense 10", 32, "adam", 1e-3),
    "cnn-basic": (
        "28x28x1 | conv 32 3x3 | relu | conv 64 3x3 | relu | maxpool 2 | dense 128 | relu | dense 10", 64, "sgd", 0.05),
    "lenet5": (_LENET5.replace("ACT", "tanh"), 64, "sgd", 0.05),
    "lenet5-gelu": (_LENET5.replace("ACT", "gelu"), 64, "sgd", 0.05),
    "lenet5-sigmoid": (_LENET5.replace("ACT", "sigmoid"), 64, "adam", 0.002),  # SGD needs epochs before the loss falls
    "lenet5-leakyrelu": (_LENET5.replace("ACT", "leakyrelu 0.01"), 64, "sgd", 0.05),
    "lenet5-batchnorm": (_LENET5.replace("ACT", "batchnorm | tanh"), 64, "sgd", 0.05),
}
PREDICTIONS = ["mlp-s", "cnn-seed"]
PREDICTION_BATCHES = [1, 2, 4, 8, 16, 1000]
# (m, n, k): cubes, then the dense layers' forward products (batch, outputs, inputs)
GEMM = [(n, n, n) for n in (64, 128, 256, 512, 1024, 2048)] + [
    (32, 128, 784), (128, 128, 784), (256, 1024, 784), (256, 1024, 1024)]


def is_image(net):
    """Whether the network takes images, and not features."""
    return "x" in net.split("|")[0]


def layers(net):
    """Layers as ("conv", channels in, channels out), ("pool",) or ("dense", inputs, outputs).

    Knows only what the workloads without a padding have: 3x3 convolutions, 2x2 max-pooling, and a ReLU after each
    convolution and after each dense layer but the last.
    """
    first, *items = [item.split() for item in net.split("|")]
    sizes = [int(n) for n in first[0].split("x")]
    height, width, channels = sizes if len(sizes) == 3 else (1, 1, sizes[0])
    found = []
    for item in items:
        match item:
            case ["conv", out, "3x3"]:
                found.append(("conv", channels, int(out)))
                height, width, channels = height - 2, width - 2, int(out)
            case ["maxpool", "2"]:
                found.append(("pool",))
                height, width = height // 2, width // 2
            case ["dense", out]:
                found.append(("dense", height * width * channels, int(out)))
                height, width, channels = 1, 1, int(out)
            case ["relu"]:
                pass
            case _:
                raise SystemExit(f"this peer does not know the layer {' '.join(item)!r}")
    return found
