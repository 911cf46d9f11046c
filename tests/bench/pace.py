"""The pace that pngpost finds, over time, as one SVG by hand: `python3 tests/bench/pace.py tests/bench/pace.svg`.

It runs the simulation of src/upload/simulation, whose `trace` prints the points, and brings its own ground,
so it can be read on any page.
"""
import subprocess, sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP, BOTTOM = 760, 170, 52, 16, 34, 58, 40
# name in the trace, heading, seconds, attempts a second at the top, what the server takes: seconds, rate
SCENES = [
    ("limit", "A limit of 10 attempts a second, without a burst; 40 after a minute; 10 again after 150 s", 240, 45,
     [(0, 10), (60, 10), (60, 40), (150, 40), (150, 10), (240, 10)]),
    ("chance", "A tenth of all attempts refused at random, -j 4, 100 ms each: no limit to find", 240, 60,
     [(0, 40), (240, 40)]),
]
STYLE = """
.ground { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .small { fill: #59636e }
.pace { fill: none; stroke: #2f6fd0; stroke-width: 1.5 } .limit { fill: none; stroke: #b35900; stroke-dasharray: 5 4 }
.grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .small { fill: #9198a1 }
.pace { stroke: #4c8ef0 } .limit { stroke: #d98032 } .grid { stroke: #3d444d }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
.head { font-weight: 600 } .small { font-size: 10.5px }
"""


def traces():
    """The points of each scene: seconds, attempts a second."""
    command = ["cargo", "test", "--locked", "--bin", "pngpost", "simulation::scenes::trace", "--", "--ignored", "--nocapture"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    points = {}
    for line in output.splitlines():
        # The test's own name may stand before the first one.
        word, found, rest = line.partition("trace limit") if "trace limit" in line else line.partition("trace chance")
        if found:
            at, pace = rest.split()
            points.setdefault(found.split()[1], []).append((float(at), float(pace)))
    return points


def draw(points, path):
    height = TOP + (HEIGHT + GAP) * len(SCENES) + BOTTOM - GAP
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           f'role="img" aria-label="The pace that pngpost finds, over time">', f"<style>{STYLE}</style>",
           f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>']
    for row, (name, heading, seconds, top, limit) in enumerate(SCENES):
        above = TOP + (HEIGHT + GAP) * row

        def x(at):
            return LEFT + (WIDTH - LEFT - RIGHT) * at / seconds

        def y(pace):
            return above + HEIGHT * (1 - min(pace, top) / top)

        def text(at_x, at_y, words, kind, anchor="start"):
            out.append(f'<text class="{kind}" x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{words}</text>')

        def line(kind, places):
            places = " ".join(f"{x(at):.1f},{y(pace):.1f}" for at, pace in places)
            out.append(f'<polyline class="{kind}" points="{places}"/>')

        text(LEFT, above - 12, heading, "text head")
        for pace in range(0, top + 1, 10):
            out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(pace):.1f}" y2="{y(pace):.1f}"/>')
            text(LEFT - 6, y(pace) + 4, f"{pace}/s", "small", "end")
        for at in range(0, seconds + 1, 30):
            text(x(at), above + HEIGHT + 16, f"{at} s", "small", "middle")
        # One point for each pixel is enough, and each cut is kept.
        kept, last = [], (-1.0, 0.0)
        for at, pace in points[name]:
            if x(at) - x(last[0]) >= 1 or pace < 0.99 * last[1]:
                kept.append((at, pace))
                last = (at, pace)
        line("pace", kept)
        line("limit", limit)
    text_y = height - 10
    out.append(f'<text class="small" x="{LEFT}" y="{text_y}">The pace of attempts, solid; what server and jobs allow, '
               "dashed. Simulated: python3 tests/bench/pace.py tests/bench/pace.svg</text>")
    out.append("</svg>")
    with open(path, "w") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("takes one file: where the SVG goes")
    draw(traces(), sys.argv[1])
