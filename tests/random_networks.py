#!/usr/bin/env python3
"""Compares the networks that `random_networks` wrote with PyTorch and with onnxruntime.

    cargo run --release -p tests --bin random_networks -- FOLDER
    python random_networks.py FOLDER            # needs numpy, safetensors, torch, onnx and onnxruntime
    python random_networks.py FOLDER GOLDEN     # also writes what PyTorch computes to a file, for the ordinary tests

PyTorch builds each network from its text form, loads the weights with strict=True, and computes in float64: outputs in
evaluation mode, loss and gradients in training mode. onnx.checker checks each ONNX file, and onnxruntime runs it on the
batch and on one sample. a, ours, agrees with b, theirs, if |a - b| <= tolerance * (1 + |b|).
"""

import json
import pathlib
import sys
import warnings

import numpy
import onnx
import onnxruntime
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "benches/peers/python"))
from torch_net import build  # noqa: E402

TORCH_TOLERANCE = 1e-4
# About the speed of even kernels.
warnings.filterwarnings("ignore", message="Using padding='same'")


class Check:
    """Comparisons of one kind, over all networks."""

    def __init__(self, what):
        self.what, self.count, self.worst, self.failures = what, 0, (0.0, "nothing"), []

    def compare(self, name, ours, theirs, tolerance):
        self.count += 1
        if ours.shape != theirs.shape:
            self.failures.append(f"{name}: {ours.shape} where {theirs.shape} is expected")
            return
        excess = numpy.abs(ours - theirs) / (tolerance * (1 + numpy.abs(theirs)))
        worst = float(excess.max(initial=0.0))
        # Not `worst > 1`: NaN has to fail.
        if not worst <= 1:
            self.failures.append(f"{name}: {worst:.3g} times the tolerance {tolerance:g}")
        if not worst <= self.worst[0]:
            self.worst = (worst, name)

    def report(self):
        print(f"{self.what}: {self.count} compared, {len(self.failures)} differ; worst {self.worst[0]:.2g} of the "
              f"tolerance ({self.worst[1]})")
        for failure in self.failures:
            print(f"  {failure}")
        return not self.failures and self.count > 0


def metadata(path):
    with safe_open(path, framework="numpy") as file:
        return file.metadata()


def compare_with_torch(outputs, gradients, name, network, weights, values):
    """Returns what PyTorch computed, and from what."""
    model = build(network).double()
    state = {key: torch.tensor(value) for key, value in weights.items()}
    model.load_state_dict(state, strict=True)
    inputs, targets = (torch.tensor(values[key]) for key in ("inputs", "targets"))
    golden = {"inputs": values["inputs"], "targets": values["targets"]}
    golden |= {f"weights.{key}": value for key, value in weights.items()}
    with torch.no_grad():
        golden["outputs"] = model.eval()(inputs.double()).numpy()
    outputs.compare(name, values["outputs"], golden["outputs"], TORCH_TOLERANCE)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    theirs = model(inputs.double())
    if targets.is_floating_point():
        loss = functional.mse_loss(theirs, targets.double())
    else:
        loss = functional.cross_entropy(theirs, targets)
    loss.backward()
    computed = {"loss": loss.detach().numpy()}
    computed |= {f"gradient.{key}": parameter.grad.numpy() for key, parameter in model.named_parameters()}
    assert computed.keys() | golden.keys() == values.keys() | {f"weights.{key}" for key in weights}
    for key, theirs in computed.items():
        gradients.compare(f"{name} {key}", values[key], theirs, TORCH_TOLERANCE)
    return golden | computed


def compare_with_onnx(check, folder, name, about, values):
    tolerance = float(metadata(folder / f"{name}.values.safetensors")["onnx_tolerance"])
    mean, std = numpy.float32(about["mean"]), numpy.float32(about["std"])
    for ending in ("", ".folded", ".scaled"):
        path = folder / f"{name}{ending}.onnx"
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        props = {entry.key: entry.value for entry in model.metadata_props}
        expected = {key: about[key] for key in ("network", "labels", "mean", "std")}
        inputs = values["inputs"]
        if ending == ".scaled":
            expected |= {"mean": "0", "std": "1"}
            inputs = inputs * std + mean
        assert props == expected, props
        assert len(json.loads(props["labels"])) == values["outputs"][0].size
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for ours, batch in ((values["outputs"], inputs), (values["outputs"][:1], inputs[:1])):
            (theirs,) = session.run(["output"], {"input": batch})
            check.compare(f"{name}{ending}", ours, theirs, tolerance)


def main():
    folder = pathlib.Path(sys.argv[1])
    names = sorted(int(path.name.split(".")[0]) for path in folder.glob("*.values.safetensors"))
    outputs, gradients = Check("outputs with PyTorch"), Check("gradients with PyTorch")
    runtime = Check("outputs with onnxruntime")
    golden, networks = {}, {}
    for name in names:
        about = metadata(folder / f"{name}.safetensors")
        values = load_file(folder / f"{name}.values.safetensors")
        weights = load_file(folder / f"{name}.safetensors")
        computed = compare_with_torch(outputs, gradients, name, about["network"], weights, values)
        networks[str(name)] = about["network"]
        for key, value in computed.items():
            # In single precision, which is closer than the tests look.
            golden[f"{name}.{key}"] = value.astype("float32") if value.dtype == "float64" else value
        compare_with_onnx(runtime, folder, name, about, values)
    if len(sys.argv) > 2:
        save_file(golden, sys.argv[2], networks)
    print(f"{len(names)} networks; torch {torch.__version__}, onnx {onnx.__version__}, "
          f"onnxruntime {onnxruntime.__version__}")
    sys.exit(not all([check.report() for check in (outputs, gradients, runtime)]))


if __name__ == "__main__":
    main()
