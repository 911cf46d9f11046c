//! What is wrong with a certificate, in words: the libraries describe it by the names of their types.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error, OtherError};
use webpki::Error as Flaw;

const UNKNOWN: &str = "is signed by nobody who is trusted";

/// The words for a certificate that a `Judge`, or minreq, has refused.
pub fn cause(error: &CertificateError) -> String {
    let cause = match error {
        CertificateError::Other(OtherError(other)) => match other.downcast_ref() {
            Some(flaw) => flaw_of_server(flaw),
            None => return other.to_string(),
        },
        // minreq's.
        CertificateError::UnknownIssuer => format!("{UNKNOWN} (SSL_CERT_FILE)"),
        // A handshake's, too.
        CertificateError::BadSignature => flaw_of_server(&Flaw::InvalidSignatureForPublicKey),
        other => spelled_out(other),
    };
    format!("certificate {cause}")
}

/// Of the certificate that the server shows.
pub fn of_server(flaw: Flaw) -> Error {
    told(flaw_of_server(&flaw))
}

/// Of a CA that the server shows as its own.
pub fn of_ca(remedy: &str) -> Error {
    told(format!("is not trusted; if it is the server's own, trust a copy of it ({remedy})"))
}

/// Of its issuers, or of a signature.
pub fn of_signer(flaw: Flaw, remedy: &str) -> Error {
    let signer = "is signed by an authority that";
    told(match flaw {
        Flaw::UnknownIssuer => format!("{UNKNOWN} ({remedy})"),
        Flaw::CertExpired { .. } | Flaw::InvalidCertValidity => format!("{signer} has expired"),
        Flaw::CertNotValidYet { .. } => format!("{signer} is not valid yet"),
        Flaw::RequiredEkuNotFoundContext(_) => format!("{signer} is not for servers"),
        Flaw::EndEntityUsedAsCa | Flaw::UnsupportedCertVersion => {
            "is signed by one that is no CA".to_owned()
        }
        // Of the anchor with the issuer's name, such as a certificate that has been made anew since.
        Flaw::InvalidSignatureForPublicKey => format!(
            "is not the trusted one of that name ({remedy}), or its key is weak (RSA under 2048 bits)"
        ),
        other => flaw_of_server(&other),
    })
}

fn flaw_of_server(flaw: &Flaw) -> String {
    let cause = match flaw {
        Flaw::CertExpired { .. } | Flaw::InvalidCertValidity => "has expired",
        Flaw::CertNotValidYet { .. } => "is not valid yet",
        Flaw::CertNotValidForName(names) if names.presented.is_empty() => {
            let kind = if let ServerName::IpAddress(_) = names.expected { "IP" } else { "DNS" };
            let name = format!("{kind}:{}", names.expected.to_str());
            return format!(
                "has no alternative name; openssl's -addext subjectAltName={name} gives it one"
            );
        }
        Flaw::CertNotValidForName(_) => "is not for this host name",
        Flaw::RequiredEkuNotFoundContext(_) => "is not for servers, by its extended key usage",
        Flaw::CaUsedAsEndEntity => "calls itself a CA",
        Flaw::UnsupportedCertVersion => {
            "is of X.509 version 1; openssl's -addext subjectAltName=DNS:host makes a newer one"
        }
        Flaw::UnsupportedSignatureAlgorithmContext(_)
        | Flaw::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "is signed with an algorithm that is weak or not known"
        }
        Flaw::InvalidSignatureForPublicKey => {
            "has a wrong signature, or a weak key (RSA under 2048 bits)"
        }
        other => return spelled_out(other),
    };
    cause.to_owned()
}

/// The words in the name of an error that has no others: `BadEncoding`, `ExpiredContext { .. }`.
fn spelled_out(error: &dyn Debug) -> String {
    let mut cause = "is refused:".to_owned();
    for letter in format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() {
            cause.push(' ');
        }
        cause.push(letter.to_ascii_lowercase());
    }
    cause.trim_end_matches(" context").to_owned()
}

fn told(cause: String) -> Error {
    let text = io::Error::other(format!("certificate {cause}"));
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(text))))
}
