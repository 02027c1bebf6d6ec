#!/usr/bin/env python3
"""Times nn-core beside its peers, in turns.

    compare.py WORKLOAD [--peers NAME,...] [--rounds N] [--seconds S] [--threads T] [--alternate]
    compare.py WORKLOAD --against BINARY
    compare.py net --net SPEC --batch B --optimizer sgd|adam

Prints the median of each, and the median of the ratios of each round: above 1, ours is faster. WORKLOAD: mlp-s,
mlp-s-128, mlp-l, cnn-seed, cnn-basic, lenet5, lenet5-gelu, -sigmoid, -leakyrelu, -batchnorm (training); infer-1
(prediction in batches of 1, 2, 4, 8, 16 and 1,000); gemm (matrix products); time-to-99 (seconds of training to 99%);
net (training of any network in text form, beside PyTorch).

With --against, another build of our own program is the peer, to compare before and after a change.

By default the programs run in turns, which needs an idle machine. With --alternate both run at the same time and are
suspended and resumed in turn (SIGSTOP, SIGCONT) every 0.1 s, so that both see the same load of a shared machine. The
rates are then about half of what they are alone; the ratio is right. Not for time-to-99, whose clock keeps running while
a program is suspended.

Needs `cargo build --release -p benches --bin throughput`, for time-to-99 `cargo build --release -p digit-pad`, and for
the peers setup.sh, once.
"""
import argparse
import json
import os
import statistics
import sys

from peers import FASTEST, add_options, check_programs, cpu, is_set_up, main, peer_command, peers_for, ratio_of, rounds_of


def compare():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("workload", choices=FASTEST)
    add_options(p)
    p.add_argument("--against", help="another build of our program, instead of the peers")
    p.add_argument("--net")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    p.add_argument("--json", action="store_true", help="also print a line of JSON for each row")
    a = p.parse_args()
    if a.workload == "net" and not a.net:
        sys.exit("compare.py net needs --net SPEC")
    if a.workload == "time-to-99" and a.alternate:
        sys.exit("time-to-99 counts the time while it is suspended: run it without --alternate")
    check_programs(a, [a.workload])
    peers = ["against"] if a.against else peers_for(a, a.workload)
    missing = [peer for peer in peers if not is_set_up(peer_command(peer, a))]
    if missing:
        sys.exit(f"not set up: {', '.join(missing)}. Run benches/peers/setup.sh, or name others with --peers")
    model, sets = cpu()
    print(f"{model}, {' '.join(sets) or 'no AVX2'}; load before {os.getloadavg()[0]}")
    results, _ = rounds_of(peers, a)
    for row in dict.fromkeys(row for row, _ in results):
        ratios = []
        for peer in peers:
            if (row, peer) not in results:
                continue
            result = results[row, peer]
            ours, theirs, ratio = statistics.median(result["ours"]), statistics.median(result["theirs"]), ratio_of(result)
            ratios.append(ratio)
            digits = 0 if result["unit"] == "images/s" else 2
            print(f"{a.workload}, {row}: ours {ours:,.{digits}f}, {peer} {theirs:,.{digits}f} {result['unit']}; "
                  f"ours is {ratio:.2f} times as fast")
            if a.json:
                print(json.dumps({"workload": a.workload, "row": row, "peer": peer, "unit": result["unit"], "ours": ours,
                                  "theirs": theirs, "ratio": ratio}, ensure_ascii=False))
        print(f"{a.workload}, {row}: against the fastest peer {min(ratios):.2f}")
    print("load after", os.getloadavg()[0])


main(compare)
