"""What a race does not show: the time of one frame, of no frame, the memory, and what is added to encoding."""
import os, statistics, subprocess, sys, threading, time
from dataclasses import dataclass

import peers, pictures
from sink import Sink

# The connections of the simplest filter, and the options with which pngpost makes the same.
ENGINES = {"kept": ["-j", "1"], "minreq": ["-j", "1", "--no-http-keep-alive"]}


@dataclass
class Place:
    binary: str
    examples: str
    server: object
    work: str
    fast: str
    given: object
    log: callable

    def frames(self, size, count):
        """A file of photographs."""
        path = os.path.join(self.fast, f"{size}-{count}.rgb")
        if not os.path.exists(path):
            width, height = map(int, size.split("x"))
            distinct = min(count, 64 if width == 64 else 16)
            pictures.write_frames(path, pictures.photographs(width, height, distinct), count)
        return path


# One frame, its line

def dialogue(at):
    """From a frame's last byte in to its line out, beside the simplest filter over an HTTP crate.

    ureq keeps its connection, and is no part of pngpost; minreq is what makes pngpost a connection for each
    upload. One such filter posts bodies that are ready, another one encodes, too.
    """
    count, rounds = (200, 1) if at.given.quick else (1000, at.given.rounds)
    frames, url = at.frames("64x64", 64), at.server.urls["http"]
    results = {}
    for engine, options in ENGINES.items():
        bare = [os.path.join(at.examples, "bare"), engine, url]
        commands = {"pngpost": [at.binary, "-s", "64x64", "-F", "key=demo", *options, url],
                    "ready": [*bare, frames], "encoding": bare}
        times = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                before = at.server.counters()[1]
                times[name].append(talk(command, count, frames))
                assert at.server.counters()[1] - before == count
        medians = {name: statistics.median(each) for name, each in times.items()}
        over = {name: statistics.median(p / b for p, b in zip(times["pngpost"], times[name]))
                for name in ("ready", "encoding")}
        results[engine] = {"us": medians, "ratio": over["ready"], "ratio_encoding": over["encoding"]}
        at.log(f"\ndialogue, 64x64, {' '.join(options)}: {medians['pngpost']:.0f} us from last byte to line; "
               f"the bare filter {medians['ready']:.0f} us, {over['ready']:.2f} times; "
               f"encoding, too, {medians['encoding']:.0f} us, {over['encoding']:.2f} times")
    return results


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


# No frame

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


# Memory

def resident(pid, name):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


def fed(at, size, options, frames, count, watch=None):
    """Posts `count` frames, those of a file over and over, and looks before the input ends: peak in MB.

    `watch` is called with each number of lines so far. (The kernel tells the peak of a child that has
    ended, too, but there this script's own is in it.)
    """
    width, height = map(int, size.split("x"))
    with open(frames, "rb") as f:
        supply = f.read()
    whole, rest = divmod(count * width * height * 3, len(supply))
    command = [at.binary, "-s", size, "-F", "key=demo", *options, at.server.urls["http"]]
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
            if watch:
                watch(child.pid, lines)
        feeder.join()
        peak = resident(child.pid, "VmHWM:")
        child.stdin.close()
        assert lines == count and child.wait() == 0
    return peak


def memory(at):
    """The peak, and that it does not depend on the number of frames."""
    results = []
    small = [("64x64", options, count) for options in ("-j 1", "-j 8", "--no-http-keep-alive -j 8")
             for count in ((1000,) if at.given.quick else (1000, 20000))]
    large = [("1920x1080", options, 24) for options in ("-j 8", "--no-http-keep-alive -j 8")]
    for size, options, count in [*small, *large]:
        frames = at.frames(size, 64 if size == "64x64" else 8)
        peak = fed(at, size, options.split(), frames, count)
        limit = formula(at, size, options, frames)
        at.log(f"memory, {size}, {options}, {count} frames: peak {peak:.1f} MB; the manual's bound is {limit:.0f} MB")
        results.append({"size": size, "options": options, "frames": count, "peak_mb": peak, "bound_mb": limit})
    return results


def formula(at, size, options, frames):
    """The manual's, under Memory, in MB."""
    width, height = map(int, size.split("x"))
    with Sink() as sink:
        with open(frames, "rb") as stdin:
            command = [at.binary, "-s", size, "-F", "key=demo", sink.url]
            count = len(subprocess.run(command, stdin=stdin, check=True, capture_output=True).stdout.splitlines())
        # The mean stands for the largest: photographs of one size differ little.
        body = sink.bytes / count / 1e6
    cores, frame, answer = os.cpu_count(), width * height * 3 / 1e6, len(peers.ANSWER) / 1e6
    jobs = max(cores, int(options.split()[-1]))
    copies = 6 if "--no-http-keep-alive" in options else 2
    return 20 + cores * (frame + 3 * frame / height + 8 * body) + jobs * (copies * body + 8 * answer + 0.4)


def million(at):
    """A million frames: how much memory there is early on and late."""
    samples = {}

    def watch(pid, lines):
        mark = lines // 50000 * 50000
        if mark not in samples:
            samples[mark] = resident(pid, "VmRSS:")

    begin = time.monotonic()
    peak = fed(at, "64x64", ["-j", "8"], at.frames("64x64", 64), 1000000, watch)
    seconds = time.monotonic() - begin
    early, late = samples[50000], samples[950000]
    at.log(f"a million frames in {seconds:.0f} s: {early:.1f} MB after 50000, {late:.1f} MB after 950000, "
           f"peak {peak:.1f} MB")
    return {"seconds": seconds, "early_mb": early, "late_mb": late, "peak_mb": peak, "after": samples}


# The whole over encoding alone

def pipeline(at):
    """1920x1080 to a server that costs next to nothing, beside the png crate on all cores."""
    size, count = "1920x1080", 24 if at.given.quick else 100
    frames, cores = at.frames(size, count), len(os.sched_getaffinity(0))
    megabytes = os.path.getsize(frames) / 1e6
    rounds = []
    for _ in range(at.given.rounds):
        alone, used = encode(at, size, "fast", cores, frames)
        with Sink() as sink:
            command = [at.binary, "-s", size, "-F", "key=demo", "-j", "2", sink.url]
            run = peers.timed(command, {}, at.work, stdin=frames, stdout=os.path.join(at.work, "lines"))
            assert sink.requests == count, sink.requests
        rounds.append((megabytes / run.seconds, megabytes / alone, alone / run.seconds, run.cpu / used))
    speed, bare_speed, ratio, cpu = map(statistics.median, zip(*rounds))
    at.log(f"\n1920x1080, -j 2: {speed:.0f} MB/s of pixels, the png crate alone on {cores} cores "
           f"{bare_speed:.0f} MB/s: {ratio:.2f} times; CPU time {cpu:.2f} times")
    return {"mb_per_second": speed, "alone_mb_per_second": bare_speed, "ratio": ratio, "cpu_ratio": cpu}


def overlap(at):
    """With one job: encoding alone, uploading that takes as long, and both."""
    size, count = "1920x1080", 24 if at.given.quick else 100
    frames = at.frames(size, count)
    command = [at.binary, "-s", size, "-F", "key=demo", "-j", "1"]

    def to(sink):
        with sink:
            return peers.timed([*command, sink.url], {}, at.work, stdin=frames).seconds

    rounds = []
    for _ in range(min(3, at.given.rounds)):
        encoding = to(Sink())
        rounds.append(to(Sink(encoding / count)) / encoding)
    ratio = statistics.median(rounds)
    at.log(f"1920x1080, -j 1, answers that take as long as encoding: {ratio:.2f} of encoding alone; one after the "
           f"other would be 2")
    return {"ratio": ratio}


def encode(at, size, level, threads, frames):
    """Seconds of the png crate, and its CPU time."""
    out = os.path.join(at.work, "lines")
    run = peers.timed([os.path.join(at.examples, "encode"), size, level, str(threads), frames], {}, at.work, stdout=out)
    with open(out) as f:
        return float(f.read().split()[0]), run.cpu
