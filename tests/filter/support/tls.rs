//! A TLS server over rustls, with certificates made for the test.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::server::{Request, Server};

/// A certificate authority, and its certificate in a PEM file for SSL_CERT_FILE.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub file: PathBuf,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = format!("pngpost-{name}-{}-{number}.pem", std::process::id());
        let file = std::env::temp_dir().join(file);
        std::fs::write(&file, issuer.pem()).unwrap();
        Authority { issuer, file }
    }

    /// A server that shows a certificate for localhost.
    pub fn server(&self) -> Arc<ServerConfig> {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }

    /// The program, which trusts this authority and no other.
    pub fn trusted_by(&self, mut program: Command) -> Command {
        program.env("SSL_CERT_FILE", &self.file);
        program
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Reads each request whole and writes the answer to it, on connections that stay.
pub fn answering(
    config: Arc<ServerConfig>,
    answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static,
) -> Server {
    Server::scripted(move |_, connection| {
        let mut stream = accept(&config, connection);
        while let Some(request) = Request::read(&mut stream) {
            stream.write_all(&answer(&request)).unwrap();
        }
    })
}

/// TLS over a connection that has been accepted.
pub fn accept(
    config: &Arc<ServerConfig>,
    connection: TcpStream,
) -> StreamOwned<ServerConnection, TcpStream> {
    // Otherwise an answer waits for the acknowledgement of the session tickets, and a reset overtakes it.
    connection.set_nodelay(true).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), connection)
}

/// Ends the TLS stream properly.
pub fn close(stream: &mut StreamOwned<ServerConnection, TcpStream>) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
}
