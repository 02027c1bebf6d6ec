"""The peers: how each is started, and how its output is parsed. Used by compare.py and record.py."""
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS_DIR = Path(os.environ.get("PEERS_DIR", Path.home() / ".cache/nn-core-peers"))
PY, TF = PEERS_DIR / "venv/bin/python", PEERS_DIR / "tfvenv/bin/python"
RUST = PEERS_DIR / "rust-target/release"
PEERS = {  # name: the program and its own arguments
    "torch": [PY, HERE / "python/peer_torch.py"],
    "torch-channels-last": [PY, HERE / "python/peer_torch.py", "--channels-last"],
    "torch-compile": [PY, HERE / "python/peer_torch.py", "--compile"],
    "jax": [PY, HERE / "python/peer_jax.py"],
    "jax-scan": [PY, HERE / "python/peer_jax.py", "--scan", "100"],
    "keras": [TF, HERE / "python/peer_keras.py"],
    "burn": [RUST / "peer-burn"],
    "candle": [RUST / "throughput", "--peer", "candle"],
    "gemm": [RUST / "throughput", "--peer", "gemm"],
    "matrixmultiply": [RUST / "throughput", "--peer", "matrixmultiply"],
    "openblas": [PY, HERE / "python/peer_blas.py"],
    "mkl": [PY, HERE / "python/peer_blas.py", "--torch"],
}
MODULES = {"peer_torch.py": "torch", "time_to_accuracy_torch.py": "torch", "--torch": "torch", "peer_jax.py": "jax",
           "peer_keras.py": "tensorflow", "peer_blas.py": "numpy"}
FASTEST = {  # the peers worth timing for each workload; all others were slower
    "mlp-s": ["jax-scan", "jax", "burn", "candle"],
    "mlp-s-128": ["jax", "burn", "torch"],
    "mlp-l": ["jax", "keras", "torch"],
    "cnn-seed": ["torch-channels-last", "jax", "keras"],
    "cnn-basic": ["torch-channels-last", "keras", "torch"],
    "lenet5": ["torch", "torch-channels-last"],
    "lenet5-gelu": ["torch", "torch-channels-last"],
    "lenet5-sigmoid": ["torch", "torch-channels-last"],
    "lenet5-leakyrelu": ["torch", "torch-channels-last"],
    "lenet5-batchnorm": ["torch", "torch-channels-last"],
    "net": ["torch", "torch-channels-last"],
    "infer-1": ["keras", "torch", "jax", "burn", "candle"],
    "gemm": ["openblas", "mkl", "gemm", "matrixmultiply"],
    "time-to-99": ["torch-recipe"],
}
SETS = ("avx2", "fma", "avx512f", "avx512vl", "avx512bw", "asimd")
SLOT = 0.1  # seconds
LOWER_IS_BETTER = ("µs", "s")


class Failed(Exception):
    """A program that failed, or whose output cannot be right."""


def arguments(run, seconds):
    """Arguments that all programs understand."""
    tail = ["--seconds", str(seconds), "--threads", str(run.threads)]
    if not run.net:
        return ["--workload", run.workload, *tail]
    lr = "0.001" if run.optimizer == "adam" else "0.05"
    return ["--net", run.net, "--batch", str(run.batch), "--optimizer", run.optimizer, "--lr", lr, *tail]


def our_program(run, workload):
    """Path of the program that times our side of a workload."""
    ours = Path(run.ours).resolve()
    return ours.with_name("digit-pad") if workload == "time-to-99" else ours


def check_programs(run, workloads):
    """Checks that our own programs exist.

    Raises Failed with the command that builds the missing ones.
    """
    packages = {"digit-pad" if workload == "time-to-99" else "benches --bin throughput": our_program(run, workload)
                for workload in workloads}
    missing = {package: program for package, program in packages.items() if not is_program(program)}
    if missing:
        raise Failed(f"not built: {', '.join(map(os.path.relpath, missing.values()))}. "
                     f"Run {' && '.join(f'cargo build --release -p {package}' for package in missing)}")
    if run.against and not is_program(Path(run.against)):
        raise Failed(f"--against {run.against}: no such program. Give the path of another build of ours")


def is_program(path):
    return path.is_file() and os.access(path, os.X_OK)


def peers_for(run, workload):
    """Names of the peers to time: those of --peers, or the fastest known."""
    names = run.peers.split(",") if run.peers else FASTEST[workload]
    unknown = [name for name in names if name not in PEERS and name != "torch-recipe"]
    if unknown:
        raise Failed(f"unknown: {', '.join(unknown)}; known are {', '.join([*PEERS, 'torch-recipe'])}")
    return names


def our_command(run, seconds, binary=None):
    program = str(Path(binary).resolve() if binary else our_program(run, run.workload))
    if run.workload == "time-to-99":
        out = Path(tempfile.gettempdir()) / "time-to-99.safetensors"
        return [program, "train", "--preset", "fast", "--until-accuracy", "0.99", "--seed", "1", "--threads",
                str(run.threads), "--json", "--out", str(out)]
    return [program, *arguments(run, seconds)]


def peer_command(peer, run):
    if peer == "against":
        return our_command(run, run.seconds, run.against)
    if peer == "torch-recipe":
        return [str(PY), str(HERE / "python/time_to_accuracy_torch.py"), "--epochs", "0.75", "--threads", str(run.threads)]
    return [*map(str, PEERS[peer]), *arguments(run, run.seconds)]


def shown(command):
    """The command without the paths of this machine."""
    words = []
    for word in command:
        for folder, name in ((HERE, "benches/peers"), (PEERS_DIR, "$PEERS_DIR"), (ROOT, "."), (tempfile.gettempdir(), "$TMPDIR")):
            word = word.replace(f"{folder}/", f"{name}/")
        if os.path.isabs(word):
            word = os.path.basename(word)
        words.append(f"'{word}'" if " " in word else word)
    return " ".join(words)


def is_set_up(command):
    """Whether the program is there, and for a Python script the module that it times."""
    program = Path(command[0])
    module = next((module for end, module in MODULES.items() if any(word.endswith(end) for word in command)), None)
    installed = not module or any(program.parent.parent.glob(f"lib/python3*/site-packages/{module}"))
    return program.exists() and installed


def environment(threads):
    """glibc keeps freed memory, as the tensor libraries are fastest with it; each library takes `threads` threads."""
    env = dict(os.environ, MALLOC_TRIM_THRESHOLD_="4000000000", MALLOC_MMAP_THRESHOLD_="4000000000")
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        env.pop(name, None)
    for library in ("OMP", "MKL", "OPENBLAS", "RAYON", "MATMUL"):
        env[f"{library}_NUM_THREADS"] = str(threads)
    return env


def rows_of(text, threads):
    """{row: (value, unit)} of a program's output, and the version that it names."""
    rows, version = {}, None
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        r = json.loads(line)
        version = r.get("version", version)
        if r.get("threads", threads) != threads:
            continue
        if r.get("first_loss") is not None and not r["final_loss"] < r["first_loss"]:
            raise Failed(f"the loss did not fall: {line}")
        if "gflops" in r and "m" in r:
            rows[f"{r['m']}x{r['k']}x{r['n']}"] = r["gflops"], "GFLOP/s"
        elif str(r.get("workload", "")).startswith("infer-1/"):
            name = f"{r['workload'].removeprefix('infer-1/')} batch {r['batch']}"
            rows[name] = (r["latency_us"], "µs") if "latency_us" in r else (r["images_per_s"], "images/s")
        elif "train_seconds" in r or r.get("seconds_to_target"):
            rows["seconds to 99%"] = r.get("train_seconds") or r["seconds_to_target"], "s"
        elif "images_per_s" in r and "epoch" not in r:
            rows["training"] = r["images_per_s"], "images/s"
    return rows, version


def start(command, threads):
    out = tempfile.TemporaryFile("w+")
    try:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment(threads)), out
    except OSError as error:
        raise Failed(f"{shown(command)}: {error.strerror}") from None


def finish(command, process, out):
    process.wait(timeout=3600)
    out.seek(0)
    text = out.read()
    if process.returncode or "{" not in text:
        raise Failed(f"{shown(command)}: exit status {process.returncode}\n{text[-2000:]}")
    return text


def in_turns(commands, threads):
    return [finish(c, *start(c, threads)) for c in commands]


def alternately(commands, threads):
    """Starts all programs together, and lets one at a time run for a slot while the others are suspended."""
    running = [start(c, threads) for c in commands]
    done = threading.Event()

    def alternate():
        # Every program gets its slot, also after another has ended, so that no one gets more than its share.
        while not done.is_set():
            for process, _ in running:
                if process.poll() is None:
                    process.send_signal(signal.SIGCONT)
                time.sleep(SLOT)
                if process.poll() is None:
                    process.send_signal(signal.SIGSTOP)

    for process, _ in running:
        process.send_signal(signal.SIGSTOP)
    keeper = threading.Thread(target=alternate)
    keeper.start()
    try:
        return [finish(c, p, o) for c, (p, o) in zip(commands, running)]
    finally:
        done.set()
        keeper.join()
        for process, _ in running:
            if process.poll() is None:
                process.kill()


def rounds_of(peers, run):
    """Times ours and each peer for `run.rounds` rounds: {(row, peer): {unit, ours, theirs}}, and {peer: version}."""
    results, versions = {}, {}
    for _ in range(run.rounds):
        for peer in peers:
            # Other peers start slowly: with --alternate ours runs for longer, so that both are timed over the same period.
            # Another build of ours does not, and what ran on after its end would be slower, since it follows idle slots.
            longer = 3 if run.alternate and peer != "against" else 1
            commands = [our_command(run, run.seconds * longer), peer_command(peer, run)]
            texts = (alternately if run.alternate else in_turns)(commands, run.threads)
            (ours, _), (theirs, versions[peer]) = (rows_of(text, run.threads) for text in texts)
            common = [row for row in ours if row in theirs]
            if not common:
                raise Failed(f"no figure in common:\n{texts[0][-500:]}\n{texts[1][-500:]}")
            for row in common:
                found = results.setdefault((row, peer), {"unit": ours[row][1], "ours": [], "theirs": []})
                found["ours"].append(ours[row][0])
                found["theirs"].append(theirs[row][0])
    return dict(sorted(results.items(), key=lambda item: peers.index(item[0][1]))), versions


def ratio_of(result):
    """How many times faster ours is: the median of the ratios of each round."""
    pairs = zip(result["ours"], result["theirs"])
    lower = result["unit"] in LOWER_IS_BETTER
    return statistics.median(t / o if lower else o / t for o, t in pairs)


def cpu():
    """Model of the CPU, and those of its instruction sets that matter here."""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown CPU", []
    field = lambda name: next((l.split(":", 1)[1].strip() for l in info.splitlines() if l.startswith(name)), "")  # noqa: E731
    flags = field("flags").split()
    name = field("model name") or "unknown CPU"
    zen = zen_generation(int(field("cpu family") or 0), int(field("model\t") or 0)) if "AMD" in name else None
    return f"{name} ({zen})" if zen else name, [f for f in SETS if f in flags]


def zen_generation(family, model):
    """Zen generation by family and model; AMD's model names do not always show it."""
    if family == 23:
        return "Zen 2" if model >= 0x30 else "Zen"
    if family == 25:
        return "Zen 4" if 0x10 <= model < 0x20 or model >= 0x60 else "Zen 3"
    return "Zen 5" if family == 26 else None


def add_options(parser):
    """Options of compare.py and record.py."""
    parser.add_argument("--ours", default=str(ROOT / "target/release/throughput"), help="our throughput binary")
    parser.add_argument("--peers", help="peers to time, separated by commas, instead of the fastest known")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="for each run; for gemm, for each shape")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alternate", action="store_true",
                        help="start both programs, and let one at a time run while the other is suspended, for a shared machine")


def main(run):
    """Runs `run()`, and ends with the message of what failed."""
    try:
        run()
    except Failed as failure:
        sys.exit(str(failure))
