//! A tunnel through a proxy: CONNECT, and the proxy's answer (RFC 9110, 9.3.6).

use std::io;

use super::USER_AGENT;
use super::connection::{Connection, Outgoing};
use super::exchange::receive_head;
use super::outcome::Verdict;
use super::reply::{Head, malformed};
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
    let Head { status, retry_after, .. } = receive_head(&mut connection, &mut outgoing)?;
    match status {
        // The server speaks when it is spoken to.
        200..=299 if !connection.unread().is_empty() => Err(malformed("text after CONNECT")),
        200..=299 => Ok(connection.into_wire()),
        _ => Err(io::Error::other(Verdict { retry_after, ..Verdict::denied(status) })),
    }
}
