"""Seconds of training to 99% on MNIST's test set, with PyTorch. Prints one line of JSON per run, then a summary.

The clock counts training only: forward, backward, update, shuffling and gathering batches, not evaluation. The
stopping time is chosen on the test set, so the accuracy is the goal of a race, not an estimate of generalization.
"""
import argparse
import copy
import json
import math
import statistics
import time

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2)
p.add_argument("--epochs", default="0.75,1,2,3", help="cycle lengths to run (fractions allowed), each a full one-cycle schedule")
p.add_argument("--seeds", type=int, default=1)
p.add_argument("--batch", type=int, default=128)
p.add_argument("--lr", type=float, default=0.01, help="peak learning rate")
p.add_argument("--opt", choices=["adamw", "sgd"], default="adamw")
p.add_argument("--width", type=int, default=16)
p.add_argument("--wd", type=float, default=0.01)
p.add_argument("--warm", type=float, default=0.25, help="fraction of the cycle spent rising")
p.add_argument("--ema", type=float, default=0.0, help="decay of a weight average used for evaluation (0: none)")
p.add_argument("--smooth", type=float, default=0.0, help="label smoothing")
p.add_argument("--evals", type=int, default=8, help="evaluations per epoch, off the clock")
p.add_argument("--target", type=float, default=0.99)
a = p.parse_args()
import common  # noqa: E402

common.use_threads(a.threads)
import torch  # noqa: E402
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(a.threads)


def load(kind):
    x, y = common.idx(kind)
    x = (torch.from_numpy(x).float() / 255 - 0.1307) / 0.3081
    return x.reshape(-1, 1, 28, 28).contiguous(memory_format=torch.channels_last), torch.from_numpy(y).long()


X, Y = load("train")
XT, YT = load("t10k")


def net():
    w = a.width
    return nn.Sequential(  # pool first: batch-norm and ReLU then touch a quarter of the values
        nn.Conv2d(1, w, 5, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(w), nn.ReLU(inplace=True),
        nn.Conv2d(w, 2 * w, 3, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(2 * w), nn.ReLU(inplace=True),
        nn.Conv2d(2 * w, 4 * w, 3, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Linear(9 * 4 * w, 10)).to(memory_format=torch.channels_last)


@torch.no_grad()
def accuracy(m):
    m.eval()
    hits = sum((m(XT[i:i + 1000]).argmax(1) == YT[i:i + 1000]).sum().item() for i in range(0, 10000, 1000))
    m.train()
    return hits / 10000


def run(epochs, seed):
    torch.manual_seed(seed)
    m = net()
    per = len(X) // a.batch
    total = round(per * epochs)
    if a.opt == "adamw":
        opt = torch.optim.AdamW(m.parameters(), lr=a.lr, weight_decay=a.wd, fused=True)
    else:
        opt = torch.optim.SGD(m.parameters(), lr=a.lr, momentum=0.9, nesterov=True, weight_decay=a.wd, fused=True)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, a.lr, total_steps=total, pct_start=a.warm, div_factor=10,
                                                final_div_factor=100, cycle_momentum=False)
    avg = copy.deepcopy(m) if a.ema else None
    every = max(1, per // a.evals)
    clock, reached, step, after, at_s = 0.0, None, 0, [], []
    t = time.perf_counter()
    for e in range(math.ceil(epochs)):
        order = torch.randperm(len(X))
        n = min(per, total - step)
        for b in range(n):
            i = order[b * a.batch:(b + 1) * a.batch]
            opt.zero_grad(set_to_none=True)
            F.cross_entropy(m(X[i]), Y[i], label_smoothing=a.smooth).backward()
            opt.step()
            sched.step()
            step += 1
            if avg is not None:
                with torch.no_grad():
                    for q, r in zip(avg.state_dict().values(), m.state_dict().values()):
                        q.lerp_(r, 1 - a.ema) if q.is_floating_point() else q.copy_(r)
            last = b + 1 == n
            if last or (reached is None and step * 2 >= total and step % every == 0):
                clock += time.perf_counter() - t
                acc = accuracy(avg if avg is not None else m)
                if acc >= a.target and reached is None:
                    reached = clock
                if last:
                    after.append(acc)
                    at_s.append(round(clock, 2))
                t = time.perf_counter()
    out = {"peer": "torch", "version": torch.__version__, "workload": "time-to-99", "threads": a.threads, "seed": seed,
           "epochs": epochs, "seconds_to_target": reached and round(reached, 2), "acc_after_epoch": after,
           "train_seconds_after_epoch": at_s}
    print(json.dumps(out), flush=True)
    return out


m, x = net(), X[:a.batch]  # warm-up: thread pool and oneDNN primitives
for _ in range(3):
    F.cross_entropy(m(x), Y[:a.batch]).backward()
runs = [run(e, s) for e in map(float, a.epochs.split(",")) for s in range(a.seeds)]
best = [r["seconds_to_target"] for r in runs if r["seconds_to_target"]]
summary = {"summary": "time-to-99", "batch": a.batch, "lr": a.lr, "opt": a.opt, "width": a.width, "params": sum(q.numel() for q in m.parameters()),
           "best_seconds": min(best) if best else None}
for e in sorted({r["epochs"] for r in runs}):
    rs = [r for r in runs if r["epochs"] == e]
    hit = [r["seconds_to_target"] for r in rs if r["seconds_to_target"]]
    summary[f"cycle{e:g}"] = {"reached": f"{len(hit)}/{len(rs)}", "median_seconds": statistics.median(hit) if hit else None,
                            "final_acc": [r["acc_after_epoch"][-1] for r in rs]}
print(json.dumps(summary), flush=True)
