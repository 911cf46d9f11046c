"""A request of pngpost's, caught whole: for a peer that has to send the same one.

It is a PNG passed on in a form, and its Host is that of the server it is for.
"""
import re, socket, subprocess
from urllib.parse import urlsplit

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LIMIT = 10    # seconds that it may take


def caught(binary, png, url):
    with socket.create_server(("127.0.0.1", 0)) as listener, open(png, "rb") as stdin:
        listener.settimeout(LIMIT)
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [binary, "-F", "key=demo", "-m", str(LIMIT), "--retry", "0", f"http://{here}/"]
        with subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL) as child:
            connection, _ = listener.accept()
            with connection:
                head, body = whole(connection)
                connection.sendall(ANSWER)
            assert child.wait() == 0
    host = f"Host: {urlsplit(url).netloc}".encode()
    head, found = re.subn(rb"(?im)^Host: [^\r\n]+", lambda _: host, head)
    assert found == 1, head
    return head + body


def whole(connection):
    """Head and body of the request on a connection."""
    text, end = b"", b"\r\n\r\n"
    while end not in text:
        text += received(connection)
    head, _, body = text.partition(end)
    length = int(re.search(rb"(?im)^Content-Length: *(\d+)", head)[1])
    while len(body) < length:
        body += received(connection)
    return head + end, body


def received(connection):
    connection.settimeout(LIMIT)
    some = connection.recv(1 << 20)
    assert some, "the request ends early"
    return some
