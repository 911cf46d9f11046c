//! The manual's self-signed certificate: pngpost trusts it, and refuses the one that the manual warns of.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::documents::Block;
use crate::program::Run;
use crate::recorder::pass_on;
use crate::seen::{Picture, assert_lines};
use crate::server::Server;
use crate::trial::Trial;

pub fn trusted(block: &Block) {
    let trial = Trial::new(block);
    make(&trial, &block.text);
    let server = tls_server(&trial);
    let port = server.address.port();
    let pictures = Picture::all(64, 64, &trial.read("frames.rgb"));
    for options in ["", "--minreq"] {
        for host in ["localhost", "127.0.0.1"] {
            let run = post(&trial, options, &format!("https://{host}:{port}/"));
            assert_lines(&run.ok().lines(), &pictures);
        }
    }
    let authority = block.text.replace(" \\\n    -addext basicConstraints=critical,CA:FALSE", "");
    assert_ne!(authority, block.text);
    make(&trial, &authority);
    let server = tls_server(&trial);
    let url = server.https_url();
    assert_lines(&post(&trial, "", &url).ok().lines(), &pictures);
    let run = post(&trial, "--minreq", &url);
    let is_told = run.stderr.contains("calls itself a CA");
    assert!(run.status == Some(1) && is_told, "{}", run.stderr);
}

/// A certificate as the recipe's command makes it, and a stranger's.
pub fn of_a_lab(block: &Block) {
    let trial = Trial::new(block);
    let lab = "openssl req -x509 -addext subjectAltName=DNS:localhost -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=lab";
    make(&trial, lab);
    let server = tls_server(&trial);
    let script = block.text.replace("https://host/", &server.https_url());
    assert_lines(&trial.run_script(&script).ok().lines(), &trial.pictures());
    make(&trial, lab);
    assert_eq!(trial.run_script(&script).status, Some(1));
}

/// openssl's own word about its work goes to stderr.
fn make(trial: &Trial, script: &str) {
    let run = trial.run_script(script);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
}

fn post(trial: &Trial, options: &str, url: &str) -> Run {
    let command = format!("pngpost -s 64x64 {options} {url} < frames.rgb");
    trial.run_script(&format!("SSL_CERT_FILE=cert.pem {command}"))
}

/// The receiver behind the certificate, as that is now.
fn tls_server(trial: &Trial) -> Server {
    let certificate = CertificateDer::from_pem_slice(&trial.read("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&trial.read("key.pem")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
    let receiver = trial.recorder.address.clone();
    Server::scripted(move |_, connection| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        pass_on(StreamOwned::new(session, connection), &receiver);
    })
}
