"""aiohttp with eight uploads in flight and answers in order; OpenCV encodes, large frames in threads."""
import asyncio, collections
import aiohttp
import cv2
import timed

IN_FLIGHT = 8
# Below this, a thread costs more than it gains.
LARGE = 100_000


def encode(frame):
    return cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))[1].tobytes()


async def post(session, url, frame):
    png = await asyncio.to_thread(encode, frame) if frame.nbytes > LARGE else encode(frame)
    form = aiohttp.FormData({"key": "demo"})
    form.add_field("image", png, filename="image.png", content_type="image/png")
    async with session.post(url, data=form) as response:
        return await response.text()


async def post_all(url, frames):
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        under_way = collections.deque()
        for frame in frames:
            if len(under_way) == IN_FLIGHT:
                print(await under_way.popleft())
            under_way.append(asyncio.create_task(post(session, url, frame)))
        while under_way:
            print(await under_way.popleft())


timed.run(lambda url, frames: asyncio.run(post_all(url, frames)))
