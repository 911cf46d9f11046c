"""pngpost, and what does its work otherwise: how each is called, timed and held to account.

A run counts only if it ended with 0, every frame's answer came out (where the peer passes answers on),
and the server counted exactly one request for each frame.
"""
import os, re, resource, shlex, shutil, subprocess, sys, threading, time
from dataclasses import dataclass

from server import ANSWER

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 120    # seconds that a run may take


@dataclass
class Job:
    """What is to be uploaded, where to, and the files it is in."""
    url: str
    size: str
    count: int
    frames: str         # a file of exactly `count` raw frames
    pngs: list          # PNG files, to be taken over and over
    folder: str         # to write in
    png_stream: callable    # a file of `count` PNGs, one after the other
    request: callable   # a file of one whole request, as pngpost passes on a PNG of middling size
    seconds: float      # how long a run is to take


@dataclass
class Contestant:
    name: str
    what: str
    command: callable       # of a Job
    needs: tuple = ()       # programs, each with the package that has it
    stdin: callable = lambda job: os.devnull    # the file that is standard input
    ready: bool = False     # takes PNGs that are there already: it has nothing to encode
    answers: bool = True    # passes the answers on
    connections: int = 0    # how many it must make, where that is the point of it
    longer: float = 1       # how much longer its runs are than others, as it takes time to start
    own_clock: bool = False # prints its seconds as the last line of standard error
    sizes: tuple = ()       # of frames, where not all of them will do
    own_count: callable = None  # it runs for a time, not for a count: of its output, requests and those a second


def python(script, *words):
    def command(job):
        path = os.path.join(HERE, "clients", script)
        return [sys.executable, path, *words, job.url, job.size, str(job.count), job.frames]
    return command


def one_curl(job):
    """All uploads in one file of options, with `next` between them."""
    path = os.path.join(job.folder, f"curl-{job.size}-{job.count}")
    entry = 'url = "{}"\nform = "key=demo"\nform = "image=@{}"\nwrite-out = "\\n"\nsilent\nshow-error\n'
    with open(path, "w") as f:
        f.write("next\n".join(entry.format(job.url, png) for png in png_of_each(job)))
    return ["curl", "-K", path]


def curl_each(job):
    script = 'while read -r png; do curl -sS -w "\\n" -F key=demo -F "image=@$png" "$1"; done < "$2"'
    return ["sh", "-c", script, "sh", job.url, listed(job)]


def parallel(job):
    curl = f"curl -sS -w '\\n' -F key=demo -F image=@{{}} {shlex.quote(job.url)}"
    return ["parallel", "--will-cite", "-k", "-j", "8", "-a", listed(job), curl]


def ffmpeg(job):
    return ["ffmpeg", "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", job.size,
            "-i", job.frames, "-c:v", "png", "-f", "image2", "-protocol_opts", "method=POST", f"{job.url}%d.png"]


def wrk(job):
    script = os.path.join(HERE, "clients", "wrk.lua")
    # It takes whole seconds only.
    duration = f"-d{max(1, round(job.seconds))}s"
    return ["wrk", "-t1", "-c1", duration, "-s", script, job.url, "--", job.request()]


def wrk_count(text):
    if "Socket errors" in text or "Non-2xx" in text:
        raise Refused(f"wrk: {text}")
    return (int(re.search(r"(\d+) requests in", text)[1]),
            float(re.search(r"^Requests/sec: +([\d.]+)", text, re.MULTILINE)[1]))


def png_of_each(job):
    return [job.pngs[n % len(job.pngs)] for n in range(job.count)]


def listed(job):
    path = os.path.join(job.folder, f"list-{job.size}-{job.count}")
    with open(path, "w") as f:
        f.writelines(f"{png}\n" for png in png_of_each(job))
    return path


CURL = ("curl", "curl")
PEERS = [
    Contestant("seed", "requests, Pillow, tmp.png", python("loops.py", "seed"), own_clock=True),
    Contestant("bytesio", "requests, Pillow, BytesIO", python("loops.py", "bytesio"), own_clock=True),
    Contestant("session", "requests with a Session, Pillow", python("loops.py", "session"), own_clock=True),
    Contestant("opencv", "requests with a Session, OpenCV", python("loops.py", "opencv"), own_clock=True),
    Contestant("aiohttp", "aiohttp, 8 in flight, OpenCV", python("aiohttp_opencv.py"), own_clock=True),
    Contestant("ffmpeg", "ffmpeg -f image2 over HTTP", ffmpeg, (("ffmpeg", "ffmpeg"),), answers=False, longer=2),
    Contestant("curl", "one curl, keep-alive, ready PNGs", one_curl, (CURL,), ready=True, connections=1),
    Contestant("curl-each", "a curl for each, ready PNGs", curl_each, (CURL,), ready=True),
    Contestant("parallel", "GNU parallel -j 8 curl, ready PNGs", parallel, (CURL, ("parallel", "parallel")),
               ready=True, longer=3),
    # It reads no frame and encodes none: about so much can be had of one connection. Its requests are small ones,
    # because wrk stops for good once an answer overtakes the rest of a body, as nginx's does.
    Contestant("wrk", "wrk -t1 -c1, one ready request", wrk, (("wrk", "wrk"),), ready=True, answers=False,
               sizes=("64x64",), own_count=wrk_count),
]


def pngpost(binary, options, longer=1):
    """pngpost with frames to encode."""
    def command(job):
        return [binary, "-s", job.size, "-F", "key=demo", *options.split(), job.url]
    return Contestant(options, f"pngpost {options}", command, stdin=lambda job: job.frames, longer=longer)


def pngpost_ready(binary, options, longer=1):
    """pngpost with PNGs to pass on."""
    def command(job):
        return [binary, "-F", "key=demo", *options.split(), job.url]
    return Contestant(f"{options}, ready", f"pngpost {options}, ready PNGs", command,
                      stdin=lambda job: job.png_stream(), ready=True, longer=longer)


def missing(contestant):
    """The package that it lacks; None if it can run."""
    return next((package for program, package in contestant.needs if not shutil.which(program)), None)


class Refused(Exception):
    """A run that does not count."""


@dataclass
class Run:
    seconds: float
    cpu: float
    connections: int = 0
    frames: int = 0


def run(contestant, job, server, prefix=()):
    """One run, checked."""
    before = server.counters()
    lines = os.path.join(job.folder, "lines")
    result = timed([*prefix, *contestant.command(job)], server.certificates, job.folder,
                   stdin=contestant.stdin(job), stdout=lines,
                   own_clock=contestant.own_clock)
    with open(lines) as f:
        text = f.read()
    result.frames, cut = job.count, 0
    if contestant.own_count:
        result.frames, speed = contestant.own_count(text)
        # The request that is under way when its time is over counts on the server's side alone, and far away it
        # gets there only after the run: we wait for it, or it would count as one of the next contestant's.
        result.seconds, cut = result.frames / speed, 1
    answers = text.splitlines()
    if contestant.answers and answers != [ANSWER] * job.count:
        raise Refused(f"{contestant.name}: {len(answers)} answers to {job.count} frames")
    after = settled(server, before, result.frames + cut)
    result.connections, requests = after[0] - before[0], after[1] - before[1]
    if not result.frames <= requests <= result.frames + cut:
        raise Refused(f"{contestant.name}: {requests} requests for {result.frames} frames")
    if contestant.connections not in (0, result.connections):
        raise Refused(f"{contestant.name}: {result.connections} connections")
    return result


def settled(server, before, count):
    """The server's counters once all requests are in: ffmpeg does not wait for the last answer."""
    end = time.monotonic() + 2
    while True:
        counters = server.counters()
        if counters[1] - before[1] >= count or time.monotonic() > end:
            return counters
        time.sleep(0.002)


def surroundings(more):
    """The environment, with these, and without certificates but these."""
    return {name: value for name, value in {**os.environ, **more}.items() if name != "SSL_CERT_DIR"}


def timed(command, environment, folder, stdin=os.devnull, stdout=os.devnull, own_clock=False):
    """Runs a command to its end: how long it took, and its processes' CPU time."""
    errors = os.path.join(folder, "errors")
    with open(stdin, "rb") as i, open(stdout, "wb") as o, open(errors, "wb") as e:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdin=i, stdout=o, stderr=e, cwd=folder, env=surroundings(environment))
        overdue = threading.Timer(LIMIT, child.kill)
        overdue.start()
        child.wait()
        seconds = time.perf_counter() - begin
        overdue.cancel()
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(errors, errors="replace") as f:
        said = f.read()
    if child.returncode:
        raise Refused(f"{command} ended with {child.returncode}: {said[-2000:]}")
    if own_clock:
        seconds = float(said.split()[-1])
    return Run(seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)
