"""Results in words: tables of the terminal and of the README, and what was aimed at."""
import re

BEGIN, END = "<!-- begin of tests/bench/run.py --readme -->", "<!-- end of tests/bench/run.py --readme -->"
# The columns of the README: network, size, heading.
COLUMNS = [("http", "64x64", "64x64"), ("http", "640x480", "640x480"), ("http", "1920x1080", "1920x1080"),
           ("rtt-https", "64x64", "64x64, 20 ms away")]


def number(value):
    """Two or three digits that say something."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2f}"


def speeds(result):
    """One row for each contestant: its speed, and how many times as fast pngpost is in each way."""
    names, ratios = result["names"], result["ratios"]
    width = max(map(len, names.values()))
    trip = f", {result['round_trip_ms']:.1f} ms to connect" if result["round_trip_ms"] else ""
    lines = [f"\n{result['case']}{trip}", f"{'':{width}}  frames/s  frames" + "".join(f"  {our:>8}" for our in ratios)]
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
    races = {(race["network"], race["size"]): race for race in results.get("races", [])}
    found = [(heading, races[network, size]) for network, size, heading in COLUMNS if (network, size) in races]
    return [(heading, options(race, shown), shown_ratios(race, shown), race)
            for heading, race in found for shown in race["shown"]]


def options(race, shown):
    """What stands below a column's heading."""
    return ("https, " if race["network"].endswith("https") else "") + shown


def targets(results):
    """What was aimed at, and what came of it."""
    lines = []

    def target(what, value, least=None, most=None):
        met = value >= least if least is not None else value <= most
        aim = f"at least {least}" if least is not None else f"at most {most}"
        lines.append(f"{'met   ' if met else 'missed'}  {what}: {value:.3g} ({aim})")

    races = {(race["network"], race["size"]): race for race in results.get("races", [])}
    small, large = races.get(("http", "64x64")), races.get(("http", "1920x1080"))
    far = races.get(("rtt-https", "64x64"))
    if small:
        for way in ("-j 1", "--no-http-keep-alive -j 1"):
            for peer, least in (("seed", 20), ("opencv", 8), ("curl", 1)):
                if peer in small["ratios"][way]:
                    target(f"64x64, {way}, over {small['names'][peer]}", small["ratios"][way][peer], least)
    if large and "opencv" in large["peers"]:
        for way in ("-j 2", "-j 2 -z fastest"):
            target(f"1920x1080, {way}, over {large['names']['opencv']}", large["ratios"][way]["opencv"], 6)
    if far:
        one, eight = (far["frames_per_second"][f"-j {jobs}"] for jobs in (1, 8))
        target("20 ms, https, -j 1, frames a round trip", one * far["round_trip_ms"] / 1000, 0.9)
        target("20 ms, https, -j 8 over -j 1", eight / one, 7.5)
    for engine, result in results.get("dialogue", {}).items():
        target(f"dialogue over the bare filter, {engine}", result["ratio"], most=1.3)
        target(f"dialogue over the bare filter that encodes, {engine}", result["ratio_encoding"], most=1.3)
    if "start" in results:
        target("start, ms", results["start"]["pngpost"], most=5)
    for result in results.get("memory", []):
        what = f"memory, {result['size']}, {result['options']}, {result['frames']} frames, MB"
        target(what, result["peak_mb"], most=12 if result["size"] == "64x64" else round(result["bound_mb"]))
    if "pipeline" in results:
        target("1920x1080, -j 2, over encoding alone", results["pipeline"]["ratio"], 0.85)
    if "million" in results:
        late, early = results["million"]["late_mb"], results["million"]["early_mb"]
        target("a million frames, late over early memory", late / early, most=1.05)
    return "\n".join(["", *lines])


def markdown(results):
    """The README's table: peers down, cases across."""
    cases = columns(results)
    first = cases[0][3]
    heads = "".join(f" | {heading}<br>{shown}" for heading, shown, _, _ in cases)
    lines = [f"| pngpost, times as fast as{heads} |", "| --- " + "| ---: " * len(cases) + "|"]
    for peer in first["peers"]:
        cells = "".join(f" | {number(ratios[peer])}" if peer in ratios else " | " for _, _, ratios, _ in cases)
        lines.append(f"| {first['names'][peer]}{cells} |")
    machine = results["machine"]
    lines += ["", f"Measured {machine['date']} with {results['pngpost']} on {machine['cores']} cores "
                  f"({machine['cpu']})."]
    return "\n".join(lines)


def write_readme(results, path):
    """Puts the table in the place of what stands between the two comments."""
    with open(path) as f:
        text = f.read()
    new, found = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}",
                         lambda _: f"{BEGIN}\n{markdown(results)}\n{END}", text, flags=re.DOTALL)
    if found != 1:
        raise SystemExit(f"{path}: there is no place for the table")
    with open(path, "w") as f:
        f.write(new)
