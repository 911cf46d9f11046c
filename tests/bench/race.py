"""Races: pngpost and its peers in turn, several rounds, on the same frames against the same server.

Speeds on a shared machine waver from one minute to the next; those of neighbours waver less. So a
ratio is formed inside a round, between a peer and the runs of pngpost nearest to it, and what is told is
the median of the rounds. Each second round goes backwards.
"""
import os, shutil, statistics

import peers, pictures, request

# For each size, distinct frames, which are taken over and over; the most in a run, and in the first one.
SUPPLY = {"64x64": (64, 20000, 20), "640x480": (48, 700, 4), "1920x1080": (16, 100, 1)}
BLOCK = 5    # peers between two turns of pngpost


class Supply:
    """Frames and PNG files of one size, in a folder of their own that goes with the `with` block."""

    def __init__(self, size, folder, work, binary):
        self.size, self.work, self.binary = size, work, binary
        self.folder = os.path.join(folder, size)
        width, height = map(int, size.split("x"))
        distinct, self.most, _ = SUPPLY[size]
        self.frames = pictures.photographs(width, height, distinct)

    def __enter__(self):
        os.makedirs(self.folder)
        self.pngs = pictures.write_pngs(os.path.join(self.folder, "png"), self.frames)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def _file(self, count):
        path = os.path.join(self.folder, f"{count}.rgb")
        if not os.path.exists(path):
            pictures.write_frames(path, self.frames, count)
        return path

    def _png_stream(self, count):
        path = os.path.join(self.folder, f"{count}.pngs")
        if not os.path.exists(path):
            with open(path, "wb") as f:
                for n in range(count):
                    f.write(open(self.pngs[n % len(self.pngs)], "rb").read())
        return path

    def _request(self, url):
        path = os.path.join(self.folder, "request")
        if not os.path.exists(path):
            middling = sorted(self.pngs, key=os.path.getsize)[len(self.pngs) // 2]
            with open(path, "wb") as f:
                f.write(request.caught(self.binary, middling, url))
        return path

    def job(self, url, count, seconds):
        return peers.Job(url, self.size, count, self._file(count), self.pngs, self.work,
                         lambda: self._png_stream(count), lambda: self._request(url), seconds)


def round_number(count):
    """Down to 1, 1.5, 2, 3, 5 or 7 times a power of ten: few different files."""
    power = 10 ** (len(str(count)) - 1)
    return int(max(step * power for step in (1, 1.5, 2, 3, 5, 7) if step * power <= count))


def fitting_count(contestant, runner, supply, seconds):
    """How many frames take about that long. Its runs are the warm-up, too."""
    count, first = SUPPLY[supply.size][2], True
    if contestant.own_count:
        return count
    while True:
        took = runner(count).seconds
        if first and took >= seconds / 2:
            # The first run of all may be held up by much.
            took = min(took, runner(count).seconds)
        fits, first = count * seconds / took, False
        if took >= seconds / 2 or count == supply.most:
            return round_number(max(1, min(int(fits * 1.1), supply.most)))
        # Few frames say little of many, where it takes time to start.
        count = round_number(min(supply.most, max(3 * count, min(20 * count, int(fits)))))


def race(supply, url, server, contestants, binary, ways, prefix, rounds, seconds):
    """All rounds of one case. `ways` are the options of pngpost."""
    def runner(contestant):
        return lambda count: peers.run(contestant, supply.job(url, count, seconds), server, prefix)

    # Far away, making a connection takes as long as several frames: it must not be a large part of a run.
    longer = 2 if prefix else 1
    ours = [peers.pngpost(binary, options, longer) for options in ways]
    passing = [peers.pngpost_ready(binary, options, longer) for options in ways]
    if not any(peer.ready for peer in contestants):
        passing = []
    everyone = [*contestants, *ours, *passing]
    counts = {each.name: fitting_count(each, runner(each), supply, seconds * each.longer) for each in everyone}
    blocks = [contestants[n : n + BLOCK] for n in range(0, len(contestants), BLOCK)]
    speeds, ratios, told = {}, {}, {}
    for turn in range(rounds):
        for block in blocks if turn % 2 == 0 else blocks[::-1]:
            here = [*ours, *passing] if any(peer.ready for peer in block) else ours
            order, now = [*block, *here], {}
            for contestant in order if turn % 2 == 0 else order[::-1]:
                name = contestant.name
                result = runner(contestant)(counts[name])
                now[name] = result.frames / result.seconds
                speeds.setdefault(name, []).append(now[name])
                told[name] = result.frames
            for our in here:
                for peer in block:
                    if peer.ready or not our.ready:
                        ratio = now[our.name] / now[peer.name]
                        ratios.setdefault(our.name, {}).setdefault(peer.name, []).append(ratio)
    medians = {our: {peer: statistics.median(each) for peer, each in of.items()} for our, of in ratios.items()}
    return {
        "size": supply.size, "names": {each.name: each.what for each in everyone},
        "peers": [peer.name for peer in contestants], "ready": [peer.name for peer in contestants if peer.ready],
        "counts": told,
        "frames_per_second": {name: statistics.median(each) for name, each in speeds.items()},
        "ratios": medians,
    }
