"""The README's loop: Pillow to a file, the file into a form, a new connection for each."""
import requests
from PIL import Image
import timed


def loop(url, frames):
    for frame in frames:
        Image.fromarray(frame).save("tmp.png")
        response = requests.post(url, files={"image": open("tmp.png", "rb")}, data={"key": "demo"})
        print(response.text)


timed.run(loop)
