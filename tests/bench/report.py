"""Results in words: tables of the terminal, of table.md, and of the README, which has three of its rows."""
import re
from dataclasses import dataclass

BEGIN, END = "<!-- begin of tests/bench/run.py --readme -->", "<!-- end of tests/bench/run.py --readme -->"
# The peers of the README's rows.
README_PEERS = ["session", "curl", "parallel"]


@dataclass
class Case:
    """A race: the README has a column for each of these ways to call pngpost."""
    heading: str
    size: str
    ways: list
    is_far: bool = False    # over https, and a round trip of 20 ms


CASES = [Case("64x64", "64x64", ["-j 1", "--no-http-keep-alive -j 1"]), Case("640x480", "640x480", ["-j 2"]),
         Case("1920x1080", "1920x1080", ["-j 2"]), Case("64x64, 20 ms away", "64x64", ["-j 8"], True)]


def number(value):
    """Two or three digits that say something."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def speeds(result):
    """One row for each contestant: its speed, and how many times as fast pngpost is in each way."""
    names, ratios = result["names"], result["ratios"]
    width = max(map(len, names.values()))
    trip = f", {result['round_trip_ms']:.1f} ms to connect" if result["round_trip_ms"] else ""
    lines = [f"\n{result['heading']}{trip}", f"{'':{width}}  frames/s  frames" + "".join(f"  {our:>8}" for our in ratios)]
    for name, what in names.items():
        cells = "".join(f"  {number(of[name]) if name in of else '':>{max(8, len(our))}}" for our, of in ratios.items())
        speed, count = result["frames_per_second"][name], result["counts"][name]
        lines.append(f"{what:{width}}  {speed:8.1f}  {count:6}{cells}".rstrip())
    return "\n".join(lines)


def shown_ratios(result, shown):
    """Each peer's ratio, with these options; like with like where PNGs are ready."""
    ways = {peer: f"{shown}, ready" if peer in result["ready"] else shown for peer in result["peers"]}
    return {peer: result["ratios"][way][peer] for peer, way in ways.items() if peer in result["ratios"].get(way, {})}


def columns(results):
    """Heading, options and ratios of each column that was measured."""
    races = {race["heading"]: race for race in results.get("races", [])}
    found = [(case, way, races[case.heading]) for case in CASES if case.heading in races for way in case.ways]
    return [(case.heading, ("https, " if case.is_far else "") + way, shown_ratios(race, way), race)
            for case, way, race in found]


def markdown(results, peers):
    """A table: these peers down, cases across."""
    cases = columns(results)
    first = cases[0][3]
    heads = "".join(f" | {heading}<br>{shown}" for heading, shown, _, _ in cases)
    lines = [f"| pngpost, times as fast as{heads} |", "| --- " + "| ---: " * len(cases) + "|"]
    for peer in peers or first["peers"]:
        cells = "".join(f" | {number(ratios[peer])}" if peer in ratios else " | " for _, _, ratios, _ in cases)
        lines.append(f"| {first['names'][peer]}{cells} |")
    machine = results["machine"]
    lines += ["", f"Measured {machine['date']} with {results['pngpost']} on {machine['cores']} cores "
                  f"({machine['cpu']})."]
    return "\n".join(lines)


def write_table(results, path, peers=None):
    """Puts the rows of these peers, or of all, in the place of what stands between the two comments."""
    with open(path) as f:
        text = f.read()
    new, found = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}",
                         lambda _: f"{BEGIN}\n{markdown(results, peers)}\n{END}", text, flags=re.DOTALL)
    if found != 1:
        raise SystemExit(f"{path}: there is no place for the table")
    with open(path, "w") as f:
        f.write(new)
