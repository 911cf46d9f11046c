"""A private nginx that answers every request with 200 and counts them.

One worker, http and https on free ports of one address, and its counters on a Unix socket, so they can
be read from outside a network namespace. It keeps connections as long as the client does, and no
request body touches the disk: `return` discards it as it comes.
"""
import contextlib, os, re, shutil, socket, subprocess, sys, tempfile, threading, time

from request import whole

ANSWER = '{"label": "cat"}'

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit; %(user)s
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 0; client_body_buffer_size 32m;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen %(address)s:%(http)d; listen %(address)s:%(https)d ssl;
    ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / { return 200 '%(answer)s'; }
  }
  server { listen unix:%(folder)s/status; location / { stub_status; } }
}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def make_certificate(folder, address):
    """The manual's, under CAVEATS, with a key that is quick to sign with."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=localhost",
         "-addext", f"subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{address}",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL)


class Nginx:
    def __init__(self, address="127.0.0.1", prefix=()):
        """`prefix` is the command that runs another one where the server has to be."""
        # Not below target: the path of a Unix socket has to be short.
        self._holder = tempfile.TemporaryDirectory(prefix="bench-nginx-")
        self.folder = folder = self._holder.name
        self._asked = 0
        make_certificate(folder, address)
        ports = {"http": free_port(), "https": free_port()}
        user = "user root;" if os.geteuid() == 0 else ""
        with open(os.path.join(folder, "nginx.conf"), "w") as f:
            f.write(CONFIGURATION % dict(ports, address=address, folder=folder, answer=ANSWER, user=user))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([*prefix, nginx, "-p", folder, "-c", "nginx.conf"], cwd=folder)
        self.urls = {scheme: f"{scheme}://{address}:{port}/" for scheme, port in ports.items()}
        self.port = ports["http"]
        self._wait()

    @property
    def certificates(self):
        """What each client wants in its environment to trust the certificate."""
        path = os.path.join(self.folder, "cert.pem")
        return {name: path for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}

    def _wait(self):
        while True:
            try:
                return self.counters()
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    sys.exit("nginx did not start")
                time.sleep(0.01)

    def counters(self):
        """Connections and requests so far, without those that ask for it."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(self.folder, "status"))
            s.sendall(b"GET / HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(4096), b"")).decode()
        accepted, _, requests = map(int, re.search(r"\n +(\d+) (\d+) (\d+)", text).groups())
        self._asked += 1
        return accepted - self._asked, requests - self._asked

    def close(self):
        self.process.terminate()
        self.process.wait()
        self._holder.cleanup()


class Apart:
    """Sends the head of each answer, then its body, as Django's runserver and Java's HttpServer do. With Nagle's
    algorithm the body waits until the client has acknowledged the head."""
    certificates = {}

    def __init__(self):
        self._connections = self._requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.urls = {"http": f"http://127.0.0.1:{self.port}/"}
        threading.Thread(target=self._accept, daemon=True).start()

    def counters(self):
        return self._connections, self._requests

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        # The end of the connection is one of the two.
        with connection, contextlib.suppress(AssertionError, OSError):
            while True:
                whole(connection)
                self._requests += 1
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode())
                connection.sendall(ANSWER.encode())

    def close(self):
        self._listener.close()
