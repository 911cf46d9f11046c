"""Records pngpost in a terminal as the picture of README: `python3 tests/recording.py` writes recording.svg.

The commands below run for real in a pseudo-terminal, against README's own toy server. The picture plays once, at the
pace of the run, and ends with all of it; a viewer that plays nothing shows that end. Wants ffmpeg, jq, and a Python
with numpy, Pillow and Flask.
"""
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import termios
import threading
import time
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS, CHARACTER, ROW, MARGIN = 88, 8.43, 19, 16    # sizes in pixels, for a font of 14
READING = 1.5    # seconds between two commands

# Files for the commands, made before the recording begins.
FILES = """
printf my-key > key.txt
head -c $((64*64*3*200)) /dev/urandom > frames.rgb
ffmpeg -v error -f lavfi -i testsrc2=duration=20:rate=10:size=320x240 -vf fade=in:0:150 -pix_fmt yuv420p film.mp4
"""
COMMANDS = [
    "python3 frames.py | pngpost -s 64x64 $URL",
    "ffmpeg -v error -i film.mp4 -f image2pipe -c:v ppm - |\n    pngpost -j 4 $URL | jq -r .label | sort | uniq -c",
    "pngpost -s 64x64 -F 'key=<key.txt' --rate 40/s $URL < frames.rgb > lines",
    "tail -n 1 lines",
]

STYLE = """
.ground { fill: #0d1117 } .typed { fill: #7ee787 }
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #d0d7de }
"""


def block(name):
    """README's Python of this file name."""
    readme = (ROOT / "README.md").read_text()
    found = re.search(rf"`{re.escape(name)}`[^`]*```python\n(.*?)```", readme, re.S)
    return found.group(1)


def record(folder, url):
    """What came on the terminal: (seconds, text, whether it was typed)."""
    begin, events = time.monotonic(), []
    environment = dict(os.environ, URL=url, TERM="xterm", COLUMNS=str(COLUMNS),
                       PATH=f"{ROOT}/target/release:{os.path.dirname(sys.executable)}:{os.environ['PATH']}")

    def note(text, typed):
        events.append((time.monotonic() - begin, text, typed))

    for command in COMMANDS:
        note("$ " + command + "\n", True)
        time.sleep(READING / 2)
        process, terminal = pty.fork()
        if process == 0:
            termios.tcsetwinsize(0, (24, COLUMNS))
            os.chdir(folder)
            os.execvpe("bash", ["bash", "-c", command], environment)
        while True:
            try:
                read = os.read(terminal, 4096)
            except OSError:    # Linux says so if the last process has closed it
                break
            note(read.decode(), False)
        os.waitpid(process, 0)
        os.close(terminal)
        time.sleep(READING / 2)
    return events


def spans(events):
    """What stands on the screen, from when to when: (row, text, typed, begin, end); end is None for what stays."""
    rows, column, done, shown = [""], 0, [], {}
    for moment, text, typed in events:
        for piece in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+", text):
            if piece == "\n":
                rows.append("")
                column = 0
            elif piece == "\r":
                column = 0
            elif piece == "\x1b[K":
                rows[-1] = rows[-1][:column]
            else:
                rows[-1] = rows[-1][:column].ljust(column) + piece + rows[-1][column + len(piece):]
                column += len(piece)
        for number, row in enumerate(rows):
            old = shown.get(number, ("", None, None))
            if row != old[0]:
                if old[0]:
                    done.append((number, *old, moment))
                shown[number] = (row, typed, moment)
    return done + [(number, *row, None) for number, row in shown.items() if row[0]]


def draw(spans):
    width = 2 * MARGIN + round(COLUMNS * CHARACTER)
    height = 2 * MARGIN + ROW * (1 + max(span[0] for span in spans))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
           f'xml:space="preserve" role="img" aria-label="pngpost in a terminal">', f"<style>{STYLE}</style>",
           f'<rect class="ground" width="{width}" height="{height}" rx="8"/>']
    for row, text, typed, begin, end in spans:
        hidden, show = "", f'<set attributeName="visibility" to="hidden" begin="0s" dur="{begin:.2f}s"/>'
        if end is not None:
            hidden = ' visibility="hidden"'
            show = f'<set attributeName="visibility" to="visible" begin="{begin:.2f}s" dur="{end - begin:.2f}s"/>'
        kind = ' class="typed"' if typed else ""
        out.append(f'<text x="{MARGIN}" y="{MARGIN + ROW * row + 14}"{kind}{hidden}>{escape(text[:COLUMNS])}{show}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ["frames.py", "server.py"]:
            pathlib.Path(folder, name).write_text(block(name))
        subprocess.run(FILES, shell=True, cwd=folder, check=True)
        server = subprocess.Popen([sys.executable, "-m", "flask", "--app", "server", "run", "--port", "0"], cwd=folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            port = next(found.group(1) for line in server.stderr if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
            threading.Thread(target=server.stderr.read, daemon=True).start()
            events = record(folder, f"http://127.0.0.1:{port}/classify")
        finally:
            server.kill()
    (ROOT / "tests/recording.svg").write_text(draw(spans(events)))


main()
