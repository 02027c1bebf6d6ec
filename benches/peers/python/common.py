"""Shared by the Python peers: arguments, MNIST, timing loops, JSON output.

Call `setup()` before numpy, torch, tensorflow or jax is imported: it sets thread counts through the environment.
"""
import argparse
import json
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from workloads import PREDICTION_BATCHES, PREDICTIONS, WORKLOADS  # noqa: E402

PEERS_DIR = os.environ.get("PEERS_DIR", os.path.expanduser("~/.cache/nn-core-peers"))
MNIST = os.environ.get("MNIST_DIR", os.path.join(PEERS_DIR, "mnist"))
WARMUP = 20


def use_threads(threads):
    """Lets every library choose its own BLAS kernel, on `threads` threads."""
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE", "MKL_DEBUG_CPU_TYPE"):
        os.environ.pop(name, None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


def setup(extra=None, gemm=False):
    """Reads the arguments. Sets `net`, `batch`, `optimizer` and `lr` from the workload where they are not given."""
    p = argparse.ArgumentParser()
    p.add_argument("--workload", choices=["gemm"] if gemm else [*WORKLOADS, "infer-1"])
    p.add_argument("--net", help="network in text form, instead of --workload")
    p.add_argument("--seconds", type=float, default=3.0)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch", type=int)
    p.add_argument("--optimizer", choices=["sgd", "adam"])
    p.add_argument("--lr", type=float)
    if extra:
        extra(p)
    a = p.parse_args()
    if not a.workload and not a.net:
        p.error("give --workload NAME or --net SPEC")
    if a.net or a.workload in WORKLOADS:
        net, batch, optimizer, lr = WORKLOADS.get(a.workload, (a.net, 64, "sgd", None))
        a.net, a.batch, a.optimizer = a.net or net, a.batch or batch, a.optimizer or optimizer
        a.lr = a.lr or lr or (0.05 if a.optimizer == "sgd" else 1e-3)
    a.workload = a.workload or "custom"
    use_threads(a.threads)
    return a


def one_core_if_one_thread(threads):
    """XLA's thread pool takes its size from the affinity mask."""
    if threads == 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def idx(part):
    """Images (uint8, [n, 784]) and labels (int32, [n]) of "train" or "t10k"."""
    import numpy as np
    x = np.fromfile(f"{MNIST}/{part}-images-idx3-ubyte", np.uint8, offset=16).reshape(-1, 784)
    y = np.fromfile(f"{MNIST}/{part}-labels-idx1-ubyte", np.uint8, offset=8).astype(np.int32)
    return x, y


def batches(batch):
    """Contiguous training batches, the short last one dropped: f32 in 0..1 [n, batch, 784], int32 [n, batch]."""
    import numpy as np
    x, y = idx("train")
    n = len(x) // batch
    x = (x[:n * batch].astype(np.float32) / 255.0).reshape(n, batch, 784)
    return x, y[:n * batch].reshape(n, batch)


def timed(step, sync, seconds, warmup=WARMUP):
    """Times training steps: `step(i)` starts step i and returns a handle, `sync(handle)` waits for it and gives its loss.

    Syncs about 20 times a second, so that asynchronous libraries are not slowed down.
    Returns (steps, seconds, first loss, final loss); the final loss is the mean of the last 20 that were synced.
    """
    first = sync(step(0))
    handle = None
    for i in range(1, warmup):
        handle = step(i)
    sync(handle)
    i, chunk, losses = warmup, 1, []
    start = time.perf_counter()
    while True:
        for _ in range(chunk):
            handle = step(i)
            i += 1
        losses.append(sync(handle))
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
        rate = (i - warmup) / elapsed
        chunk = max(1, min(int(rate * 0.05), int(rate * (seconds - elapsed)) + 1))
    return i - warmup, elapsed, first, statistics.fmean(losses[-20:])


def latency(call, calls=2000, warmup=100, limit=20.0):
    """Median microseconds of `call(i)`, and the number of calls; stops after `limit` seconds."""
    for i in range(warmup):
        call(i)
    times, end = [], time.perf_counter() + limit
    for i in range(calls):
        start = time.perf_counter()
        call(i)
        stop = time.perf_counter()
        times.append(stop - start)
        if stop > end:
            break
    return statistics.median(times) * 1e6, len(times)


def throughput(call, seconds, batch):
    """Images per second of `call(i)`, a forward pass of one batch."""
    for i in range(3):
        call(i)
    n, start = 0, time.perf_counter()
    while True:
        call(n)
        n += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds and n >= 5:
            return n * batch / elapsed


def emit(**values):
    """Prints one line of JSON, floats with six digits."""
    rounded = {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in values.items()}
    print(json.dumps(rounded), flush=True)


def emit_train(peer, version, a, result, **more):
    steps, seconds, first, final = result
    emit(peer=peer, version=version, workload=a.workload, net=a.net, batch=a.batch, images_per_s=steps * a.batch / seconds,
         first_loss=first, final_loss=final, threads=a.threads, steps=steps, seconds=seconds, **more)


def run_infer(peer, version, a, make):
    """Times prediction of each network with each variant of a library, and prints the fastest variant.

    `make(net)` returns (to_input, {variant: call}), where `call(x)` returns when the logits are ready. Instead of a
    call there may be the exception that says why the variant is missing. Prints a line for each batch size (for batch 1
    latency, else images per second), with the figures of every variant in `all`.
    """
    import numpy as np
    x = idx("t10k")[0].astype(np.float32) / 255.0
    for name in PREDICTIONS:
        to_input, variants = make(WORKLOADS[name][0])
        inputs = {n: [to_input(x[i:i + n]) for i in range(0, min(len(x), 500 * n), n)] for n in PREDICTION_BATCHES}
        latencies, rates, failed, expected = {}, {n: {} for n in PREDICTION_BATCHES[1:]}, {}, None
        share = max(0.5, a.seconds / max(1, len(variants)))
        for variant, call in variants.items():
            try:
                if isinstance(call, Exception):
                    raise call
                logits = np.asarray(call(inputs[1000][0]))
                expected = logits if expected is None else expected
                assert np.allclose(logits, expected, atol=1e-3), "it disagrees with the first variant"
                latencies[variant] = latency(lambda i: call(inputs[1][i % 500]), limit=max(2.0, 4 * share))
                for n, of_variant in rates.items():
                    of_variant[variant] = throughput(lambda i: call(inputs[n][i % len(inputs[n])]), share, n)
            except Exception as e:  # the installed version cannot run this variant
                failed[variant] = f"{type(e).__name__}: {e}"[:200]
        if not latencies:
            sys.exit(f"no variant of {peer} runs {name}: {failed}")
        same = dict(peer=peer, version=version, workload=f"infer-1/{name}", threads=a.threads,
                    **({"failed": failed} if failed else {}))
        best = min(latencies, key=lambda variant: latencies[variant][0])
        emit(**same, batch=1, images_per_s=1e6 / latencies[best][0], latency_us=latencies[best][0],
             calls=latencies[best][1], variant=best, all={k: round(v[0], 1) for k, v in latencies.items()})
        for n, of_variant in rates.items():
            best = max(of_variant, key=of_variant.get)
            emit(**same, batch=n, images_per_s=of_variant[best], variant=best, all={k: round(v) for k, v in of_variant.items()})

