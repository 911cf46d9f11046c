#!/usr/bin/env python3
"""pngpost beside the loop that it replaces, on the same frames, against one nginx, in one run.

    cargo build --release && python3 tests/bench/loop.py [FRAMES [ROUNDS]]

Prints frames a second of both in turn, the median of their ratios, and what else the run shows: peak
memory, that encoding overlaps uploading, and that ports don't run out. Times on a shared machine
waver; ratios of neighbours waver less. Needs nginx, and numpy, Pillow and requests for Python.
All traffic stays on 127.0.0.1, and everything ends with the script.
"""
import os, shutil, socket, statistics, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PNGPOST = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release/pngpost")
TILES = open(os.path.join(ROOT, "tests/data/astronaut-64x64.rgb"), "rb").read()
FRAME = 64 * 64 * 3

# The README's loop, with frames from stdin in place of an array.
LOOP = """
import sys, numpy as np, requests
from PIL import Image
frames = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, 64, 64, 3)
for frame in frames:
    Image.fromarray(frame).save('tmp.png')
    response = requests.post(sys.argv[1], files={'image': open('tmp.png', 'rb')}, data={'key': 'demo'})
    print(response.text)
"""

NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 0; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:%d; location / { return 200 '{"label": "cat"}'; } }
}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start_nginx(folder):
    port = free_port()
    with open(os.path.join(folder, "nginx.conf"), "w") as f:
        f.write(NGINX % port)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([nginx, "-p", folder, "-c", "nginx.conf"], cwd=folder)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, f"http://127.0.0.1:{port}/"
        except ConnectionRefusedError:
            if server.poll() is not None:
                sys.exit("nginx did not start")
            time.sleep(0.01)


def run(command, frames, folder):
    """Runs a filter on a file of frames: seconds, lines, peak memory in kB."""
    path = os.path.join(folder, "frames")
    with open(path, "wb") as f:
        f.write(frames)
    with open(path, "rb") as stdin, open(os.path.join(folder, "lines"), "wb") as stdout:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, cwd=folder)
        memory = peak_memory(child)
        seconds = time.monotonic() - begin
    if child.returncode:
        sys.exit(f"{command[0]} ended with {child.returncode}: {child.stderr.read().decode()}")
    with open(os.path.join(folder, "lines"), "rb") as f:
        return seconds, sum(1 for _ in f), memory


def peak_memory(child):
    """Waits for the child's end; its high-water mark in kB. (wait4 would tell of this script's own.)"""
    peak = 0
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status") as status:
                peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
        except OSError:
            pass
        time.sleep(0.005)
    return peak


def frames_of(count):
    return (TILES * (count * FRAME // len(TILES) + 1))[: count * FRAME]


def slow_server(pause):
    """Answers each upload after a pause, one connection at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                stream.read(length)
                time.sleep(pause)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def overlap(url, folder):
    """1920x1080 with one job: encoding alone, uploading alone, both."""
    count, pixels = 60, TILES * 8
    big = (pixels[: 1920 * 1080 * 3]) * count
    command = [PNGPOST, "-s", "1920x1080", "--raw"]
    encoding = run([*command, url], big, folder)[0]
    pause = encoding / count
    # Bodies as large as those, of one row, stored: next to nothing to encode.
    summary = subprocess.run([*command, "-v", url], input=big, capture_output=True).stderr.decode()
    sent = int(summary.split(" bytes sent")[0].split()[-1]) // count
    stored = [PNGPOST, "-s", f"{sent}x1", "-p", "gray", "-z", "none", "--raw", slow_server(pause)]
    uploading = run(stored, bytes(sent * count), folder)[0]
    both = run([*command, slow_server(pause)], big, folder)[0]
    print(f"1920x1080, -j 1, {count} frames: encoding alone {encoding:.2f} s, uploading alone "
          f"{uploading:.2f} s, both {both:.2f} s: {both / max(encoding, uploading):.2f} of the larger, "
          f"{both / (encoding + uploading):.2f} of the sum")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        server, url = start_nginx(folder)
        try:
            ours = [PNGPOST, "-s", "64x64", "-F", "key=demo", "-j", "1", url]
            ratios = []
            for _ in range(rounds):
                speeds = []
                for name, command in (("loop", [sys.executable, "-c", LOOP, url]), ("pngpost", ours)):
                    seconds, lines, memory = run(command, frames_of(count), folder)
                    assert lines == count, (name, lines)
                    speeds.append(count / seconds)
                    print(f"{name:8} {count} frames of 64x64: {speeds[-1]:8.1f} frames/s, peak {memory} kB")
                ratios.append(speeds[1] / speeds[0])
            print(f"pngpost over the loop: {statistics.median(ratios):.1f} times (median of {rounds})")
            for many in (1000, 10000, 100000):
                seconds, lines, memory = run(ours, frames_of(many), folder)
                assert lines == many, lines
                print(f"pngpost  {many} frames: {many / seconds:.1f} frames/s, peak {memory} kB")
            overlap(url, folder)
        finally:
            server.terminate()
            server.wait()


main()
