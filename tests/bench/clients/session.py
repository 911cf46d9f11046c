"""The PNG in memory, on a connection that stays."""
import io
import requests
from PIL import Image
import timed


def loop(url, frames):
    with requests.Session() as session:
        for frame in frames:
            png = io.BytesIO()
            Image.fromarray(frame).save(png, "PNG")
            png.seek(0)
            print(session.post(url, files={"image": png}, data={"key": "demo"}).text)


timed.run(loop)
