//! One request and its response over a connection: HTTP/1.1 (RFC 9112).
//!
//! httparse reads a head, `framing` finds the end of the body; this file sends and receives. After an error the
//! connection carries no other request.

use std::io::{self, ErrorKind};
use std::time::Duration;

use httparse::{EMPTY_HEADER, ParserConfig, Status};

use crate::memory::Share;

use super::connection::{Connection, Outgoing};
use super::framing::Framing;
use super::outcome::{Verdict, of_other_protocol};
use super::reply::{self, Head, MAX_ALL_HEADER_BYTES, MAX_HEADER_BYTES, Response, malformed};

const NO_HEAD: &str = "no response: closed before there was one";
const NO_END: &str = "response cut short: closed before its end";

const SWITCHING_PROTOCOLS: u16 = 101;
const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;

pub struct Exchanged {
    pub response: Response,
    /// How long the connection can wait for another request: without end, unless the server says so. `None`: it can
    /// carry no other.
    pub keeps_idle: Option<Duration>,
}

/// The bytes of a response that are small beside all else of its job.
const SMALL: usize = 64 << 10;

/// `head` is that of the request, with the Content-Length of `body`. `via_proxy`: the peer is a proxy, which reads the
/// head. `share`: that of the response.
pub fn exchange(
    connection: &mut Connection,
    head: &[u8],
    body: &[u8],
    via_proxy: bool,
    share: &mut Share,
) -> io::Result<Exchanged> {
    let mut outgoing = Outgoing::new(head, body);
    let head = receive_head(connection, &mut outgoing)?;
    if via_proxy && head.status == PROXY_AUTHENTICATION_REQUIRED {
        // No server says this (RFC 9110, 15.5.8). The proxy's page is no answer to a frame, and often cut by a reset.
        return Err(io::Error::other(Verdict::denied(head.status)));
    }
    // A server that refuses a body does not read the rest. curl stops sending there, too.
    if !(200..=299).contains(&head.status) {
        connection.drop_rest(&mut outgoing);
    }
    let body = receive_body(connection, &head, &mut outgoing, share);
    let (framing, body) = body.map_err(|error| head.told_before(error))?;
    connection.send_rest(&mut outgoing);
    let stays = framing.is_whole() && head.keeps_connection(via_proxy);
    let is_reusable = stays && connection.is_between_requests(&outgoing);
    let keeps_idle = is_reusable.then(|| head.keeps_idle.unwrap_or(Duration::MAX));
    Ok(Exchanged { keeps_idle, response: head.into_response(body)? })
}

/// The head of the final response. Interim ones are passed over (RFC 9110, 15.2).
pub fn receive_head(connection: &mut Connection, outgoing: &mut Outgoing) -> io::Result<Head> {
    let (mut begun, mut passed) = (0, 0);
    loop {
        let unread = connection.unread();
        // Only a line end ends a head: one that comes byte by byte is not parsed at each of them.
        let is_news = begun == 0 || memchr::memchr(b'\n', &unread[begun..]).is_some();
        let (used, head) = if is_news { parse(unread)? } else { (0, None) };
        begun = if used > 0 { 0 } else { unread.len() };
        connection.use_up(used);
        if let Some(head) = head {
            return Ok(head);
        }
        passed += used;
        reply::check_headers(passed, MAX_ALL_HEADER_BYTES)?;
        reply::check_headers(begun, MAX_HEADER_BYTES)?;
        if used == 0 && !receive(connection, outgoing, NO_HEAD)? {
            return Err(cut_short(NO_HEAD));
        }
    }
}

/// The length of the head that `bytes` begin with, and the head unless it is an interim one. 0: it is not whole yet.
fn parse(bytes: &[u8]) -> io::Result<(usize, Option<Head>)> {
    let bytes = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
    let mut headers = vec![EMPTY_HEADER; lines(bytes)];
    let mut parsed = httparse::Response::new(&mut headers);
    let status = ParserConfig::default()
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .parse_response(&mut parsed, bytes);
    let status = status.map_err(|rule| of_other_protocol(bytes).unwrap_or_else(|| malformed(rule)));
    let Status::Complete(used) = status? else {
        return Ok((0, None));
    };
    // Both are there in a head that is whole.
    let (version, code) = (parsed.version.unwrap_or(1), parsed.code.unwrap_or(0));
    if (100..=199).contains(&code) && code != SWITCHING_PROTOCOLS {
        return Ok((used, None));
    }
    let headers = parsed.headers.iter().map(|header| (header.name, header.value));
    Ok((used, Some(Head::new(version, code, headers)?)))
}

/// The lines of the head that `bytes` begin with. Many interim responses may stand behind it, and lines of a body.
fn lines(bytes: &[u8]) -> usize {
    let lines = bytes.split(|&byte| byte == b'\n');
    let is_blank = |line: &&[u8]| matches!(line, [] | [b'\r']);
    lines.skip_while(is_blank).take_while(|line| !is_blank(line)).count()
}

/// The body, and what would come next of it: it ends with the stream, or it is whole.
fn receive_body(
    connection: &mut Connection,
    head: &Head,
    outgoing: &mut Outgoing,
    share: &mut Share,
) -> io::Result<(Framing, Vec<u8>)> {
    let (mut framing, mut body, mut room) = (Framing::of(head), Vec::new(), SMALL);
    // Reserved memory that is never written costs nothing.
    reply::make_room(&mut body, head.length.unwrap_or_default())?;
    loop {
        let done = framing.read(connection.unread(), &mut body)?;
        connection.use_up(done);
        if framing.is_whole() {
            return Ok((framing, body));
        }
        if body.len() >= room {
            room = 2 * body.len();
            // Nothing is received meanwhile, and that is not the server's delay.
            connection.prolong(share.grow(room));
        }
        // A line between chunks.
        reply::check_headers(connection.unread().len(), MAX_HEADER_BYTES)?;
        if !receive(connection, outgoing, NO_END)? {
            return match framing {
                Framing::Stream => Ok((framing, body)),
                _ => Err(cut_short(NO_END)),
            };
        }
    }
}

/// Receives more; `false` at the end of the stream. `closed`: the message if the stream just breaks off.
fn receive(
    connection: &mut Connection,
    outgoing: &mut Outgoing,
    closed: &'static str,
) -> io::Result<bool> {
    match connection.converse(outgoing) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(cut_short(format!("{closed}, and without ending TLS")))
        }
        received => Ok(received? > 0),
    }
}

fn cut_short(cause: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, cause.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::super::socket::Socket;
    use super::super::time_limit::{Deadline, MAX_TIME};
    use super::super::wire::Wire;
    use super::*;
    use crate::memory::Budget;

    const HEAD: &[u8] = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";

    /// The server has these bytes ready; then it closes, or says no more.
    fn exchanged(answer: &[u8], closes: bool, via_proxy: bool) -> io::Result<Exchanged> {
        let (near, mut far) = UnixStream::pair().unwrap();
        // Waiting for more than there is fails here.
        let deadline = Deadline::after(Duration::from_secs(5), MAX_TIME);
        let mut connection =
            Connection::over(Wire::Plain(Socket::new(near.into(), deadline, None).unwrap()));
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                // The client may have seen enough, and be gone.
                let _ = far.write_all(answer);
                if closes {
                    let _ = far.shutdown(Shutdown::Write);
                }
                far
            });
            let exchanged = exchange(
                &mut connection,
                HEAD,
                b"PNG",
                via_proxy,
                &mut Budget::new(0, Duration::MAX).share(0),
            );
            drop(connection);
            server.join().unwrap();
            exchanged
        })
    }

    /// The error if the server closes behind these bytes.
    fn error(answer: &[u8]) -> String {
        match exchanged(answer, true, false) {
            Ok(exchanged) => panic!("{}", exchanged.response.status),
            Err(error) => error.to_string(),
        }
    }

    /// Status, body, and whether the connection can be used again.
    fn kept(answer: &str) -> (u16, Vec<u8>, bool) {
        let exchanged = exchanged(answer.as_bytes(), false, false).unwrap();
        (exchanged.response.status, exchanged.response.body, exchanged.keeps_idle.is_some())
    }

    #[test]
    fn a_response_ends_where_it_says_and_the_connection_can_be_used_again() {
        let good = b"good".to_vec();
        for (answer, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood", 200, good.clone()),
            ("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngood", 404, good.clone()),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, vec![]),
            ("HTTP/1.1 204 None\r\n\r\n", 204, vec![]),
            ("HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 4\r\n\r\ngood", 302, good.clone()),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\ngoo\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n",
                200,
                good,
            ),
        ] {
            assert_eq!(kept(answer), (status, body, true), "{answer}");
        }
    }

    #[test]
    fn a_connection_that_will_close_or_holds_more_is_not_used_again() {
        for answer in [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood",
            "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ngood",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood and more",
        ] {
            assert_eq!(kept(answer), (200, b"good".to_vec(), false), "{answer}");
        }
        let answer = b"HTTP/1.1 200 OK\r\n\r\ngood";
        let exchanged = exchanged(answer, true, false).unwrap();
        assert_eq!(
            (exchanged.response.body.as_slice(), exchanged.keeps_idle.is_some()),
            (&b"good"[..], false)
        );
    }

    #[test]
    fn interim_responses_are_passed_over() {
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
        for interim in [
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n",
            "\r\nHTTP/1.1 100 Continue\nX: y\n\n",
        ] {
            assert_eq!(
                kept(&format!("{interim}{last}")),
                (200, b"good".to_vec(), true),
                "{interim}"
            );
        }
    }

    #[test]
    fn what_stands_behind_a_head_costs_it_nothing() {
        let interim = "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\n\n\n\n";
        assert_eq!(lines(interim.repeat(9).as_bytes()), 2);
        assert_eq!(lines(last.as_bytes()), 2);
        assert_eq!(lines(b"\r\n\nHTTP/1.1 200\nX:\n y\nZ"), 4);
        let many = interim.repeat(MAX_HEADER_BYTES / interim.len()) + last;
        assert_eq!(kept(&many), (200, b"\n\n\n\n".to_vec(), true));
    }

    #[test]
    fn a_response_that_is_cut_or_malformed_says_how() {
        for (answer, cause) in [
            ("", NO_HEAD),
            ("HTTP/1.1 200 OK\r\nX: y\r\n", NO_HEAD),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood", NO_END),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngoo", NO_END),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4", NO_END),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "malformed response: Transfer-Encoding in HTTP/1.0",
            ),
            ("secret\r\n\r\n", "malformed response: invalid HTTP version"),
            ("HTTP/1.1 secret\r\n\r\n", "malformed response: invalid response status"),
            ("HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "malformed response: invalid header name"),
            ("HTTP/1.1 200 OK\r\nse cret: y\r\n\r\n", "malformed response: invalid header name"),
            (
                "HTTP/1.1 200 OK\r\nX: sec\x01ret\r\n\r\n",
                "malformed response: invalid header value",
            ),
            ("HTTP/1.1 200 OK\r\nX: secret\rx\n\r\n", "malformed response: invalid header value"),
            ("HTTP/1.1 200 OK\r\nX: y\r\n\rsecret\n", "malformed response: invalid new line"),
        ] {
            assert_eq!(error(answer.as_bytes()), cause, "{answer}");
        }
    }

    #[test]
    fn a_head_may_have_what_servers_send() {
        let good = (200, b"good".to_vec(), true);
        let many = "X: y\r\n".repeat(5000);
        for head in [
            &format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 4\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n 4\r\n\r\n",
            "HTTP/1.1  200\r\nContent-Length : 4\r\nX:\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\ncontent-length: 4\n\n",
        ] {
            assert_eq!(kept(&format!("{head}good")), good, "{}", &head[..60.min(head.len())]);
        }
    }

    #[test]
    fn the_bytes_of_a_head_are_counted_whether_it_ends_or_not() {
        let head = |bytes: usize| {
            let empty = "HTTP/1.1 204 None\r\nX: \r\n\r\n".len();
            format!("HTTP/1.1 204 None\r\nX: {}\r\n\r\n", "y".repeat(bytes - empty)).into_bytes()
        };
        let over = format!("response headers over the limit of {} KiB", MAX_HEADER_BYTES >> 10);
        assert_eq!(exchanged(&head(MAX_HEADER_BYTES), true, false).unwrap().response.status, 204);
        assert_eq!(error(&head(MAX_HEADER_BYTES + 1)), over);
        assert_eq!(error(&head(MAX_HEADER_BYTES + 9)[..=MAX_HEADER_BYTES]), over);
    }

    #[test]
    fn floods_of_interim_responses_and_trailers_end_at_a_sum() {
        let interim = format!("HTTP/1.1 103 x\r\nX: {}\r\n\r\n", "y".repeat(9000));
        let trailer = format!("X: {}\r\n", "y".repeat(9000));
        let over = format!("response headers over the limit of {} KiB", MAX_ALL_HEADER_BYTES >> 10);
        for (count, is_over) in [(30, false), (40, true)] {
            let (interims, trailers) = (interim.repeat(count), trailer.repeat(count));
            let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
            for answer in [format!("{interims}{chunked}\r\n"), format!("{chunked}{trailers}\r\n")] {
                match is_over {
                    true => assert_eq!(error(answer.as_bytes()), over),
                    false => assert_eq!(kept(&answer), (200, vec![], true)),
                }
            }
        }
    }

    /// That of CONNECT has none, whatever its length (RFC 9110, 9.3.6).
    #[test]
    fn a_length_over_the_limit_counts_only_where_a_body_is_read() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n";
        assert!(parse(head).is_ok_and(|parsed| parsed.1.is_some()));
        assert_eq!(error(head), "response over the limit of 64 MiB");
    }

    #[test]
    fn the_time_for_which_a_response_waits_for_room_does_not_count() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let deadline = Deadline::after(Duration::from_millis(300), MAX_TIME);
        let wire = Wire::Plain(Socket::new(near.into(), deadline.clone(), None).unwrap());
        let budget = Budget::new(0, Duration::MAX);
        let mut second = budget.share(1);
        thread::scope(|scope| {
            scope.spawn(|| {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 9 * SMALL);
                far.write_all(head.as_bytes()).unwrap();
                let _ = far.write_all(&vec![b'x'; 9 * SMALL]);
            });
            scope.spawn(|| {
                while !deadline.has_passed() {
                    thread::yield_now();
                }
                budget.fetching(1, || ());
            });
            let mut connection = Connection::over(wire);
            let exchanged = exchange(&mut connection, HEAD, b"PNG", false, &mut second);
            drop(connection);
            let exchanged = exchanged.unwrap();
            assert!(exchanged.response.body.len() == 9 * SMALL && deadline.has_passed());
        });
    }

    #[test]
    fn the_page_of_a_proxy_that_wants_a_password_is_not_waited_for() {
        let page = b"HTTP/1.1 407 x\r\nContent-Length: 9\r\n\r\npage";
        let of_proxy = exchanged(page, false, true).err().unwrap();
        assert_eq!(of_proxy.to_string(), "status 407");
        assert_eq!(error(page), NO_END);
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
        assert_eq!(exchanged(good, false, true).unwrap().response.body, b"good");
    }

    #[test]
    fn a_server_may_say_that_it_keeps_the_connection_and_how_long() {
        let told = |version, headers: &str, via_proxy| {
            let answer = format!("HTTP/1.{version} 200 OK\r\nContent-Length: 0\r\n{headers}\r\n");
            let exchanged = exchanged(answer.as_bytes(), false, via_proxy).unwrap();
            exchanged.keeps_idle.map(|idle| idle.as_secs())
        };
        for (headers, idle) in [
            ("", u64::MAX),
            ("Connection: x\r\nKeep-Alive: timeout=5, max=100\r\n", 5),
            ("Keep-Alive: max=9, Timeout = 7\r\n", 7),
            ("Keep-Alive: max=9\r\n", u64::MAX),
            ("Keep-Alive: timeout=x\r\n", u64::MAX),
            ("Keep-Alive: timeout=18446744073709551615\r\n", u64::MAX),
        ] {
            assert_eq!(told(1, headers, false), Some(idle), "{headers}");
            // A proxy, and HTTP/1.0, have to say so.
            assert_eq!((told(1, headers, true), told(0, headers, false)), (None, None));
        }
        for header in ["Connection: Keep-Alive\r\n", "Proxy-Connection: x, keep-alive\r\n"] {
            assert_eq!(told(1, header, true), Some(u64::MAX));
            assert_eq!(told(0, header, false), Some(u64::MAX));
            assert_eq!(told(1, &format!("{header}Connection: x, Close\r\n"), true), None);
        }
    }
}
