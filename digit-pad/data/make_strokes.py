"""Makes strokes.jsonl.gz beside this file from digits and letters drawn on tablets: see README.md."""

import gzip
import json
import sys
from pathlib import Path

SITES = ("app/", "apa/")
# The longer side of a drawing in the file; the originals have 1000. A network's image has 20 pixels of it.
SIDE = 250


def point(original):
    return [round(coordinate * SIDE / 1000) for coordinate in original]


def stroke(original):
    """The points on the coarser grid, without repetitions."""
    points = [point(p) for p in original]
    return [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]


def lines(path, meaning):
    for line in path.read_text().splitlines():
        drawing = json.loads(line)
        if drawing["writer"].startswith(SITES):
            kept = {meaning: drawing[meaning], "writer": drawing["writer"]}
            kept["strokes"] = [stroke(original) for original in drawing["strokes"]]
            yield json.dumps(kept, separators=(",", ":"))


def main(folder):
    kept = [*lines(folder / "dev.jsonl", "label"), *lines(folder / "letters-train.jsonl", "symbol")]
    text = "".join(line + "\n" for line in kept).encode()
    # Without a time and a name, the same lines give the same bytes.
    Path(__file__).with_name("strokes.jsonl.gz").write_bytes(gzip.compress(text, 9, mtime=0))


main(Path(sys.argv[1]))
