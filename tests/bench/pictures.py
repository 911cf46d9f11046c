"""Frames to measure with, made from the one photograph in tests/data. Always the same ones.

A large photograph is a mosaic of the small one: each piece is turned, mirrored or has its colours
exchanged in another way, so no piece repeats another one's bytes and no encoder gains by it.
"""
import os
import cv2
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")


def tiles():
    return np.fromfile(os.path.join(DATA, "astronaut-64x64.rgb"), np.uint8).reshape(64, 64, 64, 3)


def photograph():
    """512x512: the tiles, put together."""
    return tiles().reshape(8, 8, 64, 64, 3).swapaxes(1, 2).reshape(512, 512, 3)


def variant(picture, number):
    """One of 48: the colours in another order, then mirrored, then turned."""
    colors = ([0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2], [2, 1, 0])[number % 6]
    picture = picture[:, :, colors]
    picture = picture[:, ::-1] if number // 6 % 2 else picture
    return np.rot90(picture, number // 12 % 4)


def photographs(width, height, count):
    """`count` different ones; of 64x64 the tiles."""
    if (width, height) == (64, 64):
        return [tiles()[n % 64] for n in range(count)]
    columns, rows = -(-width // 512), -(-height // 512)
    picture = photograph()
    frames = []
    for n in range(count):
        moved = np.roll(picture, (37 * n, 61 * n), (0, 1))
        pieces = [[variant(moved, 13 * n + 5 * (r * columns + c)) for c in range(columns)] for r in range(rows)]
        mosaic = np.vstack([np.hstack(row) for row in pieces])
        frames.append(np.ascontiguousarray(mosaic[:height, :width]))
    return frames


def write_frames(path, frames, count):
    """`count` frames into a file, the given ones over and over."""
    with open(path, "wb") as f:
        for n in range(count):
            f.write(frames[n % len(frames)])


def write_pngs(folder, frames):
    """Each frame as a PNG file of OpenCV's; their paths."""
    os.makedirs(folder)
    paths = [os.path.join(folder, f"{n:04}.png") for n in range(len(frames))]
    for path, frame in zip(paths, frames):
        cv2.imwrite(path, cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return paths
