"""Decodes images with Pillow: `samples.py FILE...`.

For each file a line on standard output, WIDTH HEIGHT MODE BYTES, and after it so many bytes: the
samples as Pillow has them, those of 16 bits big-endian.
"""

import sys

import numpy as np
from PIL import Image

for name in sys.argv[1:]:
    with Image.open(name) as image:
        samples, mode = np.asarray(image), image.mode
        if mode == "I":
            # Grey of 16 bits out of a PGM; out of a PNG it is I;16.
            samples, mode = samples.astype(np.uint16), "I;16"
        samples = samples.astype(samples.dtype.newbyteorder(">")).tobytes()
        head = f"{image.width} {image.height} {mode} {len(samples)}\n"
        sys.stdout.buffer.write(head.encode() + samples)
