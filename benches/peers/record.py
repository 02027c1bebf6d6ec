#!/usr/bin/env python3
"""Times every workload beside its fastest peers, and writes benches/results/<date>-<cpu>.json.

    record.py [--workloads NAME,...] [--rounds N] [--seconds S] [--threads T] [--alternate] [--out FILE]

The file contains the CPU, its instruction sets, the kernel if one is forced, the number of threads, our commit, the
version of each peer, and for each row the commands, all rounds, the medians and the ratios. Peers that are not set up
are named in `missing`. tables.py makes the tables of docs/benchmarks.md from it.
"""
import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from peers import (FASTEST, ROOT, Failed, add_options, check_programs, cpu, is_set_up, main, our_command, peer_command,
                   peers_for, ratio_of, rounds_of, shown)

RECORDED = [workload for workload in FASTEST if workload != "net"]


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def record():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(p)
    p.add_argument("--workloads", default=",".join(RECORDED))
    p.add_argument("--out", type=Path)
    a = p.parse_args()
    workloads = a.workloads.split(",")
    unknown = [workload for workload in workloads if workload not in RECORDED]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; known are {', '.join(RECORDED)}")
    a.net = a.batch = a.optimizer = a.against = None
    check_programs(a, workloads)
    peers = {workload: peers_for(a, workload) for workload in workloads}
    model, sets = cpu()
    now = datetime.datetime.now(datetime.timezone.utc)
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((R|TM)\)|\d+-Core|Processor|CPU|@.*", "", model).lower()).strip("-")
    out = a.out or ROOT / f"benches/results/{now:%Y-%m-%d}-{name}.json"
    whole = {
        "date": f"{now:%Y-%m-%d}",
        "started": f"{now:%H:%M} UTC",
        "cpu": model,
        "instruction_sets": sets,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "kernel_forced": os.environ.get("NN_CORE_KERNEL"),
        "threads": a.threads,
        "commit": output_of("git", "rev-parse", "HEAD"),
        "uncommitted_changes": bool(output_of("git", "status", "--porcelain", "--untracked-files=no")),
        "compiler": output_of("rustc", "--version"),
        "command": shown(["record.py", *sys.argv[1:]]),
        "rounds": a.rounds,
        "seconds": a.seconds,
        "alternate": a.alternate,
        "load_before": os.getloadavg()[0],
        "versions": {},
        "missing": [],
        "failed": {},
        "rows": [],
    }
    for workload in workloads:
        a.workload = workload
        for peer in peers[workload]:
            command = peer_command(peer, a)
            if not is_set_up(command):
                whole["missing"] = sorted({*whole["missing"], peer})
                continue
            # The clock of time-to-99 would keep running while a program is suspended.
            alternate, a.alternate = a.alternate, a.alternate and workload != "time-to-99"
            try:
                results, versions = rounds_of([peer], a)
            except Failed as failure:
                print(f"{workload}, {peer}: {failure}", file=sys.stderr)
                whole["failed"][f"{workload}, {peer}"] = str(failure).splitlines()[-1]
                continue
            finally:
                a.alternate = alternate
            whole["versions"].update(versions)
            for (row, _), result in results.items():
                ratio = ratio_of(result)
                whole["rows"].append({
                    "workload": workload, "row": row, "peer": peer, "unit": result["unit"],
                    "our_command": shown(our_command(a, a.seconds)), "peer_command": shown(command),
                    "ours": result["ours"], "theirs": result["theirs"],
                    "our_median": statistics.median(result["ours"]),
                    "their_median": statistics.median(result["theirs"]), "ratio": round(ratio, 3),
                })
                print(f"{workload}, {row}, {peer}: {ratio:.2f}", file=sys.stderr)
            whole["load_after"] = os.getloadavg()[0]
            # Written after each peer, so that an interrupted run leaves its results.
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    if not whole["rows"]:
        sys.exit(f"nothing was timed: not set up are {', '.join(whole['missing'])} (benches/peers/setup.sh)")
    if whole["missing"]:
        print(f"not set up, so not timed: {', '.join(whole['missing'])} (benches/peers/setup.sh)", file=sys.stderr)
    print(out)


main(record)
