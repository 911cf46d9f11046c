"""Encoders alone, on one core: megabytes of pixels a second, and the PNG as a share of them.

What else runs on the machine can only make an encoder slower, so its best run counts.
"""
import io, os, shutil, subprocess, time
import cv2
from PIL import Image

import pictures

LEVELS = ["none", "fastest", "fast", "balanced", "high"]
PIXELS = 16_000_000    # in a run, about


def contents(given):
    """What is encoded: name, width, height, frames."""
    kinds = [("photographs", pictures.photographs, (64, 64)), ("photographs", pictures.photographs, (640, 480)),
             ("photographs", pictures.photographs, (1920, 1080)), ("plots", pictures.plots, (640, 480)),
             ("screens", pictures.screens, (1920, 1080))]
    for name, make, (width, height) in kinds:
        # Even, so that two cores have the same to do.
        count = max(4, min(1000, PIXELS // (4 if given.quick else 1) // (width * height) // 2 * 2))
        # Few of the large ones are drawn: it takes long.
        distinct = make(width, height, min(count, 64 if width == 64 else 8))
        yield name, width, height, [distinct[n % len(distinct)] for n in range(count)]


def pillow(level):
    def encode(frame):
        png = io.BytesIO()
        Image.fromarray(frame).save(png, "PNG", **({} if level is None else {"compress_level": level}))
        return png.tell()
    return encode


def opencv(level):
    options = [] if level is None else [cv2.IMWRITE_PNG_COMPRESSION, level]
    # It takes any order of colours: exchanging them is not part of it.
    return lambda frame: len(cv2.imencode(".png", frame, options)[1])


def in_python(encode, frames):
    """Seconds and bytes."""
    begin = time.perf_counter()
    size = sum(map(encode, frames))
    return time.perf_counter() - begin, size


def ffmpeg(size, path):
    """Seconds and bytes of its encoder on one thread: what copying the frames takes is taken off."""
    def run(*output):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size,
                   "-i", path, "-threads", "1", *output]
        begin = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - begin
    pngs = path + ".png"
    run("-c:v", "png", "-f", "image2pipe", pngs)
    size_of = os.path.getsize(pngs)
    os.remove(pngs)
    return run("-c:v", "png", "-f", "null", "-") - run("-c:v", "rawvideo", "-f", "null", "-"), size_of


def png_crate(examples, size, level, threads, path):
    command = [os.path.join(examples, "encode"), size, level, str(threads), path]
    seconds, size_of = subprocess.run(command, check=True, capture_output=True).stdout.split()
    return float(seconds), int(size_of)


def compare(examples, folder, given, log):
    cv2.setNumThreads(1)
    cores = len(os.sched_getaffinity(0))
    path = os.path.join(folder, "encoded.rgb")
    results = []
    for name, width, height, frames in contents(given):
        size = f"{width}x{height}"
        pictures.write_frames(path, frames, len(frames))
        ways = {f"png crate, {level}":
                lambda level=level: png_crate(examples, size, level, 1, path) for level in LEVELS}
        if (name, width) == ("photographs", 1920):
            ways |= {f"png crate, {level}, {cores} cores":
                     lambda level=level: png_crate(examples, size, level, cores, path) for level in LEVELS}
        ways |= {"Pillow": lambda: in_python(pillow(None), frames[:slow(frames)]),
                 "Pillow, level 1": lambda: in_python(pillow(1), frames[:slow(frames)]),
                 "OpenCV": lambda: in_python(opencv(None), frames),
                 "OpenCV, level 1": lambda: in_python(opencv(1), frames)}
        if shutil.which("ffmpeg"):
            ways["ffmpeg"] = lambda: ffmpeg(size, path)
        raw = frames[0].nbytes
        log(f"\n{f'encoding {name}, {size}, one core':36}{'MB/s':>12}{'bytes':>10}")
        for way, encode in ways.items():
            taken = [encode()]
            while not given.quick and len(taken) < 5 and sum(seconds for seconds, _ in taken) < 1:
                taken.append(encode())
            count = slow(frames) if way.startswith("Pillow") else len(frames)
            speed = count * raw / 1e6 / min(seconds for seconds, _ in taken)
            share = taken[0][1] / (count * raw)
            log(f"{way:36}{speed:12.0f}{100 * share:9.1f} %")
            results.append({"content": name, "size": size, "encoder": way, "mb_per_second": speed, "share": share})
    os.remove(path)
    return results


def slow(frames):
    """How many of them Pillow gets: it takes ten times as long."""
    return max(1, len(frames) // 4)
