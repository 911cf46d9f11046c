//! What an attempt without success means for its frame: four outcomes, decided here and nowhere else.
//!
//! Promise 4 stands on this file: `NeverSent` only where no byte of the request can have left.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::LazyLock;
use std::time::Duration;

use crate::messages;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No byte of the request has left: it may be repeated.
    NeverSent,
    /// The server said that it did not take the frame, for now: it may be repeated.
    RefusedForNow,
    /// The frame may have arrived: it is repeated only where the user asks for it.
    Unknown,
    /// Another attempt would bring the same: it is never repeated.
    Refused,
}

/// TCP gives up an established connection no sooner than this (RFC 1122, 4.2.3.5, R2). Linux then may
/// report an ICMP error of old, "no route to host", say, for a connection that has carried data.
/// Only before can such an error be that of `connect`.
const CONNECT_AT_MOST: Duration = Duration::from_secs(100);

/// The same for this system: Linux gives up after `tcp_retries2` retransmissions, the first after 200 ms
/// at least, each later one after twice as long. Where that can't be read there, nothing is certain.
static GIVES_UP_AFTER: LazyLock<Duration> = LazyLock::new(|| {
    if !cfg!(target_os = "linux") {
        return CONNECT_AT_MOST;
    }
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_retries2");
    let retries = setting.ok().and_then(|text| text.trim().parse::<u32>().ok());
    retries.map_or(Duration::ZERO, gives_up_after)
});

fn gives_up_after(retries: u32) -> Duration {
    let first = Duration::from_millis(200);
    first.saturating_mul((2 << retries.min(15)) - 1).min(CONNECT_AT_MOST)
}

/// How std begins the text of a look-up's error; what follows is the resolver's own text.
const LOOK_UP: &str = "failed to lookup address information";

/// EAI_AGAIN in the words of glibc and of musl: the one error of a look-up that may pass.
const LOOK_UP_MAY_PASS: [&str; 2] = ["Temporary failure in name resolution", "Try again"];

/// ENFILE and EMFILE, on Linux and on the BSDs: no file descriptor, so no socket.
const NO_FILE_DESCRIPTOR: [i32; 2] = [23, 24];

/// The outcome that a status other than 2xx tells.
pub fn of_status(status: u16) -> Outcome {
    match status {
        408 | 425 | 429 | 503 => Outcome::RefusedForNow,
        500 | 502 | 504 | 522 | 524 => Outcome::Unknown,
        _ => Outcome::Refused,
    }
}

/// The outcome that an error and its sources tell; `elapsed` since the attempt began.
pub fn of_error(error: &(dyn Error + 'static), elapsed: Duration) -> Outcome {
    let mut outcome = Outcome::Unknown;
    for error in chain(error) {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            outcome = of_io_error(error, elapsed);
        } else if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return of_tls_error(error);
        }
    }
    outcome
}

/// What an error says, for a message. minreq wraps some twice: the innermost one says what happened.
pub fn text(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map_or_else(String::new, |innermost| {
        match innermost.downcast_ref::<rustls::Error>() {
            Some(error) => tls_cause(error),
            None => innermost.to_string(),
        }
    });
    messages::plain(&text)
}

/// The error and all below it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| below(error))
}

/// The next error below this one. An `io::Error` says nothing by `source` of the one that it wraps.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn of_io_error(error: &io::Error, elapsed: Duration) -> Outcome {
    let text = error.to_string();
    if text.contains(LOOK_UP) {
        let may_pass = LOOK_UP_MAY_PASS.iter().any(|known| text.contains(known));
        return if may_pass { Outcome::NeverSent } else { Outcome::Refused };
    }
    if error.raw_os_error().is_some_and(|number| NO_FILE_DESCRIPTOR.contains(&number)) {
        return Outcome::NeverSent;
    }
    match error.kind() {
        ErrorKind::AddrNotAvailable => Outcome::NeverSent,
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
            if elapsed < *GIVES_UP_AFTER =>
        {
            Outcome::NeverSent
        }
        _ => Outcome::Unknown,
    }
}

/// Certificates and versions don't change from one attempt to the next.
fn of_tls_error(error: &rustls::Error) -> Outcome {
    use rustls::AlertDescription as Alert;
    match error {
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
        ) => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

/// A TLS error in words: rustls tells of certificates in the names of its types.
fn tls_cause(error: &rustls::Error) -> String {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return format!("TLS: {error}") };
    let cause = match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => "has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        Bad::UnknownIssuer => "is signed by nobody who is trusted".to_owned(),
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "is not for this host name".to_owned()
        }
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "calls itself a CA, and is none that a server may show".to_owned()
        }
        other => format!("is refused: {other}"),
    };
    format!("certificate {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn of(error: io::Error) -> Outcome {
        of_error(&error, SOON)
    }

    #[test]
    fn statuses() {
        for status in [408, 425, 429, 503] {
            assert_eq!(of_status(status), Outcome::RefusedForNow, "{status}");
        }
        for status in [500, 502, 504, 522, 524] {
            assert_eq!(of_status(status), Outcome::Unknown, "{status}");
        }
        for status in [301, 304, 400, 401, 404, 413, 501, 505, 599] {
            assert_eq!(of_status(status), Outcome::Refused, "{status}");
        }
    }

    #[test]
    fn what_connect_reports_was_never_sent() {
        // EMFILE, ENFILE, EADDRNOTAVAIL, ENETUNREACH, ECONNREFUSED, EHOSTUNREACH of Linux.
        for number in [24, 23, 99, 101, 111, 113] {
            assert_eq!(of(io::Error::from_raw_os_error(number)), Outcome::NeverSent, "{number}");
        }
    }

    #[test]
    fn what_a_connection_with_data_may_report_is_unknown() {
        // EPIPE, ECONNABORTED, ECONNRESET, ETIMEDOUT: the last one is connect's as well as write's.
        for number in [32, 103, 104, 110] {
            assert_eq!(of(io::Error::from_raw_os_error(number)), Outcome::Unknown, "{number}");
        }
        let late = of_error(&io::Error::from_raw_os_error(113), CONNECT_AT_MOST);
        assert_eq!(late, Outcome::Unknown);
    }

    #[test]
    fn a_system_that_gives_up_early_is_believed_for_less_long() {
        assert_eq!(gives_up_after(3), Duration::from_secs(3));
        assert_eq!(gives_up_after(15), CONNECT_AT_MOST);
        assert_eq!(gives_up_after(u32::MAX), CONNECT_AT_MOST);
    }

    #[test]
    fn a_look_up_may_pass_or_not() {
        let look_up = |text: &str| of(io::Error::other(format!("{LOOK_UP}: {text}")));
        assert_eq!(look_up("Temporary failure in name resolution"), Outcome::NeverSent);
        assert_eq!(look_up("Name or service not known"), Outcome::Refused);
    }

    #[test]
    fn an_error_is_found_however_deep_it_is_wrapped() {
        let inner = io::Error::other(rustls::Error::NoCertificatesPresented);
        assert_eq!(of(io::Error::other(inner)), Outcome::Refused);
    }
}
