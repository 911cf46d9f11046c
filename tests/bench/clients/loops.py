"""Loops over requests, by their name: `loops.py seed|bytesio|session|opencv URL WxH COUNT FRAMES`."""
import io, sys
import cv2
import requests
from PIL import Image
import timed


def pillow(frame):
    png = io.BytesIO()
    Image.fromarray(frame).save(png, "PNG")
    png.seek(0)
    return png


def seed(url, frames):
    """The README's loop: Pillow to a file, the file into a form, a new connection for each."""
    for frame in frames:
        Image.fromarray(frame).save("tmp.png")
        response = requests.post(url, files={"image": open("tmp.png", "rb")}, data={"key": "demo"})
        print(response.text)


def bytesio(url, frames):
    """The same with the PNG in memory."""
    for frame in frames:
        print(requests.post(url, files={"image": pillow(frame)}, data={"key": "demo"}).text)


def session(url, frames):
    """On a connection that stays."""
    with requests.Session() as on:
        for frame in frames:
            print(on.post(url, files={"image": pillow(frame)}, data={"key": "demo"}).text)


def opencv(url, frames):
    """By OpenCV, whose encoder is faster than Pillow's."""
    with requests.Session() as on:
        for frame in frames:
            png = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()
            print(on.post(url, files={"image": ("image.png", png)}, data={"key": "demo"}).text)


timed.run({"seed": seed, "bytesio": bytesio, "session": session, "opencv": opencv}[sys.argv[1]])
