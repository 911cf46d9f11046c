"""What the Python peers share: frames from a file, and a clock round the loop alone.

    CLIENT.py ... URL WxH COUNT FRAMES

The clock starts when everything is imported and all frames are in memory: whatever Python needs to come
that far is not held against the peer. The seconds are the last line of standard error.
"""
import sys, time
import numpy as np


def run(loop):
    url, size, count, path = sys.argv[-4:]
    width, height = map(int, size.split("x"))
    frames = np.fromfile(path, np.uint8, int(count) * width * height * 3)
    frames = frames.reshape(int(count), height, width, 3)
    begin = time.perf_counter()
    loop(url, frames)
    sys.stdout.flush()
    print(time.perf_counter() - begin, file=sys.stderr)
