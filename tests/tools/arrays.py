"""Writes .npy files by numpy itself, and beside each what its images have to become.

arrays.py toimage|refused FOLDER
arrays.py bytescale MIN MAX < SINGLES > BYTES

STREAM.npy holds arrays one after the other. STREAM.samples holds the samples that PNG must hold; STREAM.txt the
range on its first line, then WIDTH HEIGHT CHANNELS DEPTH for each image. Always the same numbers: the generator's seed is fixed.

`refused` takes names of arrays and what to do about them as lines on standard input, NAME TAB ADVICE,
and evaluates the advice; with no lines it writes the arrays as they are.
"""

import io
import pathlib
import sys
import warnings

import numpy as np

RANGES = [(0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (100.0, 100.7), (-3.5, 1000.25), (1e-9, 2e-9),
          (5000.0, 5001.0), (-1e30, 1e30), (0.1, 0.3), (-128.0, -1.0), (0.0, 100.0), (0.0, 3.0)]
# Beyond single precision.
WIDE_RANGES = [(0.0, 1e307), (-8e307, 8e307), (1e300, 1.5e300), (0.0, 1e-300)]
FLOATS = ["<f4", ">f4", "<f8", ">f8"]
COUNT = 100

rng = np.random.default_rng(20)


def bytescale(a, cmin, cmax):
    """toimage's numbers, as scipy 1.1 computes them (misc/pilutil.py, bytescale): in the precision of the
    array. Nothing else in the tests says it again."""
    return (((a - cmin) * (255.0 / (cmax - cmin))).clip(0, 255) + 0.5).astype(np.uint8)


class Stream:
    def __init__(self, path, limits=(0.0, 255.0)):
        self.path, self.arrays, self.samples = path, io.BytesIO(), io.BytesIO()
        self.lines = [f"{limits[0]!r}:{limits[1]!r}"]

    def add(self, array, samples):
        np.lib.format.write_array(self.arrays, array, allow_pickle=False)
        height, width, channels = samples.shape + (1,) if samples.ndim == 2 else samples.shape
        self.samples.write(samples.tobytes())
        self.lines.append(f"{width} {height} {channels} 8")

    def save(self):
        self.path.with_suffix(".npy").write_bytes(self.arrays.getvalue())
        self.path.with_suffix(".samples").write_bytes(self.samples.getvalue())
        self.path.with_suffix(".txt").write_text("\n".join(self.lines) + "\n")


def random_floats(low, high, dtype):
    """A little beyond both ends; none, few or all on an edge between two levels or right beside it,
    some infinite."""
    height, width = rng.integers(1, 40, 2)
    shape = [(height, width), (height, width, int(rng.integers(1, 5)))][int(rng.integers(2))]
    part = rng.random(shape) * 1.1 - 0.05
    edges = (np.floor(rng.random(shape) * 256) + 0.5) / 255
    part = np.where(rng.random(shape) < rng.choice([0, 0.01, 1]), edges, part)
    array = (low + (high - low) * part).astype(dtype)
    beside = np.nextafter(array, array.dtype.type(rng.choice([low, high])))
    array = np.where(rng.random(shape) < 0.3, beside, array).astype(dtype)
    if rng.random() < 0.2:
        array[rng.random(shape) < 0.1] = rng.choice([-np.inf, np.inf])
    return array


def write_toimage(folder):
    for number, limits in enumerate(RANGES + WIDE_RANGES):
        stream = Stream(folder / f"toimage-{number}", limits)
        dtypes = FLOATS if limits in RANGES else FLOATS[2:]
        for at in range(COUNT):
            array = random_floats(*limits, dtypes[at % len(dtypes)])
            stream.add(array, bytescale(array, *limits))
        stream.save()


def refused():
    image = rng.integers(0, 2, (4, 6))
    arrays = {name: image.astype(dtype) for name, dtype in {
        "bool": "?", "int8": "i1", "int16": "<i2", "int64": "<i8", "uint32": ">u4", "uint64": "<u8",
        "half": "<f2", "long_double": "<f16", "complex": "<c16", "text": "U1"}.items()}
    arrays["structured"] = np.zeros((4, 6), [("name", "u1"), ("other", "u1")])
    arrays["fortran"] = np.asfortranarray(np.zeros((4, 6, 3), np.uint8))
    shapes = {"planes": (3, 4, 6), "many_planes": (9, 3, 8, 6), "gray_frames": (9, 4, 6),
              "flat": (24,), "five_axes": (2, 2, 4, 6, 3)}
    arrays |= {name: np.zeros(shape, np.uint8) for name, shape in shapes.items()}
    return arrays


def write_refused(folder, advice):
    for name, a in refused().items():
        if name in advice:
            names = {"a": a, "np": np, "height": 4, "width": 6, "channels": 3}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                a = eval(advice[name], names)
        elif advice:
            continue
        np.save(folder / f"{name}.npy", a)


def main():
    if sys.argv[1] == "bytescale":
        singles = np.frombuffer(sys.stdin.buffer.read(), "<f4")
        sys.stdout.buffer.write(bytescale(singles, *map(float, sys.argv[2:])).tobytes())
        return
    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "toimage":
        write_toimage(folder)
    elif what == "refused":
        write_refused(folder, dict(line.rstrip("\n").split("\t") for line in sys.stdin))


main()
