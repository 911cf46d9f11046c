//! One request and its response over a connection.
//!
//! ureq-proto is HTTP/1.1 without input and output: it writes the head, finds the end of the response, and
//! says whether the connection can carry another request. We send and receive. After an error the connection
//! carries no other request.

use std::io::{self, ErrorKind};
use std::time::Duration;

use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{
    Call, MAX_RESPONSE_HEADERS, RecvBodyResult, RecvResponseResult, SendRequestResult,
};
use ureq_proto::http::{Request, Response as Parsed, Version};
use ureq_proto::{BodyMode, Error};

use super::connection::{Connection, Outgoing};
use super::outcome;
use super::reply::{
    self, Head, MAX_HEADER_BYTES, MAX_RESPONSE_BYTES, Response, malformed, refused,
};

/// The room for a request's head at first.
const HEAD_BYTES: usize = 1 << 10;

const NO_HEAD: &str = "no response: closed before there was one";
const NO_END: &str = "response cut short: closed before its end";

pub const PROXY_AUTHENTICATION_REQUIRED: u16 = 407;

pub struct Exchanged {
    pub response: Response,
    /// Whether the connection can carry another request.
    pub is_reusable: bool,
    /// Whether the response says so itself.
    pub says_keep_alive: bool,
    /// How long the server keeps the connection while it is idle, if it says so.
    pub keeps_idle: Option<Duration>,
}

/// `request` is complete, with the Content-Length of `body`. `origin` makes its target absolute, for a proxy.
pub fn exchange(
    connection: &mut Connection,
    request: Request<()>,
    origin: Option<&str>,
    body: &[u8],
) -> io::Result<Exchanged> {
    let (head, call) = request_head(request, origin, body.len())?;
    let mut outgoing = Outgoing::new(&head, body);
    let (parsed, call) = receive_head(connection, call, &mut outgoing)?;
    let head = check(&parsed)?;
    if origin.is_some() && parsed.status().as_u16() == PROXY_AUTHENTICATION_REQUIRED {
        // The proxy's own page is no answer to a frame, and often cut by a reset.
        let (is_reusable, says_keep_alive) = (false, false);
        let response = head.into_response(Vec::new())?;
        return Ok(Exchanged { response, is_reusable, says_keep_alive, keeps_idle: None });
    }
    // A server that refuses a body does not read the rest. curl stops sending there, too.
    if !parsed.status().is_success() {
        connection.drop_rest(&mut outgoing);
    }
    let (body, must_close) = match call {
        RecvResponseResult::RecvBody(call) => receive_body(connection, call, &head, &mut outgoing)?,
        RecvResponseResult::Redirect(call) => (Vec::new(), call.must_close_connection()),
        RecvResponseResult::Cleanup(call) => (Vec::new(), call.must_close_connection()),
    };
    connection.send_rest(&mut outgoing);
    Ok(Exchanged {
        response: head.into_response(body)?,
        is_reusable: !must_close && connection.is_between_requests(&outgoing),
        says_keep_alive: says_keep_alive(&parsed),
        keeps_idle: keeps_idle(&parsed),
    })
}

/// The bytes of a request's head.
pub fn head(request: Request<()>, origin: Option<&str>, body_bytes: usize) -> io::Result<Vec<u8>> {
    request_head(request, origin, body_bytes).map(|(head, _)| head)
}

/// The bytes of the head, and the call that waits for the response.
fn request_head(
    request: Request<()>,
    origin: Option<&str>,
    body_bytes: usize,
) -> io::Result<(Vec<u8>, Call<RecvResponse>)> {
    let behind_method = request.method().as_str().len() + 1;
    let mut call = Call::new(request).map_err(not_sent)?;
    call.allow_non_standard_methods(true);
    call.force_send_body();
    let mut call = call.proceed();
    let (mut head, mut filled) = (vec![0; HEAD_BYTES], 0);
    while !call.can_proceed() {
        match call.write(&mut head[filled..]) {
            Ok(count) => filled += count,
            Err(Error::OutputOverflow) => head.resize(2 * head.len(), 0),
            Err(error) => return Err(not_sent(error)),
        }
    }
    head.truncate(filled);
    if let Some(origin) = origin {
        head.splice(behind_method..behind_method, origin.bytes());
    }
    match call.proceed().map_err(not_sent)? {
        Some(SendRequestResult::SendBody(mut call)) => {
            // We send the body ourselves, from its own buffer.
            call.consume_direct_write(body_bytes).map_err(not_sent)?;
            let call = call.proceed().ok_or_else(|| refused("the body is not complete"))?;
            Ok((head, call))
        }
        _ => Err(refused("the request has no body")),
    }
}

fn not_sent(error: Error) -> io::Error {
    refused(format!("request not sent: {error}"))
}

fn receive_head(
    connection: &mut Connection,
    mut call: Call<RecvResponse>,
    outgoing: &mut Outgoing,
) -> io::Result<(Parsed<()>, RecvResponseResult)> {
    loop {
        let used = match call.try_response(connection.unread(), false) {
            Ok((used, Some(parsed))) => {
                check_head_bytes(used)?;
                connection.use_up(used);
                let call = call.proceed().ok_or_else(|| malformed("no head"))?;
                return Ok((parsed, call));
            }
            // An interim response, or no whole head yet.
            Ok((used, None)) => used,
            // ureq-proto takes no header in a 100 (RFC 9110, 15.2 allows them).
            Err(Error::HeadersWith100) => head_bytes(connection.unread()),
            Err(error) => return Err(malformed_by(&error)),
        };
        connection.use_up(used);
        if used == 0 {
            check_head_bytes(connection.unread().len())?;
            if !receive(connection, outgoing, NO_HEAD)? {
                return Err(cut_short(NO_HEAD));
            }
        }
    }
}

/// The length of the first head in `bytes`, with line ends before it. The head is whole.
fn head_bytes(bytes: &[u8]) -> usize {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let begin = bytes.iter().position(|byte| !is_line_end(byte)).unwrap_or(0);
    let ends = [&b"\n\r\n"[..], b"\n\n"].map(|end| {
        memchr::memmem::find(&bytes[begin..], end).map(|place| begin + place + end.len())
    });
    ends.into_iter().flatten().min().unwrap_or(bytes.len())
}

pub fn check_head_bytes(count: usize) -> io::Result<()> {
    if count > MAX_HEADER_BYTES {
        let limit = MAX_HEADER_BYTES >> 10;
        return Err(refused(format!("response headers over the limit of {limit} KiB")));
    }
    Ok(())
}

fn check(parsed: &Parsed<()>) -> io::Result<Head> {
    let headers = parsed.headers();
    if parsed.version() == Version::HTTP_10 && headers.contains_key("transfer-encoding") {
        // Only HTTP/1.1 has it (RFC 9112, 6.1): ureq-proto would take the chunks' framing for text.
        return Err(malformed("Transfer-Encoding in HTTP/1.0"));
    }
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Head::new(parsed.status().as_u16(), headers)
}

/// The body, and whether the connection must be closed.
fn receive_body(
    connection: &mut Connection,
    mut call: Call<RecvBody>,
    head: &Head,
    outgoing: &mut Outgoing,
) -> io::Result<(Vec<u8>, bool)> {
    let ends_with_stream = call.body_mode() == BodyMode::CloseDelimited;
    let mut body = Vec::new();
    // Reserved memory that is never written costs nothing. One byte more is for the line's end.
    reply::make_room(&mut body, head.length.unwrap_or_default() + 1)?;
    let mut filled = 0;
    loop {
        let unread = connection.unread();
        body.truncate(filled);
        reply::make_room(&mut body, unread.len())?;
        body.resize(filled + unread.len(), 0);
        let (used, count) =
            call.read(unread, &mut body[filled..]).map_err(|error| malformed_by(&error))?;
        filled += count;
        if filled > MAX_RESPONSE_BYTES {
            return Err(reply::too_long());
        }
        connection.use_up(used);
        if call.can_proceed() && !ends_with_stream {
            break;
        }
        // Without progress, the line with a chunk's size is not complete yet.
        if used == 0 || connection.unread().is_empty() {
            check_head_bytes(connection.unread().len())?;
            match receive(connection, outgoing, NO_END)? {
                true => {}
                false if ends_with_stream => break,
                false => return Err(cut_short(NO_END)),
            }
        }
    }
    body.truncate(filled);
    let must_close = match call.proceed() {
        Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
        Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
        None => true,
    };
    Ok((body, must_close))
}

/// Receives more; `false` at the end of the stream. `closed`: the message if the stream just breaks off.
fn receive(
    connection: &mut Connection,
    outgoing: &mut Outgoing,
    closed: &'static str,
) -> io::Result<bool> {
    let ended = match connection.receive(outgoing) {
        Ok(1..) => return Ok(true),
        Ok(0) => Ok(false),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(cut_short(format!("{closed}, and without ending TLS")))
        }
        Err(error) => Err(error),
    };
    // If sending failed, that is the reason why no answer comes; but a TLS alert says more.
    match (outgoing.take_failure(), &ended) {
        (Some(failure), Err(error)) if !outcome::is_of_tls(error) => Err(failure),
        (Some(failure), Ok(_)) => Err(failure),
        _ => ended,
    }
}

fn cut_short(cause: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, cause.into())
}

fn malformed_by(error: &Error) -> io::Error {
    if *error == Error::HttpParseTooManyHeaders {
        return refused(format!("response of more than {MAX_RESPONSE_HEADERS} headers"));
    }
    let text = error.to_string();
    let text = text.strip_prefix("http parse fail: ").unwrap_or(&text);
    // Text after another colon may be the server's.
    malformed(text.split(':').next().unwrap_or_default())
}

fn says_keep_alive(parsed: &Parsed<()>) -> bool {
    let values = ["connection", "proxy-connection"].map(|name| parsed.headers().get_all(name));
    let values = values.iter().flatten().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case("keep-alive"))
}

/// `Keep-Alive: timeout=5, max=100` (RFC 2068, 19.7.1.1).
fn keeps_idle(parsed: &Parsed<()>) -> Option<Duration> {
    let value = parsed.headers().get("keep-alive")?.to_str().ok()?;
    let mut settings = value.split(',').filter_map(|setting| setting.split_once('='));
    let (_, seconds) = settings.find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    use super::super::socket::Socket;
    use super::super::time_limit::{Deadline, MAX_TIME};
    use super::super::wire::Wire;
    use super::*;

    fn request() -> Request<()> {
        Request::post("http://h/a?b").header("Content-Length", "3").body(()).unwrap()
    }

    /// The server has these bytes ready; then it closes, or says no more.
    fn exchanged(answer: &[u8], closes: bool, origin: Option<&str>) -> io::Result<Exchanged> {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(answer).unwrap();
        if closes {
            far.shutdown(Shutdown::Write).unwrap();
        }
        // Waiting for more than there is fails here.
        let deadline = Deadline::after(Duration::from_secs(5), MAX_TIME);
        let mut connection = Connection::over(Wire::Plain(Socket::new(near.into(), deadline)));
        exchange(&mut connection, request(), origin, b"PNG")
    }

    /// The error if the server closes behind these bytes.
    fn error(answer: &[u8]) -> String {
        match exchanged(answer, true, None) {
            Ok(exchanged) => panic!("{}", exchanged.response.status),
            Err(error) => error.to_string(),
        }
    }

    /// Status, body, and whether the connection can be used again.
    fn kept(answer: &str) -> (u16, Vec<u8>, bool) {
        let exchanged = exchanged(answer.as_bytes(), false, None).unwrap();
        (exchanged.response.status, exchanged.response.body, exchanged.is_reusable)
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
        let exchanged = exchanged(answer, true, None).unwrap();
        assert_eq!(
            (exchanged.response.body.as_slice(), exchanged.is_reusable),
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
    fn a_head_ends_behind_its_empty_line() {
        for (bytes, head) in [
            ("a\r\n\r\nb", 5),
            ("a\n\nb", 3),
            ("\r\n\r\na\r\n\r\nb\r\n\r\n", 9),
            ("a\n\nb\r\n\r\n", 3),
            ("a\r\nb", 4),
        ] {
            assert_eq!(head_bytes(bytes.as_bytes()), head, "{}", bytes.escape_debug());
        }
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
        ] {
            assert_eq!(error(answer.as_bytes()), cause, "{answer}");
        }
        let headers = "X: y\r\n".repeat(MAX_RESPONSE_HEADERS + 1);
        assert_eq!(
            error(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes()),
            format!("response of more than {MAX_RESPONSE_HEADERS} headers")
        );
    }

    #[test]
    fn the_bytes_of_a_head_are_counted_whether_it_ends_or_not() {
        let head = |bytes: usize| {
            let empty = "HTTP/1.1 204 None\r\nX: \r\n\r\n".len();
            format!("HTTP/1.1 204 None\r\nX: {}\r\n\r\n", "y".repeat(bytes - empty)).into_bytes()
        };
        let over = format!("response headers over the limit of {} KiB", MAX_HEADER_BYTES >> 10);
        assert_eq!(exchanged(&head(MAX_HEADER_BYTES), true, None).unwrap().response.status, 204);
        assert_eq!(error(&head(MAX_HEADER_BYTES + 1)), over);
        assert_eq!(error(&head(MAX_HEADER_BYTES + 9)[..=MAX_HEADER_BYTES]), over);
    }

    #[test]
    fn a_request_through_a_proxy_has_its_origin_in_front() {
        let head = |origin| String::from_utf8(head(request(), origin, 3).unwrap()).unwrap();
        let rest = "/a?b HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n";
        assert_eq!(head(None), format!("POST {rest}"));
        assert_eq!(head(Some("http://h")), format!("POST http://h{rest}"));
    }

    #[test]
    fn the_head_of_a_request_may_be_long() {
        let value = "v".repeat(5 * HEAD_BYTES);
        let mut long = request();
        long.headers_mut().insert("x", value.parse().unwrap());
        assert!(str::from_utf8(&head(long, None, 3).unwrap()).unwrap().contains(&value));
    }

    #[test]
    fn the_page_of_a_proxy_that_wants_a_password_is_not_waited_for() {
        let page = b"HTTP/1.1 407 x\r\nContent-Length: 9\r\n\r\npage";
        let of_proxy = exchanged(page, false, Some("http://h")).unwrap();
        assert_eq!((of_proxy.response.status, of_proxy.is_reusable), (407, false));
        assert_eq!(error(page), NO_END);
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
        let of_server = exchanged(good, false, Some("http://h")).unwrap();
        assert_eq!(of_server.response.body, b"good");
    }

    #[test]
    fn a_server_may_say_that_it_keeps_the_connection_and_how_long() {
        let told = |headers: &str| {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{headers}\r\n");
            let exchanged = exchanged(answer.as_bytes(), false, None).unwrap();
            (exchanged.says_keep_alive, exchanged.keeps_idle.map(|idle| idle.as_secs()))
        };
        for (headers, says) in [
            ("", (false, None)),
            ("Connection: Keep-Alive\r\n", (true, None)),
            ("Proxy-Connection: x, keep-alive\r\n", (true, None)),
            ("Connection: x\r\nKeep-Alive: timeout=5, max=100\r\n", (false, Some(5))),
            ("Keep-Alive: max=9, Timeout = 7\r\n", (false, Some(7))),
            ("Keep-Alive: max=9\r\n", (false, None)),
            ("Keep-Alive: timeout=x\r\n", (false, None)),
            ("Keep-Alive: timeout=18446744073709551615\r\n", (false, Some(u64::MAX))),
        ] {
            assert_eq!(told(headers), says, "{headers}");
        }
    }
}
