"""Frames to measure with, made from the one photograph in tests/data, and drawn. Always the same ones.

A large photograph is a mosaic of the small one: each piece is turned, mirrored or has its colours
exchanged in another way, so no piece repeats another one's bytes and no encoder gains by it.
"""
import os
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

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


def plots(width, height, count):
    """Diagrams as plotting libraries draw them: white, with axes, curves, marks and words."""
    return [plot(width, height, n) for n in range(count)]


def plot(width, height, number):
    # Drawn twice as large and made smaller, as for antialiasing.
    image = Image.new("RGB", (2 * width, 2 * height), "white")
    draw = ImageDraw.Draw(image)
    random = np.random.default_rng(number)
    unit = max(1, min(width, height) // 48)
    left, top, right, bottom = width // 5, height // 6, 2 * width - width // 8, 2 * height - height // 4
    for step in range(9):
        x, y = left + (right - left) * step // 8, top + (bottom - top) * step // 8
        draw.line((x, top, x, bottom), "#dddddd", max(1, unit // 2))
        draw.line((left, y, right, y), "#dddddd", max(1, unit // 2))
        text(draw, (x, bottom + 2 * unit), f"{step / 8:.2f}", 4 * unit)
        text(draw, (left // 4, y - 2 * unit), f"{100 - step * 12.5:.0f}", 4 * unit)
    for color in ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"):
        walk = np.cumsum(random.normal(0, 1, 60))
        walk = (walk - walk.min()) / np.ptp(walk)
        points = [(left + (right - left) * i / 59, bottom - (bottom - top) * y) for i, y in enumerate(walk)]
        draw.line(points, color, unit)
        for x, y in points[::6]:
            draw.ellipse((x - unit, y - unit, x + unit, y + unit), color)
    draw.rectangle((left, top, right, bottom), outline="black", width=max(1, unit // 2))
    text(draw, (width // 2, height // 20), f"Loss and accuracy, run {number}", 5 * unit)
    return np.asarray(image.resize((width, height), Image.LANCZOS))


def screens(width, height, count):
    """Screens: flat windows full of text, not antialiased."""
    return [screen(width, height, n) for n in range(count)]


def screen(width, height, number):
    image = Image.new("RGB", (width, height), "#20242b")
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    random = np.random.default_rng(number)
    words = "frame line job upload attempt response retry server field header status boundary part".split()
    bar = max(4, height // 30)
    draw.rectangle((0, 0, width, bar), "#3b4252")
    draw.rectangle((0, bar, width // 5, height), "#2b303b")
    size = max(6, min(16, height // 24))
    for y in range(bar + 4, height - size, size + size // 3):
        draw.text((6, y), random.choice(words), "#9aa5b8", font(size))
        x = width // 5 + 8 + size * 2 * int(random.integers(0, 3))
        line = " ".join(random.choice(words, int(random.integers(0, 12))))
        draw.text((x, y), line, ("#d8dee9", "#a3be8c", "#88c0d0")[int(random.integers(0, 3))], font(size))
    return np.asarray(image)


def font(size):
    return ImageFont.load_default(size)


def text(draw, at, words, size):
    draw.text(at, words, "black", font(max(4, size)))


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
