"""Makes the fonts beside this file from Inter's OpenType files: see README.md."""

import sys
from pathlib import Path

import uharfbuzz
from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0

LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x100)]
SYMBOLS = [ord(c) for c in "–—‘’“”…−←→↑↓µ"]
FACES = {
    "Inter-Medium": LATIN + SYMBOLS,
    "Inter-SemiBold": LATIN + SYMBOLS,
    "InterDisplay-SemiBold": [ord(c) for c in "0123456789?–"],
}
KEPT_NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14]


def use_tabular_digits(font):
    """Points the digits at their glyphs of equal width, which a feature would choose."""
    records = font["GSUB"].table.FeatureList.FeatureRecord
    lookups = {i for r in records if r.FeatureTag == "tnum" for i in r.Feature.LookupListIndex}
    tabular = {}
    for index in lookups:
        for subtable in font["GSUB"].table.LookupList.Lookup[index].SubTable:
            tabular.update(getattr(subtable, "ExtSubTable", subtable).mapping)
    for table in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            if code in table.cmap:
                table.cmap[code] = tabular.get(table.cmap[code], table.cmap[code])
    # They differ by a thousandth of an em; a column of them should not.
    digits = [font.getBestCmap()[code] for code in range(ord("0"), ord("9") + 1)]
    widest = max(font["hmtx"][digit][0] for digit in digits)
    for digit in digits:
        font["hmtx"][digit] = (widest, font["hmtx"][digit][1])


def kerning(path, codes):
    """Pairs of characters and by how much they move together, in font units."""
    face = uharfbuzz.Face(path.read_bytes())
    font = uharfbuzz.Font(face)

    def advance(text, kern):
        buffer = uharfbuzz.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        uharfbuzz.shape(font, buffer, {"kern": kern, "calt": False, "ccmp": False, "tnum": True})
        return sum(position.x_advance for position in buffer.glyph_positions)

    letters = [chr(c) for c in codes if 0x20 < c < 0x7F or chr(c) in "–’“”µ"]
    pairs = {a + b: advance(a + b, True) - advance(a + b, False) for a in letters for b in letters}
    return {pair: by for pair, by in pairs.items() if abs(by) >= 8}


def add_kern_table(font, pairs):
    """Writes the pairs in the old table, the one that fontdue reads."""
    cmap = font.getBestCmap()
    table = KernTable_format_0()
    table.coverage = 1
    table.kernTable = {(cmap[ord(a)], cmap[ord(b)]): by for (a, b), by in pairs.items()}
    font["kern"] = newTable("kern")
    font["kern"].version = 0
    font["kern"].kernTables = [table]


def make(source, target, codes):
    font = TTFont(source)
    use_tabular_digits(font)
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = KEPT_NAMES
    options.notdef_outline = True
    options.drop_tables += ["GPOS", "GSUB", "GDEF"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=codes)
    subsetter.subset(font)
    add_kern_table(font, kerning(source, codes))
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False
    font.save(target)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, codes in FACES.items():
        target = Path(__file__).parent / f"{name}.otf"
        make(folder / f"{name}.otf", target, codes)
        print(f"{target.name}: {target.stat().st_size} bytes")
