//! An attempt without success: what it means for its frame. These rules decide it, and no other place does.
//!
//! Promise 4 stands on `NeverSent` and its two special cases: they are used only if no byte of the request can have left.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::messages;
use rustix::io::Errno;

use super::flaws;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No byte of the request has left: it may be repeated.
    NeverSent,
    /// The same, as nobody listens there, or no way leads there: an attempt costs the server nothing.
    Away,
    /// No byte of the request has left, as we have no descriptor or no port for a connection: it may be
    /// repeated, and there is room once an upload of our own has ended.
    NoRoom,
    /// The server did not take the frame, and says so, for now: it may be repeated.
    RefusedForNow,
    /// The frame may have arrived: it is repeated only if the user asks for it.
    Unknown,
    /// The same, and the server has only closed a connection that it had kept: that is no outage.
    HungUp,
    /// Another attempt would end the same: it is never repeated.
    Refused,
}

/// The reason why an attempt has no whole response, and its meaning for the frame.
#[derive(Debug)]
pub struct Failure {
    pub outcome: Outcome,
    /// Whether a byte of the request may have left.
    pub has_sent: bool,
    pub cause: String,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// Whether the server has ended a plain connection before a byte of an answer, as one with TLS may do.
    pub may_want_https: bool,
}

impl Failure {
    /// That of an attempt with this error, which is a `Verdict` or something that may pass.
    pub fn of(error: &io::Error, has_sent: bool, cause: String) -> Self {
        let outcome = of_error(error).unwrap_or_else(|| of_network(error, has_sent));
        let retry_after = innermost::<Verdict>(error).and_then(|it| it.retry_after);
        Failure { outcome, has_sent, cause, retry_after, may_want_https: false }
    }
}

/// How std begins the text of a look-up's error. The resolver's own text follows.
const LOOK_UP: &str = "failed to lookup address information";

/// EAI_AGAIN in the words of glibc and of musl: the only error of a look-up that may pass.
const LOOK_UP_MAY_PASS: [&str; 2] = ["Temporary failure in name resolution", "Try again"];

/// The outcome of a response whose status is not 2xx.
pub fn of_status(status: u16) -> Outcome {
    match status {
        408 | 425 | 429 | 503 | 529 => Outcome::RefusedForNow,
        // The server does not know the method or the version, and never will.
        501 | 505 => Outcome::Refused,
        500.. => Outcome::Unknown,
        _ => Outcome::Refused,
    }
}

/// An error that says by itself what it means for the frame.
#[derive(Debug)]
pub struct Verdict {
    pub outcome: Outcome,
    pub cause: String,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
}

impl Verdict {
    fn new(outcome: Outcome, cause: impl Into<String>) -> Self {
        Verdict { outcome, cause: cause.into(), retry_after: None }
    }

    /// A proxy does not pass the request on.
    pub fn denied(status: u16) -> Self {
        let outcome = match of_status(status) {
            Outcome::Refused => Outcome::Refused,
            _ => Outcome::NeverSent,
        };
        Verdict::new(outcome, format!("status {status}"))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl Error for Verdict {}

/// The error of a handshake. If the answer is none of TLS, it is that of a server for http://; after a handshake the
/// same bytes tell nothing of the frame.
pub fn of_handshake(error: io::Error) -> io::Error {
    use rustls::InvalidMessage::InvalidContentType;
    match innermost(&error) {
        Some(rustls::Error::InvalidMessage(InvalidContentType)) => {
            let cause = "no TLS there; http:// is without";
            io::Error::other(Verdict::new(Outcome::Refused, cause))
        }
        _ => error,
    }
}

/// The error of an answer that begins with these bytes, if they are known for those of another protocol.
pub fn of_other_protocol(bytes: &[u8]) -> Option<io::Error> {
    let cause = match bytes {
        // An alert of any version.
        [0x15, 3, ..] => "that is TLS: https://",
        // SETTINGS on stream 0, of less than 256 bytes.
        [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => "that is HTTP/2, which is not spoken here",
        _ => return None,
    };
    Some(io::Error::other(Verdict::new(Outcome::Refused, cause)))
}

/// The error of an exchange. What ends a handshake means another thing behind it: a server that asks for a client
/// certificate once it has seen the path (renegotiation) is given none.
pub fn of_exchange(error: io::Error) -> io::Error {
    use rustls::AlertDescription::HandshakeFailure;
    match innermost(&error) {
        Some(rustls::Error::AlertReceived(HandshakeFailure)) => {
            let cause = "the server wants another handshake; a client certificate is shown in the first alone";
            io::Error::other(Verdict::new(Outcome::Refused, cause))
        }
        _ => error,
    }
}

/// The outcome of an error, if the error itself decides it: the name does not exist, or TLS has found a wrong certificate
/// or no common ground.
fn of_error(error: &io::Error) -> Option<Outcome> {
    if let Some(verdict) = innermost::<Verdict>(error) {
        return Some(verdict.outcome);
    }
    let is_final = match innermost(error) {
        Some(error) => is_final_for_tls(error),
        None => {
            let text = text(error);
            text.contains(LOOK_UP) && !LOOK_UP_MAY_PASS.iter().any(|known| text.contains(known))
        }
    };
    is_final.then_some(Outcome::Refused)
}

/// The outcome of an error of the network.
fn of_network(error: &io::Error, has_sent: bool) -> Outcome {
    let number = innermost::<io::Error>(error).and_then(Errno::from_io_error);
    match number {
        // Only making a connection reports that we have no descriptor or no port for it.
        Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL) => Outcome::NoRoom,
        _ if has_sent => Outcome::Unknown,
        // No server is bound to the port or the socket, or there is no route.
        Some(Errno::CONNREFUSED | Errno::NOENT) => Outcome::Away,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN) => Outcome::Away,
        // The name can't be looked up for now, as without a network.
        _ if text(error).contains(LOOK_UP) => Outcome::Away,
        _ => Outcome::NeverSent,
    }
}

/// The text of an error for a message. Some errors are wrapped twice, and the innermost one names the cause.
pub fn text(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map_or_else(String::new, |innermost| {
        match innermost.downcast_ref::<rustls::Error>() {
            Some(error) => tls_cause(error),
            None => innermost.to_string(),
        }
    });
    messages::plain(&text)
}

/// The same for an error of an exchange. Errors of the network say where; those of a reply's text don't.
pub fn text_at(place: &str, error: &io::Error) -> String {
    match is_of_reply(error) {
        true => text(error),
        false => format!("{place}: {}", text(error)),
    }
}

pub fn is_of_reply(error: &io::Error) -> bool {
    use ErrorKind::{InvalidData, OutOfMemory, UnexpectedEof};
    matches!(error.kind(), InvalidData | OutOfMemory | UnexpectedEof)
}

pub fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    innermost::<rustls::Error>(error).is_some()
}

/// The innermost error of this type.
pub fn innermost<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    chain(error).filter_map(|error| error.downcast_ref()).last()
}

/// The error and all its sources.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| below(error))
}

/// The source of this error. An `io::Error` does not show the error that it wraps as its `source`.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Certificates and versions don't change from one attempt to the next.
fn is_final_for_tls(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        error,
        rustls::Error::InvalidCertificate(_)
            | rustls::Error::NoCertificatesPresented
            | rustls::Error::PeerIncompatible(_)
            | rustls::Error::UnsupportedNameType
            | rustls::Error::InvalidCertRevocationList(_)
            | rustls::Error::AlertReceived(
                Alert::HandshakeFailure
                    | Alert::ProtocolVersion
                    | Alert::InsufficientSecurity
                    | Alert::UnrecognisedName
                    | Alert::CertificateRequired,
            )
    )
}

/// A TLS error in words: rustls describes certificates by the names of its types.
fn tls_cause(error: &rustls::Error) -> String {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(bad) => flaws::cause(bad),
        rustls::Error::AlertReceived(Alert::CertificateRequired) => {
            "the server wants a client certificate (--cert)".to_owned()
        }
        // OpenSSL's with TLS 1.2 when it gets none, too.
        rustls::Error::AlertReceived(Alert::HandshakeFailure) => {
            "TLS: nothing in common, or the server wants a client certificate (--cert)".to_owned()
        }
        error => format!("TLS: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for status in [408, 425, 429, 503, 529] {
            assert_eq!(of_status(status), Outcome::RefusedForNow, "{status}");
        }
        for status in [500, 502, 504, 507, 520, 530, 599] {
            assert_eq!(of_status(status), Outcome::Unknown, "{status}");
        }
        for status in [301, 304, 400, 401, 404, 413, 501, 505] {
            assert_eq!(of_status(status), Outcome::Refused, "{status}");
        }
    }

    #[test]
    fn an_error_of_tls_is_told_as_what_it_is() {
        let other = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        assert_eq!(of_error(&wrapped(other.clone())), None);
        let in_handshake = of_handshake(wrapped(other));
        assert_eq!(text(&in_handshake), "no TLS there; http:// is without");
        assert_eq!(of_error(&in_handshake), Some(Outcome::Refused));
        let refused = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let told = text(&of_exchange(wrapped(refused.clone())));
        assert!(told.starts_with("the server wants another handshake; "), "{told}");
        assert_eq!(
            text(&of_handshake(wrapped(refused))),
            "TLS: nothing in common, or the server wants a client certificate (--cert)"
        );
        let told = text(&of_handshake(wrapped(rustls::Error::DecryptError)));
        assert!(told.starts_with("TLS: cannot decrypt"), "{told}");
    }

    /// The error inside of others, as the crates hand them on.
    fn wrapped(error: impl Error + Send + Sync + 'static) -> io::Error {
        io::Error::other(io::Error::new(ErrorKind::InvalidData, error))
    }

    #[test]
    fn a_verdict_decides_wherever_it_is_wrapped() {
        for outcome in [Outcome::Refused, Outcome::Unknown, Outcome::RefusedForNow] {
            assert_eq!(of_error(&wrapped(Verdict::new(outcome, ""))), Some(outcome));
        }
        let retry_after = Some(Duration::from_secs(7));
        let verdict = Verdict { retry_after, ..Verdict::new(Outcome::RefusedForNow, "") };
        let failure = Failure::of(&wrapped(verdict), true, String::new());
        assert_eq!((failure.outcome, failure.retry_after), (Outcome::RefusedForNow, retry_after));
        // A proxy that is busy has passed nothing on.
        assert_eq!(of_error(&wrapped(Verdict::denied(503))), Some(Outcome::NeverSent));
    }

    #[test]
    fn an_error_that_would_come_again_is_final() {
        use rustls::{AlertDescription as Alert, CertificateError, Error::*};
        let no_such_name = format!("{LOOK_UP}: Name or service not known");
        let certificate = InvalidCertificate(CertificateError::Expired);
        for error in [
            io::Error::other(no_such_name),
            wrapped(Verdict::denied(403)),
            wrapped(certificate),
            wrapped(AlertReceived(Alert::HandshakeFailure)),
        ] {
            assert_eq!(of_error(&error), Some(Outcome::Refused), "{error:?}");
        }
    }

    #[test]
    fn an_error_that_may_pass_decides_nothing_by_itself() {
        use rustls::{AlertDescription as Alert, Error::*};
        for error in [
            io::Error::other(format!("{LOOK_UP}: {}", LOOK_UP_MAY_PASS[0])),
            io::Error::other(format!("{LOOK_UP}: {}", LOOK_UP_MAY_PASS[1])),
            io::Error::other("Name or service not known"),
            io::Error::from(ErrorKind::ConnectionRefused),
            io::Error::from_raw_os_error(22),
            wrapped(AlertReceived(Alert::InternalError)),
        ] {
            assert_eq!(of_error(&error), None, "{error:?}");
        }
    }

    #[test]
    fn an_attempt_that_has_reached_nobody_costs_the_server_nothing() {
        let outcome = |error: &io::Error, sent| Failure::of(error, sent, String::new()).outcome;
        for error in [
            io::Error::from(Errno::CONNREFUSED),
            io::Error::from(Errno::NOENT),
            io::Error::from(Errno::HOSTUNREACH),
            io::Error::other(format!("{LOOK_UP}: {}", LOOK_UP_MAY_PASS[0])),
        ] {
            assert_eq!(outcome(&error, false), Outcome::Away, "{error:?}");
            assert_eq!(outcome(&error, true), Outcome::Unknown, "{error:?}");
        }
        for error in [io::Error::from(ErrorKind::TimedOut), Errno::CONNRESET.into()] {
            assert_eq!(outcome(&error, false), Outcome::NeverSent, "{error:?}");
        }
        assert_eq!(outcome(&wrapped(Verdict::denied(503)), false), Outcome::NeverSent);
    }

    #[test]
    fn without_a_descriptor_or_a_port_there_is_no_room() {
        for error in [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL].map(io::Error::from) {
            assert_eq!(of_network(&error, false), Outcome::NoRoom, "{error:?}");
        }
    }

    #[test]
    fn a_message_names_the_innermost_cause_and_the_place_if_it_is_the_networks() {
        let denied = wrapped(Verdict::denied(407));
        assert_eq!(text(&denied), "status 407");
        assert_eq!(text_at("h:80", &denied), "h:80: status 407");
        for kind in [ErrorKind::InvalidData, ErrorKind::UnexpectedEof] {
            assert_eq!(text_at("h:80", &io::Error::new(kind, "cut")), "cut");
        }
        let certificate = |bad| text(&wrapped(rustls::Error::InvalidCertificate(bad)));
        let other = certificate(rustls::CertificateError::BadEncoding);
        assert_eq!(other, "certificate is refused: bad encoding");
        assert!(is_of_tls(&wrapped(rustls::Error::DecryptError)) && !is_of_tls(&denied));
    }
}
