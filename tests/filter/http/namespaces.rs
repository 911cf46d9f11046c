//! Networks with holes, in a namespace of their own: an address that answers nothing, and a dead first one of two.
//! Only root can make one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::installed::needed;
use crate::skipped::skip;
use crate::support::folder::Folder;

/// Runs a script in a network of its own, in which 10.9.0.2 and fd09::2 swallow what they are sent, and a server
/// on 127.0.0.1:8099 answers each request with "taken". `two` has both a dead IPv6 address and that one, `own` both
/// addresses of the loopback.
fn in_a_network(folder: &Folder, script: &str) -> Option<(String, Duration)> {
    let (unshare, _, python) = (needed("unshare")?, needed("ip")?, needed("python3")?);
    if !rustix_is_root() {
        skip("no root, so no network namespace");
        return None;
    }
    folder.file("server.py", SERVER);
    folder.file("hosts", "127.0.0.1 localhost own\n::1 own\nfd09::2 two\n127.0.0.1 two\n");
    folder.file("gai.conf", "");
    let whole = format!(
        "set -e
         mount --bind {at}/hosts /etc/hosts
         ip link set lo up
         ip link add hole type dummy 2>/dev/null || ip link add hole type bridge
         ip addr add 10.9.0.1/24 dev hole
         ip link set hole up
         ip -6 addr add fd09::1/64 dev hole nodad
         ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:01 dev hole
         ip -6 neigh add fd09::2 lladdr 02:00:00:00:00:01 dev hole
         {python} {at}/server.py & server=$!
         trap 'kill $server' EXIT
         until (: < /dev/tcp/127.0.0.1/8099) 2>/dev/null; do :; done
         set +e
         pngpost() {{ head -c 3 /dev/zero | {pngpost} -s 1x1 \"$@\"; echo \"status $?\"; }}
         {script}",
        at = folder.path().display(),
        python = python.display(),
        pngpost = env!("CARGO_BIN_EXE_pngpost"),
    );
    let begin = Instant::now();
    let mut command = Command::new(unshare);
    command.args(["--net", "--mount", "bash", "-c", &whole]).stdin(Stdio::null());
    let output = command.env_remove("http_proxy").env_remove("all_proxy").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.contains("Operation not permitted") {
        skip("root may make no network namespace here");
        return None;
    }
    Some((text, begin.elapsed()))
}

fn rustix_is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n") && Path::new("/proc/self/ns/net").exists()
}

const SERVER: &str = r#"
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(200)
        self.send_header('Content-Length', '5')
        self.end_headers()
        self.wfile.write(b'taken')
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(('127.0.0.1', 8099), Handler).serve_forever()
"#;

#[test]
fn a_black_hole_ends_at_connect_timeout_and_is_tried_again() {
    let folder = Folder::new("black-hole");
    let script = "pngpost --connect-timeout 0.5 --retry 1 --retry-delay 0.001 http://10.9.0.2:8099/
                  pngpost --connect-timeout 0.5 --retry 0 -m 0.2 'http://[fd09::2]:8099/'
                  pngpost --connect-timeout 0.5 --retry 0 -x 10.9.0.2:3128 https://h/";
    let Some((text, _)) = in_a_network(&folder, script) else { return };
    for (place, cause) in [
        ("10.9.0.2:8099", "timed out after 0.5 s (--connect-timeout) (2 attempts)"),
        ("[fd09::2]:8099", "timed out after 0.2 s (--max-time)"),
        ("proxy 10.9.0.2:3128", "timed out after 0.5 s (--connect-timeout)"),
    ] {
        let message = format!("frame 0: upload: {place}: {cause}; 0 lines are out");
        assert!(text.contains(&message), "{message}: {text}");
    }
    assert_eq!(text.matches("status 1").count(), 3, "{text}");
}

#[test]
fn a_dead_first_address_costs_a_quarter_of_a_second_and_no_more() {
    let folder = Folder::new("dead-address");
    // Twenty frames, on a new connection each: the server is HTTP/1.0.
    let script = "getent ahosts two | head -n 1
                  for i in 1 2 3 4; do pngpost --connect-timeout 20 --retry 0 http://two:8099/; done
                  date +%s.%N; pngpost --retry 0 http://two:8099/; date +%s.%N";
    let Some((text, _)) = in_a_network(&folder, script) else { return };
    assert!(text.starts_with("fd09::2"), "the dead address is the first: {text}");
    assert_eq!(text.matches("taken\nstatus 0\n").count(), 5, "{text}");
    let times: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let [begin, end] = times[..] else { panic!("{text}") };
    // Not before the first has had its quarter of a second; far before its connect would time out.
    assert!((0.24..15.0).contains(&(end - begin)), "{}", end - begin);
}
