"""Says what numpy reads in each of many streams of .npy arrays.

almost_right.py < STREAMS > LINES

Each stream comes behind its length, 4 bytes in little-endian order. Its images are lines `image WIDTH HEIGHT CHANNELS
DEPTH SAMPLES`, samples as PNG has them, in hexadecimal digits; an array that is no image to pngpost, such as one of
complex numbers, is `other`. `free` stands before the images of an array whose header is a Python literal, but not in the
way that numpy writes it. Then comes `error TEXT`, if reading has failed, and `end`.
"""

import io
import re
import resource
import sys
import warnings

import numpy as np

STRING = rb"(?:'[^'\\]*'|\"[^\"\\]*\")"
SHAPE = rb"\(\s*(?:\d+L?\s*,\s*)*(?:\d+L?\s*)?\)"
PAIR = rb"\s*" + STRING + rb"\s*:\s*(?:" + STRING + rb"|True|False|" + SHAPE + rb")\s*"
# Three keys, each once, with a string, a truth value and a tuple of decimal numbers.
PLAIN = re.compile(rb"\s*\{" + PAIR + rb"," + PAIR + rb"," + PAIR + rb",?\s*\}\s*")

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


def is_plain(array):
    # Behind the magic number and the version is the header's length.
    begin = 10 if array[6] == 1 else 12
    end = begin + int.from_bytes(array[8:begin], "little")
    return PLAIN.fullmatch(array[begin:end]) is not None


def lines(stream):
    size, stream, whole = len(stream), io.BytesIO(stream), stream
    while (begin := stream.tell()) < size:
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except Exception as error:
            yield "error " + " ".join(f"{type(error).__name__}: {error}".split())
            return
        if not is_plain(whole[begin:]):
            yield "free"
        yield from images(array)


def main():
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    while length := sys.stdin.buffer.read(4):
        stream = sys.stdin.buffer.read(int.from_bytes(length, "little"))
        print(*lines(stream), "end", sep="\n")


main()
