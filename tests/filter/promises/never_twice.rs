//! Promise 4: a frame that may have arrived is not sent again.

use std::io::Write;
use std::net::TcpStream;
use std::thread;

use crate::support::program::run;
use crate::support::server::{Request, Server, response};
use crate::support::{PATIENCE, tiny_frames};

#[test]
fn a_frame_that_may_have_arrived_is_not_sent_again() {
    type Script = fn(&mut TcpStream);
    let scripts: [(&str, Script); 4] = [
        ("closes", |_| {}),
        ("sends half a response", |c| {
            c.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").unwrap()
        }),
        ("says nothing", |_| thread::sleep(PATIENCE)),
        ("answers 500", |c| c.write_all(&response("500 Internal Server Error", "")).unwrap()),
    ];
    for ((name, script), option) in
        scripts.into_iter().flat_map(|it| [(it, "-v"), (it, "--no-http-keep-alive")])
    {
        let server = Server::scripted(move |_, mut connection| {
            if Request::read(&mut connection).is_some() {
                script(&mut connection);
            }
        });
        let arguments = ["-s", "1x1", "--raw", "--max-time", "2", option, &server.url()];
        let run = run(&arguments, &tiny_frames(3));
        assert_eq!(run.status, Some(1), "{name}: {}", run.stderr);
        assert_eq!(server.connections(), 1, "{name}");
    }
}
