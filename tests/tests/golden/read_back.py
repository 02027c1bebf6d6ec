"""Loads a weights file into PyTorch with strict=True, and prints the outputs for inputs read from standard input.

    python read_back.py WEIGHTS.safetensors < inputs.json        # one flat JSON list, [batch, channels, height, width]

The network is built from the text form in the file's metadata.
"""

import json
import pathlib
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "benches/peers/python"))
from torch_net import build, shape_of  # noqa: E402


def pair(text):
    """Height and width, of `HxW` or of one number for both."""
    sizes = [int(size) for size in text.split("x")]
    return (sizes[0], sizes[-1])


def main():
    path = sys.argv[1]
    with safe_open(path, framework="pt") as file:
        network = file.metadata()["network"]
    model = build(network)
    model.load_state_dict(load_file(path), strict=True)
    inputs = torch.tensor(json.load(sys.stdin)).reshape(-1, *shape_of(network.split("|")[0]))
    with torch.no_grad():
        print(json.dumps(model.eval()(inputs).flatten().tolist()))


if __name__ == "__main__":
    main()
