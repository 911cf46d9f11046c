"""Encoders alone: megabytes of pixels a second, and the PNG as a share of them.

On one core, the seconds are those that the encoder had the core. What else runs on the machine can only
make it slower, so its best run counts.
"""
import io, os, resource, shutil, subprocess, time
import cv2
from PIL import Image

import pictures

LEVELS = ["none", "fastest", "fast", "balanced", "high"]
SLOW = ["balanced", "high"]    # they get a quarter of the frames
PIXELS = 16_000_000    # in a run, about


def contents(given):
    """What is encoded: name, width, height, frames."""
    kinds = [("photographs", pictures.photographs, (64, 64)), ("photographs", pictures.photographs, (640, 480)),
             ("photographs", pictures.photographs, (1920, 1080)), ("plots", pictures.plots, (640, 480)),
             ("screens", pictures.screens, (1920, 1080))]
    for name, make, (width, height) in kinds:
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
    begin = time.process_time()
    size = sum(map(encode, frames))
    return time.process_time() - begin, size


def ffmpeg(size, path):
    """Seconds and bytes of its encoder on one thread: what copying the frames takes is taken off."""
    def run(*output):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size,
                   "-i", path, "-threads", "1", *output]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    pngs = path + ".png"
    run("-c:v", "png", "-f", "image2pipe", pngs)
    size_of = os.path.getsize(pngs)
    os.remove(pngs)
    return run("-c:v", "png", "-f", "null", "-") - run("-c:v", "rawvideo", "-f", "null", "-"), size_of


def png_crate(examples, size, level, threads, path):
    command = [os.path.join(examples, "encode"), size, level, str(threads), path]
    seconds, on_core, size_of = subprocess.run(command, check=True, capture_output=True).stdout.split()
    return float(on_core if threads == 1 else seconds), int(size_of)


def compare(examples, folder, given, log):
    cv2.setNumThreads(1)
    cores = len(os.sched_getaffinity(0))
    results = []
    for name, width, height, frames in contents(given):
        size, raw = f"{width}x{height}", frames[0].nbytes
        log(f"\n{f'encoding {name}, {size}, one core':40}{'MB/s':>8}{'bytes':>10}")
        with_all = [(threads, level) for threads in (1, cores) for level in LEVELS
                    if threads == 1 or (name, width) == ("photographs", 1920)]
        ways = [(f"png crate, {level}" + (f", {threads} cores" if threads > 1 else ""), level in SLOW,
                 lambda some, path, level=level, threads=threads: png_crate(examples, size, level, threads, path))
                for threads, level in with_all]
        ways += [(f"Pillow{what}", True, lambda some, path, level=level: in_python(pillow(level), some))
                 for what, level in (("", None), (", level 1", 1))]
        ways += [(f"OpenCV{what}", False, lambda some, path, level=level: in_python(opencv(level), some))
                 for what, level in (("", None), (", level 1", 1))]
        if shutil.which("ffmpeg"):
            ways.append(("ffmpeg", False, lambda some, path: ffmpeg(size, path)))
        for way, is_slow, encode in ways:
            # Even, so that two cores have the same to do.
            some = frames[: max(2, len(frames) // 8 * 2)] if is_slow else frames
            path = os.path.join(folder, f"{len(some)}.rgb")
            if not os.path.exists(path):
                pictures.write_frames(path, some, len(some))
            taken = [encode(some, path)]
            while not given.quick and len(taken) < 4 and sum(seconds for seconds, _ in taken) < 0.8:
                taken.append(encode(some, path))
            speed = len(some) * raw / 1e6 / min(seconds for seconds, _ in taken)
            share = taken[0][1] / (len(some) * raw)
            log(f"{way:36}{speed:12.0f}{100 * share:9.1f} %")
            results.append({"content": name, "size": size, "encoder": way, "mb_per_second": speed, "share": share})
        for path in {os.path.join(folder, entry) for entry in os.listdir(folder) if entry.endswith(".rgb")}:
            os.remove(path)
    return results
