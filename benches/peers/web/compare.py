#!/usr/bin/env python3
"""compare.py [TASK…] [--rounds N] [--limit SECONDS]: times the pad in a browser beside TensorFlow.js and ONNX Runtime Web.

Needs `digit-pad/web/build`, `cargo build --release -p digit-pad`, `benches/peers/setup.sh web`, Chromium and its driver.
Prints a line of JSON a figure. Tasks: `load`, `read`, `train`; without one, all of them.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
PEERS_DIR = Path(os.environ.get("PEERS_DIR", Path.home() / ".cache/nn-core-peers"))
sys.path.insert(0, str(ROOT / "digit-pad/web/tests"))
from browser import Browser, Failed, Server, wait_for  # noqa: E402

PAD = ROOT / "target/release/digit-pad"
TFJS = "node_modules/@tensorflow"
ORT = "node_modules/onnxruntime-web/dist"
# What a page with nothing else would load of each.
LOADED = {
    "pad": ["pad/index.html", "pad/style.css", "pad/page.js", "pad/build.js", "pad/simd/digit_pad_web.js", "pad/simd/digit_pad_web_bg.wasm"],
    "tfjs-cpu": [f"{TFJS}/tfjs/dist/tf.min.js"],
    "tfjs-wasm": [f"{TFJS}/tfjs/dist/tf.min.js", f"{TFJS}/tfjs-backend-wasm/dist/tf-backend-wasm.min.js", f"{TFJS}/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"],
    "ort-wasm": [f"{ORT}/ort.wasm.min.js", f"{ORT}/ort-wasm-simd-threaded.mjs", f"{ORT}/ort-wasm-simd-threaded.wasm", "model.onnx"],
}
READ = [
    ("pad", "pad.html", {}),
    ("ort-wasm", "ort.html", {}),
    ("tfjs-wasm", "tfjs.html", {"backend": "wasm", "net": "best"}),
    ("tfjs-cpu", "tfjs.html", {"backend": "cpu", "net": "best"}),
    ("tfjs-wasm, its example's small network", "tfjs.html", {"backend": "wasm", "net": "example"}),
    ("tfjs-cpu, its example's small network", "tfjs.html", {"backend": "cpu", "net": "example"}),
]
EXAMPLE = {"net": "example", "optimizer": "adam", "rate": 0.003, "batch": 64}
DENSE = {"net": "dense", "optimizer": "momentum", "rate": 0.1, "batch": 128}
TRAIN = [
    ("pad", "pad.html", {}),
    ("tfjs-wasm, convolutions", "tfjs.html", {"backend": "wasm", **EXAMPLE, "every": 20}),
    ("tfjs-cpu, convolutions", "tfjs.html", {"backend": "cpu", **EXAMPLE, "every": 5}),
    ("tfjs-wasm, dense", "tfjs.html", {"backend": "wasm", **DENSE, "every": 100}),
    ("tfjs-cpu, dense", "tfjs.html", {"backend": "cpu", **DENSE, "every": 50}),
]


def lay_out(site):
    """What the server shows: the pages, the libraries, MNIST, the pad and its model."""
    links = {"bench": HERE, "node_modules": PEERS_DIR / "web/node_modules", "pad": ROOT / "digit-pad/web/dist", "mnist": ROOT / "digit-pad/web/dist/mnist"}
    for name, target in links.items():
        if not target.exists():
            sys.exit(f"compare.py: {target} is missing; see compare.py --help")
        (site / name).symlink_to(target)
    subprocess.run([PAD, "export", "--onnx", site / "model.onnx"], check=True, stderr=subprocess.DEVNULL)


def run(server, page, how):
    """What `bench` of a page returns, in a browser of its own."""
    with Browser() as browser:
        browser.post("timeouts", {"script": 3_600_000})
        browser.open(f"{server.address}bench/{page}")
        wait_for(f"{page} to load", lambda: browser.run("return !!globalThis.bench"), 60)
        try:
            return {"chromium": browser.version, **browser.run("return bench(arguments[0])", how)}
        except Failed as failed:
            return {"failed": str(failed).splitlines()[0]}


def load(site):
    for peer, files in LOADED.items():
        contents = [(site / file).read_bytes() for file in files]
        yield {"peer": peer, "bytes": sum(map(len, contents)), "gzipped": sum(len(gzip.compress(content)) for content in contents)}


def native():
    """The same training on one thread of the CPU, with AVX2."""
    command = [PAD, "train", "--preset", "fast", "--threads", "1", "--until-accuracy", "0.99", "--json", "--out", os.devnull + ".safetensors"]
    with tempfile.TemporaryDirectory() as folder:
        command[-1] = str(Path(folder) / "fast.safetensors")
        lines = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "NN_CORE_KERNEL": "avx2"}).stdout
    return {"peer": "digit-pad, one native thread with AVX2", **json.loads(lines.splitlines()[-1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["load", "read", "train"], metavar="TASK")
    parser.add_argument("--rounds", type=int, default=3, help="times each figure is taken (default 3)")
    parser.add_argument("--limit", type=float, default=300, help="seconds of training after which a peer has not reached 98%% (default 300)")
    parser.add_argument("--peers", default="", help="only peers whose names begin so")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        lay_out(site)
        server = Server(["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", site])
        report = lambda **figure: print(json.dumps({**figure, "load_average": round(os.getloadavg()[0], 2)}), flush=True)
        try:
            if "load" in options.tasks:
                for figure in load(site):
                    report(task="load", **figure)
            for task, rows in (("read", READ), ("train", TRAIN)):
                for _ in range(options.rounds if task in options.tasks else 0):
                    if task == "train" and not options.peers:
                        report(task=task, **native())
                    for peer, page, how in rows:
                        if peer.startswith(options.peers):
                            how = {"task": task, "goals": [0.98, 0.99], "limit": options.limit, **how}
                            report(task=task, peer=peer, **run(server, page, how))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
