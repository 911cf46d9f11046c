//! Whose certificates a server may show.
//!
//! A server that shows exactly one of the certificates that the user has given is trusted, even if that calls
//! itself a CA, as a plain `openssl req -x509` makes it, or if its own issuer is unknown. Its dates and its name
//! count as for any other: webpki has checked the dates before it objects to a CA or to an issuer, and the name
//! is checked here.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

/// Whom a client trusts.
pub enum Trust {
    /// The system's certificates, or those of SSL_CERT_FILE and SSL_CERT_DIR. A server may show exactly one of
    /// these.
    System(Vec<CertificateDer<'static>>),
    /// These and no others.
    Only(Vec<CertificateDer<'static>>),
    /// Any certificate.
    Anyone,
}

impl Trust {
    pub fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let (verifier, given): (Arc<dyn ServerCertVerifier>, _) = match self {
            Trust::Anyone => return Ok(Arc::new(Anyone(Arc::clone(provider)))),
            Trust::System(given) => (Arc::new(Verifier::new(Arc::clone(provider))?), given),
            Trust::Only(given) => {
                let mut roots = RootCertStore::empty();
                given.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
                let builder = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots),
                    Arc::clone(provider),
                );
                let verifier = builder.build();
                (verifier.map_err(|error| Error::Other(OtherError(Arc::new(error))))?, given)
            }
        };
        Ok(Arc::new(Given { verifier, given }))
    }
}

/// Trusts whom `verifier` trusts, and servers that show exactly one of `given`.
#[derive(Debug)]
struct Given {
    verifier: Arc<dyn ServerCertVerifier>,
    given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.verifier.verify_server_cert(shown, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(bad))
                if self.given.contains(shown) && is_of_issuer_or_name(&bad) =>
            {
                check_name(shown, name)
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, shown, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, shown, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Whether webpki reports this only after it has found the dates right.
fn is_of_issuer_or_name(bad: &CertificateError) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext, UnknownIssuer};
    matches!(bad, UnknownIssuer | NotValidForName | NotValidForNameContext { .. })
        || is_ca_in_place_of_server(bad)
}

/// webpki's error for a server's certificate that calls itself a CA. rustls has no name for it.
pub fn is_ca_in_place_of_server(bad: &CertificateError) -> bool {
    matches!(bad, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

/// A certificate without subject alternative names is for its common name, as for curl.
fn check_name(shown: &CertificateDer, name: &ServerName) -> Result<ServerCertVerified, Error> {
    match verify_server_name(&ParsedCertificate::try_from(shown)?, name) {
        Ok(()) => Ok(ServerCertVerified::assertion()),
        Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) if presented.is_empty()
            && common_name(shown).is_some_and(|it| names_host(&it, &name.to_str())) =>
        {
            Ok(ServerCertVerified::assertion())
        }
        Err(error) => Err(error),
    }
}

/// Whether a common name, which may begin with `*.`, is that of the host.
fn names_host(common_name: &str, host: &str) -> bool {
    let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    match (common_name.strip_prefix("*."), host.split_once('.')) {
        // One label, and no whole top-level domain.
        (Some(domain), Some((_, of_host))) => domain.contains('.') && is(domain, of_host),
        _ => is(common_name, host),
    }
}

/// The last common name of the subject: the most specific one.
fn common_name(certificate: &CertificateDer) -> Option<String> {
    /// DER of the object identifier 2.5.4.3.
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    let mut anchor = RootCertStore::empty();
    anchor.add(certificate.clone().into_owned()).ok()?;
    let subject = &anchor.roots.first()?.subject;
    let mut found = None;
    // A sequence of sets of attributes, each a sequence of type and value (RFC 5280, 4.1.2.4).
    for set in elements(subject) {
        for attribute in elements(set) {
            if let [COMMON_NAME, value] = elements(attribute).collect::<Vec<_>>()[..] {
                found = String::from_utf8(value.to_vec()).ok();
            }
        }
    }
    found
}

/// The contents of each element of a DER sequence, up to the first that is malformed.
fn elements(mut der: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&[_, first], rest) = der.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => (usize::from(*rest.first()?), &rest[1..]),
            0x82 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), &rest[2..]),
            _ => return None,
        };
        let contents = rest.get(..length)?;
        der = &rest[length..];
        Some(contents)
    })
}

/// Takes any certificate, those too that are no X.509 of this century: it proves nothing.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_that_of_a_host_as_for_curl() {
        for (common_name, host) in [
            ("localhost", "localhost"),
            ("Lab.Example", "lab.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("*.lab.example", "a.lab.example"),
        ] {
            assert!(names_host(common_name, host), "{common_name} {host}");
        }
        for (common_name, host) in [
            ("", "localhost"),
            ("lab.example", "a.lab.example"),
            ("*.example", "lab.example"),
            ("*.lab.example", "lab.example"),
            ("*.lab.example", "a.b.lab.example"),
            ("*", "localhost"),
        ] {
            assert!(!names_host(common_name, host), "{common_name} {host}");
        }
    }

    #[test]
    fn malformed_der_ends_its_elements() {
        let der = [&[0x30, 1, 7][..], &[0x0c, 0x81, 2, 8, 9], &[0x30, 5, 1]].concat();
        assert_eq!(elements(&der).collect::<Vec<_>>(), [&[7][..], &[8, 9]]);
        for bad in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0x81], &[0x30, 0x82, 1]] {
            assert_eq!(elements(bad).count(), 0);
        }
    }
}
