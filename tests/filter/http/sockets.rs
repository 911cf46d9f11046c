//! --unix-socket, against nginx, with curl beside.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::support::daemon::{Nginx, curl, openssl};
use crate::support::folder::Folder;
use crate::support::program::{command, run};
use crate::support::tiny_frames;

#[test]
fn a_server_behind_a_unix_socket_gets_host_and_path_of_the_url_as_from_curl() {
    let folder = Folder::new("socket");
    let Some(nginx) = Nginx::start(&folder, "return 200 \"$scheme $http_host $request_uri\";")
    else {
        return;
    };
    let socket = folder.path().join("nginx.sock").display().to_string();
    let url = "http://model.example:8080/classify?a";
    let arguments = ["-s", "1x1", "--raw", "--unix-socket", &socket, url];
    let answer = "http model.example:8080 /classify?a";
    assert_eq!(run(&arguments, &tiny_frames(3)).ok().lines(), [answer; 3]);
    let each = [&["--no-http-keep-alive"], &arguments[..]].concat();
    assert_eq!(run(&each, &tiny_frames(3)).ok().lines(), [answer; 3]);
    let Some(of_curl) = curl(&["--unix-socket", &socket, url], &[], folder.path()) else { return };
    assert_eq!(of_curl, (true, answer.to_owned()));
    // curl uses no proxy there either.
    let proxy = [("http_proxy", "http://127.0.0.1:1")];
    let mut command = command(&arguments);
    command.envs(proxy);
    assert_eq!(crate::support::program::run_command(command, &[0; 3]).ok().lines(), [answer]);
    let of_curl = curl(&["--unix-socket", &socket, url], &proxy, folder.path());
    assert_eq!(of_curl, Some((true, answer.to_owned())));
    drop(nginx);
}

#[test]
fn over_tls_the_certificate_is_that_of_the_url() {
    let folder = Folder::new("socket-tls");
    let made = openssl(
        &folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=x -addext subjectAltName=DNS:model.example",
    );
    let at = folder.path().display();
    let settings = format!(
        "ssl_certificate {at}/cert.pem; ssl_certificate_key {at}/key.pem; return 200 $scheme;"
    );
    let Some(_nginx) = made.and_then(|()| Nginx::start(&folder, &settings)) else { return };
    let (socket, cert) = (format!("{at}/nginx.sock"), format!("{at}/cert.pem"));
    for (host, is_good) in [("model.example", true), ("other.example", false)] {
        let url = format!("https://{host}/");
        let options = ["--unix-socket", &socket, "--cacert", &cert, &url];
        let run = run(&[&["-s", "1x1"], &options[..]].concat(), &[0; 3]);
        assert_eq!(run.status == Some(0), is_good, "{}", run.stderr);
        let Some((of_curl, _)) = curl(&options, &[], folder.path()) else { return };
        assert_eq!(of_curl, is_good);
    }
}

#[test]
fn a_socket_that_is_not_there_was_never_reached_and_is_tried_again() {
    let folder = Folder::new("no-socket");
    let socket = folder.path().join("none.sock").display().to_string();
    let arguments = ["-s", "1x1", "--retry", "1", "--retry-delay", "0.001"];
    let arguments = [&arguments[..], &["--unix-socket", &socket, "http://h/"]].concat();
    let gone = format!("{socket}: no such file or directory (2 attempts)");
    run(&arguments, &[0; 3]).fails_at_once(&gone);
    std::fs::write(&socket, "").unwrap();
    run(&arguments, &[0; 3]).fails_at_once(&format!("{socket}: connection refused (2 attempts)"));
    let long = "x".repeat(200);
    let arguments = ["-s", "1x1", "--unix-socket", &long, "http://h/"];
    let message = "--unix-socket: takes the path of a socket, of 1 to 107 bytes";
    run(&arguments, &[0; 3]).fails(2, message);
}

#[test]
fn a_socket_whose_queue_is_full_ends_at_connect_timeout() {
    let folder = Folder::new("full-socket");
    let socket = folder.path().join("full.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    // Nobody accepts. Each connection that is made waits in the queue.
    let address = socket2::SockAddr::unix(&socket).unwrap();
    let mut queue = Vec::new();
    loop {
        let client =
            socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        if client.connect(&address).is_err() {
            break;
        }
        queue.push(client);
    }
    let socket = socket.display().to_string();
    let arguments = ["-s", "1x1", "--connect-timeout", "0.4", "--retry", "1"];
    let more = ["--retry-delay", "0.001", "--unix-socket", &socket, "http://h/"];
    let begin = Instant::now();
    let run = run(&[&arguments[..], &more].concat(), &[0; 3]);
    let cause = "timed out after 0.4 s (--connect-timeout) (2 attempts)";
    run.fails_at_once(&format!("{socket}: {cause}"));
    assert!(begin.elapsed() >= Duration::from_millis(800));
}
