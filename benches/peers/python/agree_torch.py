"""Compares our probabilities with PyTorch's: agree_torch.py --net SPEC [--binary target/release/digit-pad]

Random PyTorch weights are written as safetensors, `digit-pad eval` reads them and predicts MNIST's test images. Exits 1
if a probability differs by 1e-4 or more.
"""
import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--net", required=True)
p.add_argument("--binary", default="target/release/digit-pad")
a = p.parse_args()
import common  # noqa: E402

common.use_threads(os.cpu_count())
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn as nn  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch_net import build  # noqa: E402
from workloads import is_image  # noqa: E402

torch.manual_seed(1)
net = build(a.net)
x = torch.from_numpy(common.idx("t10k")[0]).float() / 255
if is_image(a.net):
    x = x.reshape(-1, 1, 28, 28)
with torch.no_grad():
    for m in net:  # running statistics other than the initial ones
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
            m.weight.uniform_(0.5, 2)
            m.bias.normal_()
    net.eval()
    expected = torch.cat([net(b).softmax(1) for b in x.split(1000)]).numpy()
with tempfile.TemporaryDirectory() as d:
    tensors = {k: v.contiguous() for k, v in net.state_dict().items() if "num_batches" not in k}
    save_file(tensors, f"{d}/m.safetensors", {"network": a.net, "mean": "0", "std": "1", "format_version": "1"})
    command = [a.binary, "eval", "--model", f"{d}/m.safetensors", "--net", a.net, "--predictions", f"{d}/p.csv", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"eval: exit {done.returncode}: {done.stderr[-500:]}")
    with open(f"{d}/p.csv") as file:
        rows = np.array([[float(v) for v in row] for row in csv.reader(file) if re.match(r"\d", row[0])])
difference = np.abs(rows[:, 3:] - expected)
agree = bool(np.isfinite(rows).all() and len(rows) == len(expected) and difference.max() < 1e-4)
print(json.dumps({"net": a.net, "rows": len(rows), "max_difference": float(difference.max()), "agree": agree}))
sys.exit(not agree)
