"""Says what numpy reads in each of many streams of .npy arrays.

almost_right.py < STREAMS > LINES

Each stream comes behind its length, 4 bytes in little-endian order. Its images are lines `image WIDTH HEIGHT CHANNELS
DEPTH SAMPLES`, samples as PNG has them, in hexadecimal digits; an array that is no image to pngpost, such as one of
complex numbers, is `other`. Then comes `error TEXT`, if reading has failed, and `end`.
"""

import io
import resource
import sys
import warnings

import numpy as np

KINDS = {"u1": 8, "u2": 16, "f4": 8, "f8": 8}


def levels(array):
    """Of the range 0:255, as arrays.py has them."""
    if array.dtype.kind == "u":
        return array.astype(array.dtype.newbyteorder(">"))
    return ((array * (255.0 / 255.0)).clip(0, 255) + 0.5).astype(np.uint8)


def images(array):
    kind = array.dtype.str[1:]
    if kind not in KINDS or array.ndim not in (2, 3, 4):
        return ["other"]
    if array.ndim == 2:
        array = array[..., np.newaxis]
    if array.ndim == 3:
        array = array[np.newaxis]
    count, height, width, channels = array.shape
    if not (height and width and 1 <= channels <= 4):
        return ["other"]
    return [f"image {width} {height} {channels} {KINDS[kind]} {levels(one).tobytes().hex()}" for one in array]


def lines(stream):
    size, stream = len(stream), io.BytesIO(stream)
    while stream.tell() < size:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except Exception as error:
            yield "error " + " ".join(f"{type(error).__name__}: {error}".split())
            return
        yield from images(array)


def main():
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    while length := sys.stdin.buffer.read(4):
        stream = sys.stdin.buffer.read(int.from_bytes(length, "little"))
        print(*lines(stream), "end", sep="\n")


main()
