"""A server that costs next to nothing, for measuring what a client costs: bodies are never copied.

    with Sink() as sink: ... sink.url ...

Each request's body is dropped inside the kernel (MSG_TRUNC), and answered once it is there, whole. With
a pause it is answered that much later, one request at a time.
"""
import socket, threading, time

# Never written to: MSG_TRUNC only wants to know how much may be dropped at once.
ROOM = bytearray(1 << 20)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sink:
    def __init__(self, pause=0):
        self.pause, self.one_at_a_time = pause, threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.bytes = self.requests = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            while self._answer(connection):
                pass

    def _answer(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            some = connection.recv(4096)
            if not some:
                return False
            head += some
        head, _, body = head.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        left = length - len(body)
        while left:
            dropped = connection.recv_into(ROOM, min(left, len(ROOM)), socket.MSG_TRUNC)
            if not dropped:
                return False
            left -= dropped
        if self.pause:
            with self.one_at_a_time:
                time.sleep(self.pause)
        connection.sendall(ANSWER)
        self.requests += 1
        self.bytes += length
        return fields.get(b"connection", b"").strip() != b"close"
