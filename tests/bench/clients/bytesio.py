"""The README's loop with the PNG in memory."""
import io
import requests
from PIL import Image
import timed


def loop(url, frames):
    for frame in frames:
        png = io.BytesIO()
        Image.fromarray(frame).save(png, "PNG")
        png.seek(0)
        print(requests.post(url, files={"image": png}, data={"key": "demo"}).text)


timed.run(loop)
