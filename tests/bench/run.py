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
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each race; at most 3 far away [5]")
    parser.add_argument("--seconds", type=float, default=0.5,
                        help="how long a run takes, about; 2.5 times that far away [0.5]")
    parser.add_argument("--quick", action="store_true", help="one round of short runs, of the smallest frames here")
    parser.add_argument("--apart", action="store_true",
                        help="the smallest frames, on a server that sends head and body apart, as Django's does")
    parser.add_argument("--json", metavar="PATH", help="write the results to a file")
    parser.add_argument("--readme", action="store_true", help="write table.md, the rows of the README, and their picture")
    parser.add_argument("--from-json", metavar="PATH", help="measure nothing: take the results of --json")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds = 1, 0.2
    return given


def built():
    """pngpost, or the one that PNGPOST names."""
    if "PNGPOST" in os.environ:
        return os.path.abspath(os.environ["PNGPOST"])
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "pngpost"], cwd=ROOT, check=True)
    return os.path.join(TARGET, "release/pngpost")


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


@contextlib.contextmanager
def place(is_far, is_apart):
    """A server, the command in front of a client, and the milliseconds to connect where it is far away."""
    import rtt
    from server import Apart, Nginx
    with contextlib.ExitStack() as stack:
        trip = stack.enter_context(rtt.RoundTrip(ROUND_TRIP)) if is_far else None
        server = Nginx(rtt.SERVER, trip.at_server) if trip else Apart() if is_apart else Nginx()
        stack.callback(server.close)
        yield server, trip.at_client if trip else [], trip and trip.measured(server.port)


def races(given, binary, fast, work, log):
    import peers, race, report, rtt
    for peer in peers.PEERS:
        if package := peers.missing(peer):
            log(f"skipped: {peer.what}: {package} is not installed")
    contestants = [peer for peer in peers.PEERS if not peers.missing(peer)]
    results, failed = [], []
    for case in report.CASES[:1] if given.quick or given.apart else report.CASES:
        if case.is_far and (why := rtt.why_not()):
            log(f"skipped: {case.heading}: {why}")
            continue
        fitting = [peer for peer in contestants if not peer.sizes or case.size in peer.sizes]
        if given.apart:
            fitting = [peer for peer in fitting if peer.name in ("session", "curl")]
        # Far away, frames are few a second, and a run is longer for it.
        seconds = given.seconds * (2.5 if case.is_far else 1)
        rounds = min(given.rounds, 3) if case.is_far else given.rounds
        with place(case.is_far, given.apart) as (server, prefix, trip), race.Supply(case.size, fast, work, binary) as supply:
            url = server.urls["https" if case.is_far else "http"]
            try:
                result = race.race(supply, url, server, fitting, binary, case.ways, prefix, rounds, seconds)
            except peers.Refused as refused:
                log(f"\nFAILED: {case.heading}: {refused}")
                failed.append(case.heading)
                continue
        results.append({"heading": case.heading, "round_trip_ms": trip, **result})
        log(report.speeds(results[-1]))
    return results, failed


def name_missing(log):
    """Says which tools to install. Peers whose tools are missing are skipped."""
    missing = {package: program for program, package in TOOLS.items()
               if not (shutil.which(program) or os.path.exists(f"/usr/sbin/{program}"))}
    if missing:
        log(f"missing: {', '.join(missing.values())}; apt-get install {' '.join(missing)}")
    if "nginx" in missing or "openssl" in missing:
        sys.exit("without nginx and openssl nothing can be measured")


def measure(given, log):
    name_missing(log)
    binary = built()
    results = {"machine": machine(), "pngpost": subprocess.check_output([binary, "--version"], text=True).splitlines()[0]}
    log("{}, {cores} cores, {cpu}, {date}".format(results["pngpost"], **results["machine"]))
    os.makedirs(TARGET, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET, prefix="bench-") as work, \
            tempfile.TemporaryDirectory(dir=memory(), prefix="pngpost-bench-") as fast:
        results["races"], results["failed"] = races(given, binary, fast, work, log)
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
        report.write_table(results, os.path.join(HERE, "table.md"))
        report.write_table(results, os.path.join(ROOT, "README.md"), report.README_PEERS)
    return 1 if results.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
