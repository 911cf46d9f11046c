"""Reads each of many streams of .npy arrays with numpy, and writes what it has read as numpy writes it.

almost_right.py FOLDER: the streams are 0, 1, ... For each N come N.out, its arrays; N.error, why reading has failed, empty
if it has not; and, if there is an array whose header is a Python literal, but not in the way that numpy writes it,
N.plain, the arrays before the first such one.
"""

import io
import itertools
import pathlib
import re
import resource
import sys
import warnings

import numpy as np

STRING = rb"'[^'\"\\]*'"
LAST_COMMA = rb"(?:, ?)?"
SHAPE = rb"\(\s*(?:\d+\s*(?:,\s*\d+\s*)*" + LAST_COMMA + rb")?\)"
PAIR = rb"\s*" + STRING + rb"\s*:\s*(?:" + STRING + rb"|True|False|" + SHAPE + rb")\s*"
# Three keys, each once, with a string, a truth value and a tuple of decimal numbers.
PLAIN = re.compile(rb"\s*\{" + PAIR + rb"," + PAIR + rb"," + PAIR + LAST_COMMA + rb"\}\s*")


def is_plain(array):
    # Behind the magic number and the version is the header's length.
    begin = 10 if array[6] == 1 else 12
    end = begin + int.from_bytes(array[8:begin], "little")
    return PLAIN.fullmatch(array[begin:end]) is not None


def read(path):
    whole = path.read_bytes()
    stream, out, error = io.BytesIO(whole), io.BytesIO(), ""
    while (begin := stream.tell()) < len(whole):
        try:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            break
        plain = path.with_suffix(".plain")
        if not is_plain(whole[begin:]) and not plain.exists():
            plain.write_bytes(out.getvalue())
        np.lib.format.write_array(out, array, allow_pickle=False)
    path.with_suffix(".out").write_bytes(out.getvalue())
    path.with_suffix(".error").write_text(" ".join(error.split()))


warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
for number in itertools.count():
    if not (path := pathlib.Path(sys.argv[1], str(number))).exists():
        break
    read(path)
