//! A network with a hole, in a namespace of its own: a name with a dead first address of two. Only root can make one.

use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::skipped::skip;
use crate::support::folder::Folder;

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

/// `two` has an IPv6 address that swallows what it is sent, and that of the server.
const SCRIPT: &str = r#"
set -e
mount --bind hosts /etc/hosts
ip link set lo up
ip link add hole type dummy 2>/dev/null || ip link add hole type bridge
ip link set hole up
ip -6 addr add fd09::1/64 dev hole nodad
ip -6 neigh add fd09::2 lladdr 02:00:00:00:00:01 dev hole
"$1" server.py & server=$!
trap 'kill $server' EXIT
until (: < /dev/tcp/127.0.0.1/8099) 2>/dev/null; do :; done
getent ahosts two | head -n 1
date +%s.%N
head -c 3 /dev/zero | "$2" -s 1x1 --connect-timeout 20 --retry 0 http://two:8099/
date +%s.%N
"#;

#[test]
fn a_dead_first_address_costs_a_quarter_of_a_second_and_no_more() {
    let folder = Folder::new("dead-address");
    let (Some(unshare), Some(_), Some(python)) =
        (needed("unshare"), needed("ip"), needed("python3"))
    else {
        return;
    };
    folder.file("server.py", SERVER);
    folder.file("hosts", "127.0.0.1 localhost\nfd09::2 two\n127.0.0.1 two\n");
    let mut command = Command::new(unshare);
    command.args(["--net", "--mount", "bash", "-c", SCRIPT, "bash"]).arg(python);
    command.arg(env!("CARGO_BIN_EXE_pngpost")).current_dir(folder.path()).stdin(Stdio::null());
    let output = command.env_remove("http_proxy").env_remove("all_proxy").output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if text.contains("Operation not permitted") {
        return skip("no network namespace may be made here");
    }
    let lines: Vec<&str> = text.lines().collect();
    let [first, begin, answer, end, ..] = lines[..] else { panic!("{text}") };
    assert!(first.starts_with("fd09::2"), "the dead address is the first: {text}");
    assert_eq!(answer, "taken", "{text}");
    // Not before the first has had its quarter of a second; far before its connect would time out.
    let took = end.parse::<f64>().unwrap() - begin.parse::<f64>().unwrap();
    assert!((0.24..15.0).contains(&took), "{took}");
}
