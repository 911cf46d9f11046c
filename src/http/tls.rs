//! TLS as the user wants it: whom to trust, and which certificate to show.

use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection};

use super::certificates::{Judge, Trusted, is_well_formed};

/// Makes the TLS sessions of a run.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

/// A certificate of the client, with those of its issuers, and its key.
pub struct Identity(CertifiedKey);

impl Tls {
    /// `None` trusts any certificate.
    pub fn new(trusted: Option<Trusted>, identity: Option<Identity>) -> Result<Self> {
        let provider = provider();
        let judge = Judge { trusted, algorithms: provider.signature_verification_algorithms };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge));
        let config = match identity {
            Some(Identity(shown)) => {
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
            }
            None => config.with_no_client_auth(),
        };
        Ok(Tls { config: Arc::new(config) })
    }

    pub fn session(&self, name: ServerName<'static>) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), name)
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

/// The same, each of them well-formed itself.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = certificates(pem)?;
    let are_well_formed = certificates.iter().all(is_well_formed);
    ensure!(are_well_formed, "holds a certificate that is malformed");
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
        // rustls' own check does not look into X.509 version 1, which `openssl x509 -req` makes. But the public
        // key stands in a certificate of any version.
        if let (Some(certificate), Some(public)) = (certificates.first(), key.public_key()) {
            let is_of_key = memchr::memmem::find(certificate, &public).is_some();
            ensure!(is_of_key, "is not the key of the certificate");
        }
        Ok(Identity(CertifiedKey::new(certificates, key)))
    }
}
