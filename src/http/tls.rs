//! TLS as the user wants it: whom to trust, and which certificate to show.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow, bail, ensure};
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, InconsistentKeys, SignatureScheme};

use super::certificates::Trust;

/// Makes the TLS sessions of a run.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    demand: Arc<Demand>,
}

/// A server's demand for a certificate of the client.
#[derive(Default)]
struct Demand {
    /// Whether it has asked for one and there was none to show.
    was_in_vain: AtomicBool,
    /// Whether it has taken a frame all the same.
    is_waived: AtomicBool,
}

/// A certificate of the client, with those of its issuers, and its key.
pub struct Identity(CertifiedKey);

impl Tls {
    /// The error: there are no certificates to trust, or one of them is malformed.
    pub fn new(trust: Trust, identity: Option<Identity>) -> Result<Self> {
        let provider = provider();
        let verifier = trust.verifier(&provider)?;
        let demand = Arc::<Demand>::default();
        let identity = identity.map(|identity| Arc::new(identity.0));
        let shown = Shown { identity, demand: Arc::clone(&demand) };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(shown));
        Ok(Tls { config: Arc::new(config), demand })
    }

    pub fn session(&self, name: ServerName<'static>) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), name)
    }

    /// Whether the server has asked for a certificate, there was none to show, and that may be why it fails.
    pub fn lacks_certificate(&self) -> bool {
        self.demand.was_in_vain.load(Ordering::Relaxed)
            && !self.demand.is_waived.load(Ordering::Relaxed)
    }

    /// The server has taken a frame: if it has asked for a certificate, it can do without.
    pub fn waive_certificate(&self) {
        self.demand.is_waived.store(true, Ordering::Relaxed);
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The certificates of a PEM file, at least one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| anyhow!("is not well-formed PEM"))?;
    ensure!(!certificates.is_empty(), "holds no PEM certificate");
    Ok(certificates)
}

/// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC1.
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    for mark in ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"] {
        if memchr::memmem::find(pem, mark.as_bytes()).is_some() {
            bail!("the key is encrypted; takes one that 'openssl pkey' has decrypted");
        }
    }
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => bail!("holds no PEM private key"),
        Err(_) => bail!("is not well-formed PEM"),
    }
}

impl Identity {
    /// The error: the key is of an unknown kind, or does not belong to the certificate.
    pub fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self> {
        let unknown = "is a key of a kind that is not known";
        let key = provider().key_provider.load_private_key(key).map_err(|_| anyhow!(unknown))?;
        let certified = CertifiedKey::new(certificates, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            // rustls does not look into X.509 version 1, which `openssl x509 -req` makes.
            Err(rustls::Error::InvalidCertificate(_)) if holds_key(&certified) => {}
            Err(_) => bail!("is not the key of the certificate"),
        }
        Ok(Identity(certified))
    }
}

/// Whether the public key stands in the certificate.
fn holds_key(certified: &CertifiedKey) -> bool {
    let certificate = certified.cert.first();
    let public = certified.key.public_key();
    certificate.zip(public).is_some_and(|(it, key)| memchr::memmem::find(it, &key).is_some())
}

/// The certificate that a server gets to see, if it asks for one.
struct Shown {
    identity: Option<Arc<CertifiedKey>>,
    demand: Arc<Demand>,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        if self.identity.is_none() {
            self.demand.was_in_vain.store(true, Ordering::Relaxed);
        }
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}
