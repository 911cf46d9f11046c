//! Whose certificates a server may show.
//!
//! A server that shows exactly one of the certificates that the user has given is trusted, even if that calls
//! itself a CA, as a plain `openssl req -x509` makes it, or if its own issuer is unknown. Its dates and its
//! alternative names count as for any other: webpki has checked the dates before it objects to a CA or to an
//! issuer, and the names are checked here.

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
    pub fn judge(self, provider: Arc<CryptoProvider>) -> Result<Judge, Error> {
        let (verifier, given): (Option<Arc<dyn ServerCertVerifier>>, _) = match self {
            Trust::Anyone => (None, Vec::new()),
            Trust::System(given) => (Some(Arc::new(Verifier::new(Arc::clone(&provider))?)), given),
            Trust::Only(given) => {
                let mut roots = RootCertStore::empty();
                given.iter().try_for_each(|certificate| roots.add(certificate.clone()))?;
                let (roots, provider) = (Arc::new(roots), Arc::clone(&provider));
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
                (Some(verifier.map_err(|error| Error::Other(OtherError(Arc::new(error))))?), given)
            }
        };
        Ok(Judge { verifier, given, provider })
    }
}

/// Trusts whom `verifier` trusts, and servers that show exactly one of `given`.
#[derive(Debug)]
pub struct Judge {
    /// `None` takes any certificate, those too that are no X.509 of this century: it proves nothing.
    verifier: Option<Arc<dyn ServerCertVerifier>>,
    given: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = &self.verifier else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(shown, intermediates, name, ocsp, now) {
            Err(Error::InvalidCertificate(bad))
                if self.given.contains(shown) && is_of_issuer(&bad) =>
            {
                verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
                Ok(ServerCertVerified::assertion())
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
        match &self.verifier {
            Some(verifier) => verifier.verify_tls12_signature(message, shown, signature),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.verifier {
            Some(verifier) => verifier.verify_tls13_signature(message, shown, signature),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether webpki reports this only after it has found the dates right.
fn is_of_issuer(bad: &CertificateError) -> bool {
    matches!(bad, CertificateError::UnknownIssuer) || is_ca_in_place_of_server(bad)
}

/// A server's certificate that calls itself a CA.
pub fn is_ca_in_place_of_server(bad: &CertificateError) -> bool {
    is_webpkis(bad, "CaUsedAsEndEntity")
}

/// A certificate of X.509 version 1, which has no room for alternative names.
pub fn is_of_version_1(bad: &CertificateError) -> bool {
    is_webpkis(bad, "UnsupportedCertVersion")
}

/// Whether this is an error of webpki that rustls has no name for.
fn is_webpkis(bad: &CertificateError, name: &str) -> bool {
    matches!(bad, CertificateError::Other(other) if other.to_string().contains(name))
}
