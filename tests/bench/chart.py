"""The ratios as one SVG, by hand: peers down, cases across, a logarithmic bar in each cell.

It brings its own ground, and another one for dark surroundings, so it can be read on any page. A bar that
goes to the right says how many times as fast pngpost is; one that goes to the left, how much slower.
"""
import math
from xml.sax.saxutils import escape

import report

LABELS, CELL, ROW, TOP, BOTTOM, MARGIN = 222, 150, 25, 70, 46, 16
NUMBER = 40    # room for the number behind the longest bar

STYLE = """
.ground { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .small { fill: #59636e }
.number { fill: #1f2328; stroke: #ffffff }
.faster { fill: #2f6fd0 } .slower { fill: #b35900 } .grid { stroke: #d0d7de } .one { stroke: #59636e }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .small { fill: #9198a1 }
.number { fill: #f0f6fc; stroke: #0d1117 }
.faster { fill: #4c8ef0 } .slower { fill: #d98032 } .grid { stroke: #3d444d } .one { stroke: #9198a1 }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
.head { font-weight: 600 } .small { font-size: 10.5px }
.number { paint-order: stroke; stroke-width: 4px }
"""


def draw(results, path):
    cases = report.columns(results)
    if not cases:
        raise SystemExit("nothing to draw: no race of the README's was run")
    peers, names = cases[0][3]["peers"], cases[0][3]["names"]
    values = [ratio for _, _, ratios, _ in cases for ratio in ratios.values()]
    low, high = min(1.0, *values), max(10.0, *values)
    scale = (CELL - NUMBER) / math.log(high / low)
    one = -math.log(low) * scale
    width, height = 2 * MARGIN + LABELS + CELL * len(cases), TOP + ROW * len(peers) + BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           f'role="img" aria-label="How many times as fast pngpost is as its peers">',
           f"<style>{STYLE}</style>",
           f'<rect class="ground" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="6"/>']

    def text(x, y, words, kind="text", anchor="start"):
        out.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')

    def line(x, kind):
        out.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{TOP + ROW * len(peers)}"/>')

    text(MARGIN, 26, "Frames a second:", "text head")
    text(MARGIN, 42, "pngpost, times as fast as", "text head")
    for row, peer in enumerate(peers):
        text(MARGIN, TOP + ROW * row + 17, names[peer])
    for column, (heading, shown, ratios, _) in enumerate(cases):
        left = MARGIN + LABELS + CELL * column
        text(left + one, 26, heading, "text head")
        text(left + one, 42, shown, "small")
        for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
            at = left + one + power * math.log(10) * scale
            line(at, "one" if power == 0 else "grid")
            text(at, TOP - 8, f"{10 ** power:g}", "small", "middle")
        for row, peer in enumerate(peers):
            if peer in ratios:
                bar(out, text, left + one, TOP + ROW * row, ratios[peer], scale)
    machine = results["machine"]
    text(MARGIN, height - 22, "Logarithmic. Medians of ratios of neighbouring runs against one nginx. "
                              "Where PNGs are ready, pngpost gets them, too.", "small")
    text(MARGIN, height - 8, f"{machine['date']}, {results['pngpost']}, {machine['cores']} cores, {machine['cpu']}. "
                             "python3 tests/bench/run.py", "small")
    out.append("</svg>")
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")


def bar(out, text, one, top, ratio, scale):
    length = max(1.5, abs(math.log(ratio)) * scale)
    faster = ratio >= 1
    x = one if faster else one - length
    out.append(f'<rect class="{"faster" if faster else "slower"}" x="{x:.1f}" y="{top + 4}" width="{length:.1f}" '
               f'height="{ROW - 8}" rx="2"/>')
    text(one + 5 + (length if faster else 0), top + 17, report.number(ratio), "number")
