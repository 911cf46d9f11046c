//! Proxies: tinyproxy between the program and its server, with curl beside: same request at the server, same
//! success or failure.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{TinyProxy, curl};
use crate::support::echo::{answers, echo, echoing};
use crate::support::folder::Folder;
use crate::support::program::{Run, command, run, run_command};
use crate::support::server::{Request, Server, ok, response, response_with};
use crate::support::tls::{Authority, accept, answering};
use crate::support::{BIG, BIG_BYTES, noise, tiny_frames};

/// For tinyproxy, and for a URL.
const USER: &str = "me s3cret";
const USER_INFO: &str = "me:s3cr%65t";

fn post(authority: &Authority, options: &[&str], url: &str, frames: u32) -> Run {
    let common = ["-s", "1x1", "--raw", "--retry", "1", "--retry-delay", "0.001"];
    let command = command(&[&common[..], options, &[url]].concat());
    run_command(authority.trusted_by(command), &tiny_frames(frames))
}

/// What a request says beside that it is pngpost's or curl's, and what a proxy adds.
fn said(request: &Request) -> Vec<String> {
    let own = ["user-agent", "accept", "accept-encoding", "content-type", "content-length"];
    let of_proxy = ["via", "connection", "proxy-connection"];
    let is_known = |line: &&String| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !own.contains(&name.as_str()) && !of_proxy.contains(&name.as_str())
    };
    let mut said: Vec<_> = request.head.iter().filter(is_known).cloned().collect();
    said[1..].sort();
    said
}

#[test]
fn an_http_request_goes_to_the_proxy_in_absolute_form_and_to_the_server_as_from_curl() {
    let (folder, authority) = (Folder::new("absolute"), Authority::new("absolute"));
    let Some(proxy) = TinyProxy::start(&folder, Some(USER), &[]) else { return };
    let server = echoing();
    let via = format!("http://{USER_INFO}@127.0.0.1:{}", proxy.port);
    let url = format!("{}a/b?c=d", server.url());
    let run = post(&authority, &["-x", &via, "-H", "X-Mine: 1"], &url, 3).ok();
    assert_eq!(run.lines(), answers(3));
    let taking = Server::answering(|_, _| ok("taken"));
    let url = format!("{}a/b?c=d", taking.url());
    post(&authority, &["-x", &via, "-H", "X-Mine: 1"], &url, 1).ok();
    let curl_options = ["-x", &via, "-H", "X-Mine: 1", &url];
    let Some(of_curl) = curl(&curl_options, &[], folder.path()) else { return };
    assert_eq!(of_curl, (true, "taken".to_owned()));
    let [ours, of_curl] = &taking.requests()[..] else { panic!("two requests") };
    assert_eq!(said(ours), said(of_curl));
    // The proxy's own: no server sees them.
    assert!(ours.header("Proxy-Authorization").is_empty());
}

#[test]
fn an_https_request_goes_through_a_tunnel_on_connections_that_stay() {
    let (folder, authority) = (Folder::new("tunnel"), Authority::new("tunnel"));
    let server = answering(authority.server(), |request| {
        if request.body.len() > BIG_BYTES { ok("large") } else { echo(request) }
    });
    let port = server.address.port();
    let Some(proxy) = TinyProxy::start(&folder, Some(USER), &[port]) else { return };
    let via = format!("{USER_INFO}@127.0.0.1:{}", proxy.port);
    let run = post(&authority, &["-x", &via, "-j", "2"], &server.https_url(), 30).ok();
    assert_eq!(run.lines(), answers(30));
    let kept = server.connections();
    assert!(kept <= 2, "{kept}");
    let each = ["-x", &via, "--no-http-keep-alive"];
    assert_eq!(post(&authority, &each, &server.https_url(), 3).ok().lines(), answers(3));
    assert_eq!(server.connections() - kept, 3);
    // Larger than all buffers on the way.
    let command = command(&[&BIG[..], &["--raw", "-x", &via, &server.https_url()]].concat());
    let run = run_command(authority.trusted_by(command), &noise(1, BIG_BYTES));
    assert_eq!(run.ok().lines().len(), 1);
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_status_and_nothing_was_sent() {
    let (folder, authority) = (Folder::new("refusing"), Authority::new("refusing"));
    let server = answering(authority.server(), echo);
    let plain = echoing();
    let allowed = server.address.port();
    let Some(proxy) = TinyProxy::start(&folder, Some(USER), &[allowed, 1]) else { return };
    let at = format!("127.0.0.1:{}", proxy.port);
    let (good, wrong) = (format!("{USER_INFO}@{at}"), format!("me:wrong@{at}"));
    let denied = answering(authority.server(), echo);
    for (via, url, status) in [
        (at.as_str(), server.https_url(), "status 407"),
        (&wrong, server.https_url(), "status 401"),
        (&good, denied.https_url(), "status 403"),
        // Nothing listens there: another time it may.
        (&good, "https://127.0.0.1:1/".to_owned(), "status 500 (2 attempts)"),
        (&at, plain.url(), "status 407"),
    ] {
        let run = post(&authority, &["-x", via], &url, 1);
        let file = authority.file.display().to_string();
        let with_curl = ["-x", via, "--cacert", &file, &url];
        let Some((of_curl, _)) = curl(&with_curl, &[], folder.path()) else { return };
        assert!(!of_curl, "{via} {url}");
        // tinyproxy has its own mind about some statuses.
        let (told, _) = status.split_at(7);
        assert!(
            run.stderr.contains(&format!("frame 0: upload: proxy {at}: {told}")),
            "{}",
            run.stderr
        );
        assert_eq!((run.status, run.stdout.as_slice()), (Some(1), &b""[..]));
        assert!(!run.stderr.contains("wrong") && !run.stderr.contains("s3cr"), "{}", run.stderr);
        if status == "status 407" || status == "status 403" {
            assert!(!run.stderr.contains("attempts"), "{}", run.stderr);
        }
    }
    assert_eq!(denied.connections() + plain.connections(), 0);
}

#[test]
fn a_retry_after_of_a_proxy_that_refuses_a_tunnel_is_waited_for() {
    let proxy = Server::answering(|number, _| match number {
        0 => response_with("503 x", "Retry-After: 1\r\n", ""),
        _ => response_with("429 x", "Retry-After: 3600\r\n", ""),
    });
    let via = format!("http://{}", proxy.address);
    let begin = Instant::now();
    // The pause of our own would be none.
    let arguments = ["-s", "1x1", "--retry-delay", "0.001", "-x", &via, "https://h/"];
    let run = run(&arguments, &tiny_frames(1));
    let why = "status 429 (2 attempts; Retry-After of 3600 s passes the limit of 600 s, --retry-max-time)";
    assert!(run.status == Some(1) && run.stderr.contains(why), "{}", run.stderr);
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn no_secret_of_a_proxy_is_shown_however_much_is_told() {
    let proxy = Server::answering(|_, request| {
        let told = request.header("Proxy-Authorization").concat();
        response_with("307 x", &format!("Location: http://h/{told}/s3cret/\r\n"), "taken")
    });
    let via = format!("http://{USER_INFO}@{}", proxy.address);
    let refusing = Server::answering(|_, _| response("407 x", "s3cret"));
    let refusing = format!("http://{USER_INFO}@{}", refusing.address);
    for (via, url) in [(&via, "http://h/a"), (&refusing, "http://h/a"), (&refusing, "https://h/a")]
    {
        let arguments = ["-s", "1x1", "-v", "--ndjson", "--keep-going", "--retry", "0"];
        let run = run(&[&arguments[..], &["-x", via, url]].concat(), &tiny_frames(2));
        assert_eq!((run.status, run.lines().len()), (Some(1), 2), "{}", run.stderr);
        let told = format!("{}{}", run.stderr, run.lines().concat());
        // me:s3cret in base64.
        for secret in ["s3cr", "bWU6"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn the_users_own_header_for_a_proxy_is_sent_with_http_and_refused_with_https() {
    let proxy = Server::answering(|_, request| ok(request.header("Proxy-Authorization").concat()));
    let via = format!("http://{USER_INFO}@{}", proxy.address);
    let header = "Proxy-Authorization: Bearer x";
    let arguments = ["-s", "1x1", "-x", &via, "-H", header];
    let with_http = run(&[&arguments[..], &["http://h/"]].concat(), &tiny_frames(1)).ok();
    assert_eq!(with_http.lines(), ["Bearer x"]);
    let why = "--header: Proxy-Authorization would reach the server; \
               with https, --proxy takes USER:PASSWORD@";
    run(&[&arguments[..], &["https://h/"]].concat(), &tiny_frames(1)).fails(2, why);
    assert_eq!(proxy.connections(), 1);
    // Not from a file that gets it during the run, either.
    let (folder, authority) = (Arc::new(Folder::new("hidden")), Authority::new("hidden"));
    let file = format!("@{}", folder.file("headers", "X: y\n"));
    let place = Arc::clone(&folder);
    let server = answering(authority.server(), move |_| {
        place.file("headers", header);
        response("401 x", "")
    });
    let run = post(&authority, &["-H", &file], &server.https_url(), 1);
    let once = format!("frame 0: {why}\npngpost: frame 0: upload: status 401;");
    assert!(run.stderr.contains(&once), "{}", run.stderr);
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_tried_again() {
    let retries = ["-s", "1x1", "--retry", "1", "--retry-delay", "0.001"];
    run(&[&retries[..], &["-x", "127.0.0.1:1", "http://h/"]].concat(), &[0; 3])
        .fails_at_once("proxy 127.0.0.1:1: connection refused (2 attempts)");
    for (bad, why) in [
        ("no response: closed before there was one", ""),
        ("malformed response: invalid HTTP version", "SSH-2.0-x\r\n\r\n"),
        ("malformed response: text after CONNECT", "HTTP/1.1 200 OK\r\n\r\nhello"),
    ] {
        let proxy = Server::scripted(move |_, mut connection| {
            let mut head = [0; 4096];
            let _ = connection.read(&mut head);
            let _ = connection.write_all(why.as_bytes());
        });
        let via = proxy.address.to_string();
        let run = run(&["-s", "1x1", "--retry", "0", "-x", &via, "https://h/"], &[0; 3]);
        run.fails_at_once(&format!("proxy {via}: {bad}"));
    }
}

#[test]
fn a_proxy_may_speak_tls_itself_with_http_and_with_https_inside() {
    let (folder, authority) = (Folder::new("tls-proxy"), Authority::new("tls-proxy"));
    let (plain, secure) = (echoing(), answering(authority.server(), echo));
    let Some(proxy) = TinyProxy::start(&folder, Some(USER), &[secure.address.port()]) else {
        return;
    };
    let front = in_front_of(proxy.port, &authority);
    let via = format!("https://{USER_INFO}@localhost:{front}");
    let file = authority.file.display().to_string();
    for url in [plain.url(), secure.https_url()] {
        let run = post(&authority, &["-x", &via, "-j", "3"], &url, 20).ok();
        assert_eq!(run.lines(), answers(20), "{url}");
        let with_curl = ["--proxy-cacert", &file, "--cacert", &file, "-x", &via, &url];
        // curl's body is no PNG: the server ends there, and that it was reached is what counts.
        if curl(&with_curl, &[], folder.path()).is_none() {
            return;
        }
    }
    // As in curl, --cacert and --insecure are about the server's certificate alone.
    let stranger = Authority::new("stranger");
    for options in [&["--cacert", file.as_str()][..], &["-k"]] {
        let run = post(&stranger, &[options, &["-x", &via]].concat(), &secure.https_url(), 1);
        let cause = "certificate is signed by nobody who is trusted (SSL_CERT_FILE)";
        assert!(run.stderr.contains(&format!("proxy localhost:{front}: {cause}")), "{run:?}");
        assert_eq!(run.status, Some(1));
        let url = secure.https_url();
        let with_curl = [options, &["-x", &via, &url]].concat();
        let Some((of_curl, _)) = curl(&with_curl, &[], folder.path()) else { return };
        assert!(!of_curl);
    }
}

#[test]
fn a_large_frame_goes_through_tls_in_tls_and_an_early_answer_is_read() {
    let (folder, authority) = (Folder::new("tls-in-tls"), Authority::new("tls-in-tls"));
    let secure = answering(authority.server(), |request| ok(request.body.len().to_string()));
    let config = authority.server();
    let early = Server::scripted(move |_, connection| {
        let mut stream = accept(&config, connection);
        let _ = stream.read(&mut [0]);
        let answer =
            format!("HTTP/1.1 413 No\r\nContent-Length: 200000\r\n\r\n{}", "x".repeat(200_000));
        let _ = stream.write_all(answer.as_bytes());
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let ports = [secure.address.port(), early.address.port()];
    let Some(proxy) = TinyProxy::start(&folder, None, &ports) else { return };
    let via = format!("https://localhost:{}", in_front_of(proxy.port, &authority));
    let arguments = [&BIG[..], &["--raw", "-m", "60", "-x", &via]].concat();
    let to = |url: &str| authority.trusted_by(command(&[&arguments[..], &[url]].concat()));
    let run = run_command(to(&secure.https_url()), &noise(1, BIG_BYTES).repeat(2)).ok();
    assert!(run.lines().iter().all(|line| line.parse::<usize>().unwrap() > BIG_BYTES));
    let run = run_command(to(&early.https_url()), &noise(1, BIG_BYTES));
    run.fails(1, "frame 0: upload: status 413; the body is over the server's limit; 1 line is out, frame 0's answer");
}

/// TLS in front of this port, as in front of a company's proxy.
fn in_front_of(port: u16, authority: &Authority) -> u16 {
    let config = authority.server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || relay(accept(&config, connection), port));
        }
    });
    front
}

/// Copies both ways on one thread: neither side is waited for while the other has something to say.
fn relay(mut near: rustls::StreamOwned<rustls::ServerConnection, TcpStream>, port: u16) {
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let soon = Some(std::time::Duration::from_millis(5));
    let _ = (near.sock.set_read_timeout(soon), far.set_read_timeout(soon));
    let mut bytes = vec![0; 64 << 10];
    loop {
        for is_out in [true, false] {
            let result = if is_out {
                near.read(&mut bytes)
                    .and_then(|count| far.write_all(&bytes[..count]).map(|()| count))
            } else {
                far.read(&mut bytes)
                    .and_then(|count| near.write_all(&bytes[..count]).map(|()| count))
            };
            match result {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}
