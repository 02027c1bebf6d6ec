"""Writes golden values: what PyTorch computes for some small networks.

    python make.py        # needs torch and safetensors; the files here are from torch 2.15.0

mlp.safetensors, conv.safetensors, norm.safetensors and layers.safetensors hold initial weights, as `save_file(model.state_dict(), ...)`
writes them; checkpoint.safetensors is from nn-core itself. golden.safetensors holds the expected values:

    <model>.images, <model>.labels                  18 samples, [18, channels, height, width] and [18]
    <model>.logits                                  of all samples, in evaluation mode
    <model>.loss, gradient.<name>                   of all samples as one batch, in training mode
    <rule>.settings                                 the optimizer's settings, in the order of RULES below
    <model>.<rule>.losses                           one for each of 12 steps, before the step
    <model>.<rule>.first.<name>, last.<name>        state_dict after the first and after the last step
    <model>.<rule>.logits                           of all samples, in evaluation mode, after the last step
    <model>.<variant>.…                             the same with another loss or clipped gradients, and
    <model>.<variant>.average.<name>                the moving average of the weights after the last step
    loss.<case>.logits, label                       one sample
    loss.<case>.softmax, loss, gradient             its softmax, cross-entropy and gradient
    loss.<case>.smoothed, smoothed.gradient         with a label smoothing of 0.125
    loss.<case>.squared, squared.gradient           mean squared error against the one-hot target
    schedule.<case>                                 learning rates of 40 steps, starting from 0.5

Networks are computed in float64 from float32 weights, so that all rounding errors in a comparison are those of nn-core.
Softmax and the losses are computed in float32, since their test cases are about overflow.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = pathlib.Path(__file__).parent
SAMPLES, STEPS, BATCH = 18, 12, 6
# The input's shape, and the layers.
MODELS = {
    # 3x4x2 | dense 17 | relu | dense 5
    "mlp": ([2, 3, 4], lambda: [nn.Flatten(), nn.Linear(24, 17), nn.ReLU(), nn.Linear(17, 5)]),
    # 9x8x2 | conv 5 3x2 pad 1 | relu | maxpool 2 | conv 3 2x4 pad same nobias | relu | maxpool 2 stride 1 | dense 5
    "conv": (
        [2, 9, 8],
        lambda: [
            nn.Conv2d(2, 5, (3, 2), padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(5, 3, (2, 4), padding="same", bias=False),
            nn.ReLU(),
            nn.MaxPool2d(2, stride=1),
            nn.Flatten(),
            nn.Linear(27, 5),
        ],
    ),
    # 9x8x2 | conv 5 3x2 pad 1 | batchnorm | relu | maxpool 2 | batchnorm | conv 3 2x4 pad same nobias | batchnorm | relu
    # | dense 7 | batchnorm | relu | dense 5
    "norm": (
        [2, 9, 8],
        lambda: [
            nn.Conv2d(2, 5, (3, 2), padding=1),
            nn.BatchNorm2d(5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(5),
            nn.Conv2d(5, 3, (2, 4), padding="same", bias=False),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(48, 7),
            nn.BatchNorm1d(7),
            nn.ReLU(),
            nn.Linear(7, 5),
        ],
    ),
    # 9x8x4 | conv 8 3x3 stride 1x2 pad 2x1 dilation 2x1 groups 4 nobias | batchnorm | silu
    # | maxpool 3x2 stride 2x1 pad 1 | conv 6 2x3 pad same dilation 2x1 groups 2 | layernorm | elu | upsample 2
    # | avgpool 3x2 stride 2 pad 1x0 | dense 12 nobias | softplus | reshape 2x2x3 | conv 5 2x1 | dense 5
    "layers": (
        [4, 9, 8],
        lambda: [
            nn.Conv2d(4, 8, 3, stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=4, bias=False),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.MaxPool2d((3, 2), stride=(2, 1), padding=1),
            nn.Conv2d(8, 6, (2, 3), padding="same", dilation=(2, 1), groups=2),
            nn.LayerNorm([6, 5, 5]),
            nn.ELU(),
            nn.Upsample(scale_factor=2),
            nn.AvgPool2d((3, 2), stride=2, padding=(1, 0)),
            nn.Flatten(),
            nn.Linear(150, 12, bias=False),
            nn.Softplus(),
            nn.Unflatten(1, (3, 2, 2)),
            nn.Conv2d(3, 5, (2, 1)),
            nn.Flatten(),
            nn.Linear(10, 5),
        ],
    ),
}
# Those of which training is recorded with every rule and variant; of the others only with momentum and weight decay.
TRAINED = ("mlp", "conv", "norm")
RULES = {
    "plain": (torch.optim.SGD, {"lr": 0.125, "momentum": 0.0, "weight_decay": 0.0}),
    "momentum": (torch.optim.SGD, {"lr": 0.125, "momentum": 0.9, "weight_decay": 0.0}),
    "decay": (torch.optim.SGD, {"lr": 0.125, "momentum": 0.0, "weight_decay": 0.05}),
    "both": (torch.optim.SGD, {"lr": 0.125, "momentum": 0.9, "weight_decay": 0.05}),
    "nesterov": (torch.optim.SGD, {"lr": 0.0625, "momentum": 0.9, "weight_decay": 0.05, "nesterov": True}),
    # A large epsilon: a small one would amplify the rounding errors of tiny gradients.
    "adam": (torch.optim.Adam, {"lr": 0.03125, "betas": (0.9, 0.99), "eps": 1e-3, "weight_decay": 0.05}),
    "adamw": (torch.optim.AdamW, {"lr": 0.03125, "betas": (0.8, 0.999), "eps": 1e-3, "weight_decay": 0.5}),
}


def smoothed(logits, labels):
    return F.cross_entropy(logits, labels, label_smoothing=0.125)


def squared(logits, labels):
    return F.mse_loss(logits, F.one_hot(labels, logits.shape[-1]).to(logits.dtype))


# Optimizer, loss, and maximum norm of the gradients.
VARIANTS = {
    "smoothed": ("plain", smoothed, None),
    "squared": ("momentum", squared, None),
    "clipped": ("decay", F.cross_entropy, 0.5),
    "hardly-clipped": ("both", F.cross_entropy, 1.5),
    "clipped-adamw": ("adamw", smoothed, 0.25),
}
AVERAGE = 0.875
RATES, RATE = 40, 0.5
CYCLE = {"max_lr": RATE, "total_steps": RATES, "pct_start": 0.25, "div_factor": 16, "final_div_factor": 1024}
SCHEDULES = {
    "step": lambda rule: StepLR(rule, 7, 0.75),
    "exponential": lambda rule: ExponentialLR(rule, 0.875),
    # Reaches its minimum, and rises again.
    "cosine": lambda rule: CosineAnnealingLR(rule, 15, 0.0625),
    "linear": lambda rule: LinearLR(rule, 0.125, total_iters=9),
    "one-cycle": lambda rule: OneCycleLR(rule, **CYCLE, cycle_momentum=False),
    "one-cycle-linear": lambda rule: OneCycleLR(rule, **CYCLE, cycle_momentum=False, anneal_strategy="linear"),
    "warm-cosine": lambda rule: SequentialLR(
        rule, [LinearLR(rule, 0.25, total_iters=8), CosineAnnealingLR(rule, 32)], milestones=[8]
    ),
    "warm-step": lambda rule: SequentialLR(
        rule, [LinearLR(rule, 0.5, total_iters=6), StepLR(rule, 10, 0.25)], milestones=[6]
    ),
}
INF, NAN = float("inf"), float("nan")
LOSSES = {
    "even": ([0.0, 0.0, 0.0, 0.0], 2),
    "ordinary": ([1.5, -0.25, 0.75, 3.0, -2.0], 0),
    "sure": ([20.0, 0.0, -3.0], 0),
    "sure-and-wrong": ([20.0, 0.0, -3.0], 2),
    "large": ([1000.0, 1000.0, 998.0], 2),
    "far-apart": ([1000.0, -1000.0, 0.0], 1),
    "negative": ([-5000.0, -5001.0], 1),
    "huge": ([1e30, -1e30, 0.0], 1),
    "underflow": ([-104.0, 0.0], 0),
    "one-class": ([7.0], 0),
    "impossible-right": ([0.0, -INF, 1.0], 0),
    "impossible-label": ([0.0, -INF, 1.0], 1),
    "infinite": ([0.0, INF, 1.0], 0),
    "nan": ([0.0, NAN, 1.0], 0),
}


def new_model(name):
    """Returns a model with seeded weights."""
    torch.manual_seed(20)
    model = nn.Sequential(*MODELS[name][1]())
    for layer in model:
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            # As after some training: initial values of 0 and 1 would hide mistakes.
            for tensor in (layer.weight, layer.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)
            for tensor in (layer.bias, layer.running_mean):
                nn.init.uniform_(tensor, -0.5, 0.5)
            layer.num_batches_tracked += 40
        if isinstance(layer, nn.LayerNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    return model


def new_batch(name):
    generator = torch.Generator().manual_seed(21)
    images = torch.randn(SAMPLES, *MODELS[name][0], generator=generator)
    return images, torch.randint(5, (SAMPLES,), generator=generator)


def forward_and_gradients(name):
    model, (images, labels) = new_model(name).double(), new_batch(name)
    logits = predict(model, images)
    loss = F.cross_entropy(model(images.double()), labels)
    loss.backward()
    values = {"images": images, "labels": labels, "logits": logits, "loss": loss.detach()}
    values |= {f"gradient.{tensor}": weight.grad for tensor, weight in model.named_parameters()}
    return {f"{name}.{value}": tensor for value, tensor in values.items()}


def predict(model, images):
    with torch.no_grad():
        logits = model.eval()(images.double())
    model.train()
    return logits


def settings(rule):
    values = RULES[rule][1].values()
    numbers = [number for value in values for number in (value if isinstance(value, tuple) else [value])]
    return {f"{rule}.settings": torch.tensor(numbers, dtype=torch.float64)}


def twelve_steps(name, rule, variant=None):
    rule, criterion, max_norm = VARIANTS.get(variant, (rule, F.cross_entropy, None))
    model, (images, labels) = new_model(name).double(), new_batch(name)
    optimizer = RULES[rule][0](model.parameters(), **RULES[rule][1])
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    values, losses = {}, []
    for step in range(STEPS):
        start = step * BATCH % SAMPLES
        batch = slice(start, start + BATCH)
        loss = criterion(model(images[batch].double()), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        if max_norm:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        averaged.update_parameters(model)
        losses.append(loss.detach())
        if step in (0, STEPS - 1):
            when = "first" if step == 0 else "last"
            values |= {f"{when}.{tensor}": weight.clone() for tensor, weight in model.state_dict().items()}
    values |= {"losses": torch.stack(losses), "logits": predict(model, images)}
    if variant:
        values |= {f"average.{tensor}": weight for tensor, weight in averaged.module.state_dict().items()}
    return {f"{name}.{variant or rule}.{value}": tensor for value, tensor in values.items()}


def rates(case):
    rule = torch.optim.SGD([torch.zeros(1)], lr=RATE)
    schedule = SCHEDULES[case](rule)
    values = []
    for _ in range(RATES):
        values.append(rule.param_groups[0]["lr"])
        rule.step()
        if len(values) < RATES:
            schedule.step()
    return {f"schedule.{case}": torch.tensor(values, dtype=torch.float64)}


def softmax_and_loss(case, logits, label):
    logits = torch.tensor(logits, requires_grad=True)
    loss = F.cross_entropy(logits, torch.tensor(label))
    loss.backward()
    values = {
        "logits": logits.detach(),
        "label": torch.tensor(label),
        "softmax": F.softmax(logits.detach(), dim=0),
        "loss": loss.detach(),
        "gradient": logits.grad,
    }
    for criterion in smoothed, squared:
        logits.grad = None
        loss = criterion(logits, torch.tensor(label))
        loss.backward()
        values |= {criterion.__name__: loss.detach(), f"{criterion.__name__}.gradient": logits.grad}
    return {f"loss.{case}.{name}": value for name, value in values.items()}


def main():
    golden = {}
    for name in MODELS:
        save_file(new_model(name).state_dict(), HERE / f"{name}.safetensors")
        golden |= forward_and_gradients(name)
    for rule in RULES:
        golden |= settings(rule)
        for name in MODELS:
            if name in TRAINED or rule == "both":
                golden |= twelve_steps(name, rule)
    for variant in VARIANTS:
        for name in TRAINED:
            golden |= twelve_steps(name, None, variant)
    for case in SCHEDULES:
        golden |= rates(case)
    for case, (logits, label) in LOSSES.items():
        golden |= softmax_and_loss(case, logits, label)
    golden = {name: value.contiguous() for name, value in golden.items()}
    save_file(golden, HERE / "golden.safetensors", metadata={"torch": torch.__version__})
    print(f"torch {torch.__version__}: {len(golden)} tensors")


if __name__ == "__main__":
    main()
