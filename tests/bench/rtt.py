"""A round-trip time between a client and a server on one machine.

Two network namespaces of their own, joined by a relay that holds every packet for half the round trip.
It needs nothing of the kernel but /dev/net/tun, so it runs where netem is missing. It ends with its
`with` block: the relay lives as long as its standard input is open, and the namespaces are deleted.
"""
import collections, ctypes, fcntl, os, select, shutil, statistics, struct, subprocess, sys, time

CLIENT, SERVER = "10.78.0.1", "10.78.0.2"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PR_SET_TIMERSLACK = 29


def why_not():
    """Why this machine cannot have one; None if it can."""
    if os.geteuid() != 0:
        return "a round-trip time needs root"
    if not os.path.exists("/dev/net/tun"):
        return "a round-trip time needs /dev/net/tun"
    if not shutil.which("ip"):
        return "a round-trip time needs ip, of iproute2"
    return None


class RoundTrip:
    def __init__(self, milliseconds):
        self.milliseconds = milliseconds
        tag = os.getpid()
        self.namespaces = [f"bench-client-{tag}", f"bench-server-{tag}"]
        self.relay = None

    def __enter__(self):
        try:
            ends = [self._end(*names) for names in zip(self.namespaces, (CLIENT, SERVER), "cs")]
            half = str(self.milliseconds / 2000)
            self.relay = subprocess.Popen([sys.executable, __file__, half, *map(str, ends)],
                                          stdin=subprocess.PIPE, pass_fds=ends)
            for end in ends:
                os.close(end)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.relay:
            self.relay.stdin.close()
            self.relay.wait()
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL)

    def _end(self, namespace, address, letter):
        device = f"bench{letter}{os.getpid()}"
        ip("netns", "add", namespace)
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
        ip("link", "set", device, "netns", namespace)
        ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", namespace, "addr", "add", f"{address}/24", "dev", device)
        ip("-n", namespace, "link", "set", device, "up", "mtu", "1500", "txqueuelen", "10000")
        # Every system has it, and without losses it does as the usual cubic does. bbr would spread the packets
        # of a request over milliseconds.
        setting = "/proc/sys/net/ipv4/tcp_congestion_control"
        subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c", f"echo reno > {setting}"], check=True)
        return tun

    @property
    def at_client(self):
        return ["ip", "netns", "exec", self.namespaces[0]]

    @property
    def at_server(self):
        return ["ip", "netns", "exec", self.namespaces[1]]

    def measured(self, port):
        """The median time of a TCP connect from the client to a port of the server, in milliseconds."""
        script = (f"import socket, time\nfor _ in range(21):\n  t = time.perf_counter()\n"
                  f"  socket.create_connection(('{SERVER}', {port})).close()\n  print(time.perf_counter() - t)")
        out = subprocess.run([*self.at_client, sys.executable, "-c", script], check=True, capture_output=True)
        return 1000 * statistics.median(map(float, out.stdout.split()))


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def relay(half, *ends):
    """Passes packets on, each `half` seconds after it came, until standard input ends."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    held = collections.deque()    # in the order of their time, as all are held equally long
    while True:
        pause = max(0, held[0][0] - time.monotonic()) if held else None
        readable = select.select([0, *ends], [], [], pause)[0]
        if 0 in readable:
            return
        due = time.monotonic() + half
        for end in readable:
            try:
                while True:
                    held.append((due, other[end], os.read(end, 65536)))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while held and held[0][0] <= now:
            _, end, packet = held.popleft()
            os.write(end, packet)


if __name__ == "__main__":
    relay(float(sys.argv[1]), *map(int, sys.argv[2:]))
