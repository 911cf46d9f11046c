#!/usr/bin/env python3
"""pngpost beside its peers: the same frames, the same nginx, in turn, in one run.

    python3 tests/bench/run.py

Builds pngpost, makes a Python environment in target/bench-venv, and says which tools are missing. Ratios
count, not frames a second: those are the machine's. Traffic stays on loopback and in network namespaces
of its own, and everything ends with the script.
"""
import argparse, contextlib, datetime, json, os, platform, shutil, signal, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TARGET = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
VENV = os.path.join(TARGET, "bench-venv")
PACKAGES = ["numpy", "pillow", "requests", "opencv-python-headless", "aiohttp"]
TOOLS = {"nginx": "nginx", "openssl": "openssl", "curl": "curl", "ffmpeg": "ffmpeg", "parallel": "parallel",
         "ip": "iproute2", "wrk": "wrk"}
NETWORKS = {"http": "loopback, http", "rtt-https": "20 ms round trip, https"}
SIZES = ["64x64", "640x480", "1920x1080"]
PARTS = ["race", "dialogue", "start", "memory"]
ROUND_TRIP = 20


def into_venv():
    """Goes on in the environment that has the packages; makes it where it is missing."""
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
        return
    python = os.path.join(VENV, "bin/python3")
    try:
        subprocess.run([python, "-c", "import numpy, PIL, requests, cv2, aiohttp"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"making {VENV}", file=sys.stderr)
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
    os.execv(python, [python, *sys.argv])


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5,
                        help="rounds of each race; at most 3 but on plain loopback [5]")
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="how long a run takes, about; 2.5 times that far away [0.5]")
    parser.add_argument("--quick", action="store_true", help="one round, short runs")
    parser.add_argument("--only", nargs="+", metavar="PEER", help="these peers, by name")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, help="these sizes, on each network")
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), help="these networks, with each size")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="these parts of it")
    parser.add_argument("--json", metavar="PATH", help="write the results to a file")
    parser.add_argument("--readme", action="store_true", help="write the table of the README, and its picture")
    parser.add_argument("--from-json", metavar="PATH", help="measure nothing: take the results of --json")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 0.2
    return given


def built():
    """pngpost, or the one that PNGPOST names, and the simplest filter beside it."""
    command = ["cargo", "build", "--release", "--quiet", "--example", "bare"]
    if "PNGPOST" not in os.environ:
        command += ["--bin", "pngpost"]
    subprocess.run(command, cwd=ROOT, check=True)
    return (os.path.abspath(os.environ.get("PNGPOST", os.path.join(TARGET, "release/pngpost"))),
            os.path.join(TARGET, "release/examples/bare"))


def memory():
    """Where files are in memory, if there is room for all frames; else a folder on the disk."""
    with contextlib.suppress(OSError):
        if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4 << 30:
            return "/dev/shm"
    return TARGET


def machine():
    with open("/proc/cpuinfo") as f:
        models = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return {"cores": len(os.sched_getaffinity(0)), "cpu": models[0] if models else platform.machine(),
            "date": datetime.date.today().isoformat()}


def cases(given):
    """Networks and sizes. Unless told otherwise, all sizes on plain loopback, the smallest far away."""
    if given.sizes or given.networks:
        return [(network, size) for network in given.networks or ["http"] for size in given.sizes or SIZES]
    return [("http", size) for size in SIZES] + [("rtt-https", "64x64")]


@contextlib.contextmanager
def place(network):
    """A server, and the command in front of a client, where the network is as it says."""
    import rtt
    from server import Nginx
    with contextlib.ExitStack() as stack:
        if network.startswith("rtt"):
            trip = stack.enter_context(rtt.RoundTrip(ROUND_TRIP))
            server = Nginx(rtt.SERVER, trip.at_server)
            stack.callback(server.close)
            yield server, trip.at_client, trip.measured(server.port)
        else:
            server = Nginx()
            stack.callback(server.close)
            yield server, [], None


def races(given, binary, fast, work, log):
    import peers, race, report, rtt
    known = [peer.name for peer in peers.PEERS]
    if unknown := set(given.only or []) - set(known):
        sys.exit(f"--only {' '.join(unknown)}: takes {' '.join(known)}")
    contestants = [peer for peer in peers.PEERS if not given.only or peer.name in given.only]
    for peer in contestants:
        if package := peers.missing(peer):
            log(f"skipped: {peer.what}: {package} is not installed")
    contestants = [peer for peer in contestants if not peers.missing(peer)]
    results, failed = [], []
    for network, size in cases(given):
        if network.startswith("rtt") and (why := rtt.why_not()):
            log(f"skipped: {NETWORKS[network]}: {why}")
            continue
        fitting = [peer for peer in contestants if not peer.sizes or size in peer.sizes]
        if not fitting:
            log(f"skipped: {size}, {NETWORKS[network]}: no peer is left")
            continue
        # Far away, frames are few a second, and a run is longer for it.
        seconds = given.seconds * (2.5 if network.startswith("rtt") else 1)
        rounds = given.rounds if network == "http" else min(given.rounds, 3)
        with place(network) as (server, prefix, trip), race.Supply(size, fast, work, binary) as supply:
            url = server.urls[network.removeprefix("rtt-")]
            try:
                result = race.race(supply, url, server, fitting, binary, shown(network, size), prefix,
                                   rounds, seconds)
            except peers.Refused as refused:
                log(f"\nFAILED: {size}, {NETWORKS[network]}: {refused}")
                failed.append(network)
                continue
        results.append({"case": f"{size}, {NETWORKS[network]}", "network": network, "round_trip_ms": trip, **result})
        log(report.speeds(results[-1]))
    return results, failed


def shown(network, size):
    """The options of pngpost that fit the case, and whose ratios the README shows."""
    if network.startswith("rtt"):
        return ["-j 8"]
    return ["-j 1", "--no-http-keep-alive -j 1"] if size == "64x64" else ["-j 2"]


def name_missing(log):
    """Says which tools to install. Peers whose tools are missing are skipped."""
    missing = {package: program for program, package in TOOLS.items()
               if not (shutil.which(program) or os.path.exists(f"/usr/sbin/{program}"))}
    if missing:
        log(f"missing: {', '.join(missing.values())}; apt-get install {' '.join(missing)}")
    if "nginx" in missing or "openssl" in missing:
        sys.exit("without nginx and openssl nothing can be measured")


def measure(given, log):
    import alone
    from server import Nginx
    name_missing(log)
    binary, bare = built()
    results = {"machine": machine(), "pngpost": subprocess.check_output([binary, "--version"], text=True).strip()}
    log("{}, {cores} cores, {cpu}, {date}".format(results["pngpost"], **results["machine"]))
    os.makedirs(TARGET, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as work, \
            tempfile.TemporaryDirectory(dir=memory(), prefix="pngpost-bench-") as fast:
        if "race" in given.parts:
            results["races"], results["failed"] = races(given, binary, fast, work, log)
        server = Nginx()
        try:
            at = alone.Place(binary, bare, server, fast, given, log)
            for part in PARTS[1:]:
                if part in given.parts:
                    results[part] = getattr(alone, part)(at)
        finally:
            server.close()
    return results


def main():
    given = options()
    into_venv()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    import chart, report
    log = lambda text: print(text, flush=True)
    if given.from_json:
        with open(given.from_json) as f:
            results = json.load(f)
    else:
        results = measure(given, log)
    if given.json:
        with open(given.json, "w") as f:
            json.dump(results, f, indent=1)
            f.write("\n")
    if given.readme:
        chart.draw(results, os.path.join(HERE, "ratios.svg"))
        report.write_readme(results, os.path.join(ROOT, "README.md"))
    return 1 if results.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
