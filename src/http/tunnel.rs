//! A tunnel through a proxy: CONNECT, and the proxy's answer (RFC 9110, 9.3.6).

use std::io::{self, ErrorKind};

use ureq_proto::client::MAX_RESPONSE_HEADERS;
use ureq_proto::parser::try_parse_response;

use super::USER_AGENT;
use super::connection::{Connection, Outgoing};
use super::exchange::check_head_bytes;
use super::outcome::Denied;
use super::reply::malformed;
use super::wire::Wire;

/// Opens a tunnel to `target`, `HOST:PORT`, over a wire to the proxy.
pub fn open(wire: Wire, target: &str, authorization: Option<&str>) -> io::Result<Wire> {
    let authorization = authorization.map(|it| format!("Proxy-Authorization: {it}\r\n"));
    let head = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}User-Agent: {USER_AGENT}\r\n\r\n",
        authorization.unwrap_or_default()
    );
    let mut connection = Connection::over(wire);
    let mut outgoing = Outgoing::new(head.as_bytes(), &[]);
    loop {
        let parsed = try_parse_response::<MAX_RESPONSE_HEADERS>(connection.unread());
        let Some((used, response)) = parsed.map_err(|_| malformed("no answer to CONNECT"))? else {
            receive(&mut connection, &mut outgoing)?;
            continue;
        };
        connection.use_up(used);
        match response.status().as_u16() {
            100..=199 => {}
            // The server speaks when it is spoken to.
            200..=299 if !connection.unread().is_empty() => {
                return Err(malformed("text after CONNECT"));
            }
            200..=299 => return Ok(connection.into_wire()),
            status => return Err(io::Error::other(Denied(status))),
        }
    }
}

fn receive(connection: &mut Connection, outgoing: &mut Outgoing) -> io::Result<()> {
    check_head_bytes(connection.unread().len())?;
    match connection.receive(outgoing)? {
        0 => Err(io::Error::new(ErrorKind::UnexpectedEof, "closed before an answer to CONNECT")),
        _ => Ok(()),
    }
}
