"""What a race does not show: the time of one frame and of no frame, and the memory."""
import os, statistics, subprocess, sys, threading, time
from dataclasses import dataclass

import pictures


@dataclass
class Place:
    binary: str
    bare: str
    server: object
    fast: str
    given: object
    log: callable

    def frames(self, size, count):
        """A file of photographs."""
        path = os.path.join(self.fast, f"{size}-{count}.rgb")
        if not os.path.exists(path):
            width, height = map(int, size.split("x"))
            pictures.write_frames(path, pictures.photographs(width, height, count), count)
        return path


def dialogue(at):
    """One frame, its line: from a frame's last byte in to its line out, beside the simplest filter over an HTTP crate.

    One such filter posts bodies that are ready, another one encodes, too.
    """
    count, rounds = (200, 1) if at.given.quick else (1000, at.given.rounds)
    frames, url = at.frames("64x64", 64), at.server.urls["http"]
    commands = {"pngpost": [at.binary, "-s", "64x64", "-F", "key=demo", "-j", "1", url],
                "ready": [at.bare, url, frames], "encoding": [at.bare, url]}
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            before = at.server.counters()[1]
            times[name].append(talk(command, count, frames))
            assert at.server.counters()[1] - before == count
    medians = {name: statistics.median(each) for name, each in times.items()}
    over = {name: statistics.median(p / b for p, b in zip(times["pngpost"], times[name]))
            for name in ("ready", "encoding")}
    at.log(f"\ndialogue, 64x64, -j 1: {medians['pngpost']:.0f} us from last byte to line; "
           f"the bare filter {medians['ready']:.0f} us, {over['ready']:.2f} times; "
           f"encoding, too, {medians['encoding']:.0f} us, {over['encoding']:.2f} times")
    return {"us": medians, "ratio": over["ready"], "ratio_encoding": over["encoding"]}


def talk(command, count, frames):
    with open(frames, "rb") as f:
        frames = [f.read(64 * 64 * 3) for _ in range(64)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        to, of = child.stdin.fileno(), child.stdout.fileno()
        times = []
        for n in range(count):
            # All but the last byte first, so that reading them does not count.
            frame = frames[n % 64]
            os.write(to, frame[:-1])
            begin = time.perf_counter()
            os.write(to, frame[-1:])
            line = os.read(of, 4096)
            times.append(1e6 * (time.perf_counter() - begin))
            assert line.endswith(b"\n"), line
        child.stdin.close()
        assert child.wait() == 0
    return statistics.median(times)


def start(at):
    """From nothing to the end, without a frame."""
    pngpost = [at.binary, "-s", "64x64", at.server.urls["http"]]
    times = {"pngpost": [], "/bin/true": []}
    for _ in range(100):
        for name, command in (("pngpost", pngpost), ("/bin/true", ["/bin/true"])):
            begin = time.perf_counter()
            subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
            times[name].append(1000 * (time.perf_counter() - begin))
    medians = {name: statistics.median(each) for name, each in times.items()}
    at.log(f"\nstart and end without a frame: {medians['pngpost']:.2f} ms; /bin/true {medians['/bin/true']:.2f} ms")
    return medians


def memory(at):
    """The peak, and that it does not depend on the number of frames."""
    results = []
    counts = (1000,) if at.given.quick else (1000, 20000)
    for size, jobs, count in [("64x64", jobs, count) for jobs in (1, 8) for count in counts] + [("1920x1080", 8, 24)]:
        peak = fed(at, size, jobs, at.frames(size, 64 if size == "64x64" else 8), count)
        at.log(f"memory, {size}, -j {jobs}, {count} frames: peak {peak:.1f} MB")
        results.append({"size": size, "jobs": jobs, "frames": count, "peak_mb": peak})
    return results


def fed(at, size, jobs, frames, count):
    """Posts `count` frames, those of a file over and over, and looks before the input ends: peak in MB.

    (The kernel tells the peak of a child that has ended, too, but there this script's own is in it.)
    """
    width, height = map(int, size.split("x"))
    with open(frames, "rb") as f:
        supply = f.read()
    whole, rest = divmod(count * width * height * 3, len(supply))
    command = [at.binary, "-s", size, "-F", "key=demo", "-j", str(jobs), at.server.urls["http"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        def feed():
            for _ in range(whole):
                child.stdin.write(supply)
            child.stdin.write(supply[:rest])
            child.stdin.flush()
        feeder = threading.Thread(target=feed)
        feeder.start()
        lines = 0
        while lines < count:
            out = os.read(child.stdout.fileno(), 1 << 16)
            if not out:
                sys.exit("pngpost ended before its input did")
            lines += out.count(b"\n")
        feeder.join()
        with open(f"/proc/{child.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
        child.stdin.close()
        assert lines == count and child.wait() == 0
    return peak
