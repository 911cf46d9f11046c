//! Whose certificates a server may show.
//!
//! A server shows exactly one of the trusted certificates, whoever has signed it and even if it calls itself a CA, as
//! a plain `openssl req -x509` makes it; or one that a trusted authority has signed. webpki asks nothing of the anchor
//! that a path leads to, so we ask of it what webpki asks of an issuer: it is a CA for servers, of X.509 version 3, and
//! within its own dates. What is no CA is trusted as it is, and signs nothing.

use std::ptr;

use memchr::memmem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::Error::{CaUsedAsEndEntity, EndEntityUsedAsCa, UnknownIssuer};
use webpki::{
    EndEntityCert, KeyUsage, RequiredEkuNotFoundContext, VerifiedPath, anchor_from_trusted_cert,
};

use super::flaws;

const USAGE: KeyUsage = KeyUsage::server_auth();

#[derive(Debug)]
pub struct Judge {
    /// `None` takes any certificate, those too that are no X.509 of this century: it proves nothing.
    pub trusted: Option<Trusted>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// The certificates that a client trusts.
#[derive(Debug)]
pub struct Trusted {
    certificates: Vec<CertificateDer<'static>>,
    /// The same in the same order, as webpki takes them.
    anchors: Vec<TrustAnchor<'static>>,
    /// What a message names to a user whose server shows another.
    remedy: &'static str,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else { return Ok(ServerCertVerified::assertion()) };
        let server = EndEntityCert::try_from(shown).map_err(flaws::of_server)?;
        let is_trusted = trusted.certificates.contains(shown);
        // Its dates, then that it is no CA, then its purpose: what is wrong besides that nobody has signed it?
        match server.verify_for_usage(&[], &[], &[], now, USAGE, None, None) {
            Ok(_) | Err(UnknownIssuer) if is_trusted => {}
            Ok(_) | Err(UnknownIssuer) => {
                let signed = trusted.verify_signers(&server, intermediates, now, self.algorithms);
                signed.map_err(|error| flaws::of_signer(error, trusted.remedy))?;
            }
            Err(CaUsedAsEndEntity) if is_trusted => {
                check_purpose(shown).map_err(flaws::of_server)?
            }
            Err(CaUsedAsEndEntity) => return Err(flaws::of_ca(trusted.remedy)),
            Err(error) => return Err(flaws::of_server(error)),
        }
        server.verify_is_valid_for_subject_name(name).map_err(flaws::of_server)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.trusted {
            Some(_) => verify_tls12_signature(message, shown, signature, &self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.trusted {
            Some(_) => verify_tls13_signature(message, shown, signature, &self.algorithms),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Trusted {
    /// Certificates that are malformed count for nothing.
    pub fn new(given: Vec<CertificateDer<'static>>, remedy: &'static str) -> Self {
        let parsed = |it| Some((anchor_from_trusted_cert(&it).ok()?.to_owned(), it));
        let (anchors, certificates) = given.into_iter().filter_map(parsed).unzip();
        Trusted { certificates, anchors, remedy }
    }

    /// A trusted authority has signed this certificate, perhaps by way of the intermediates.
    fn verify_signers(
        &self,
        server: &EndEntityCert,
        intermediates: &[CertificateDer],
        now: UnixTime,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<(), webpki::Error> {
        let (algorithms, anchors) = (algorithms.all, &self.anchors);
        let check = |path: &VerifiedPath| self.check_anchor(path, now);
        let check = Some(&check as &dyn Fn(&VerifiedPath) -> Result<(), webpki::Error>);
        server
            .verify_for_usage(algorithms, anchors, intermediates, now, USAGE, None, check)
            .map(drop)
    }

    /// The anchor that this path leads to must pass as one of the issuers on it.
    fn check_anchor(&self, path: &VerifiedPath, now: UnixTime) -> Result<(), webpki::Error> {
        // This very anchor: a renewed authority has the name and the key of its former self.
        let mut both = self.certificates.iter().zip(&self.anchors);
        let found = both.find(|(_, anchor)| ptr::eq(*anchor, path.anchor()));
        let (authority, _) = found.ok_or(EndEntityUsedAsCa)?;
        let issuers = path.intermediate_certificates().map(|issuer| issuer.der());
        let issuers: Vec<_> = issuers.chain([authority.clone()]).collect();
        if !issuers.iter().all(|issuer| may_sign(issuer)) {
            return Err(EndEntityUsedAsCa);
        }
        match path.end_entity().verify_for_usage(&[], &[], &issuers, now, USAGE, None, None) {
            // Nothing is wrong with any of them: there was no anchor to find.
            Err(UnknownIssuer) => Ok(()),
            result => result.map(drop),
        }
    }
}

/// Whether this is a certificate at all.
pub fn is_well_formed(certificate: &CertificateDer) -> bool {
    anchor_from_trusted_cert(certificate).is_ok()
}

/// An extended key usage, if there is one, allows server authentication. webpki objects to a CA before it looks at this.
fn check_purpose(certificate: &[u8]) -> Result<(), webpki::Error> {
    const SERVER_AUTHENTICATION: &[u8] = &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    match extension(certificate, 37) {
        Some(usage) if memmem::find(usage, SERVER_AUTHENTICATION).is_none() => {
            let bad = RequiredEkuNotFoundContext { required: USAGE, present: Vec::new() };
            Err(webpki::Error::RequiredEkuNotFoundContext(bad))
        }
        _ => Ok(()),
    }
}

/// Whether a key usage, if there is one, allows to sign certificates. webpki does not look at it.
fn may_sign(certificate: &[u8]) -> bool {
    const KEY_CERT_SIGN: u8 = 1 << 2;
    // An octet string that holds a bit string: its length, the number of unused bits, the bits.
    match extension(certificate, 15) {
        Some([4, _, 3, _, _, bits, ..]) => bits & KEY_CERT_SIGN != 0,
        _ => true,
    }
}

/// What stands behind the identifier of this extension (RFC 5280, 4.2.1), and behind its mark of being critical. Nothing
/// else in a certificate looks like the identifier.
fn extension(certificate: &[u8], number: u8) -> Option<&[u8]> {
    let id = [6, 3, 0x55, 0x1d, number];
    let value = &certificate[memmem::find(certificate, &id)? + id.len()..];
    Some(value.strip_prefix(&[1, 1, 0xff]).unwrap_or(value))
}
