//! --cert and --key: keys of every form that openssl writes, shown to an nginx that wants one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;

use crate::installed::needed;
use crate::support::daemon::{Nginx, curl, openssl};
use crate::support::folder::Folder;
use crate::support::program::{Run, command, run_command};

/// A server that is an authority, clients' certificates by it, and their keys in every form.
const MADE: &str = "
    req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost
    genrsa -traditional -out rsa.pkcs1.key 2048
    pkcs8 -topk8 -nocrypt -in rsa.pkcs1.key -out rsa.pkcs8.key
    rsa -traditional -in rsa.pkcs1.key -out rsa.old-encrypted.key -aes128 -passout pass:secret
    pkcs8 -topk8 -in rsa.pkcs1.key -out rsa.encrypted.key -passout pass:secret
    ecparam -name prime256v1 -genkey -noout -out ec.sec1.key
    pkcs8 -topk8 -nocrypt -in ec.sec1.key -out ec.pkcs8.key
    genpkey -algorithm ed25519 -out ed.key
    req -new -key rsa.pkcs1.key -out rsa.csr -subj /CN=client
    req -new -key ec.sec1.key -out ec.csr -subj /CN=client
    req -new -key ed.key -out ed.csr -subj /CN=client
    x509 -req -in rsa.csr -CA server.pem -CAkey server.key -out rsa.pem -days 9 -extfile v3.txt
    x509 -req -in ec.csr -CA server.pem -CAkey server.key -out ec.pem -days 9 -extfile v3.txt
    x509 -req -in ed.csr -CA server.pem -CAkey server.key -out ed.pem -days 9 -extfile v3.txt
    x509 -req -in rsa.csr -CA server.pem -CAkey server.key -out old.pem -days 9";

fn made(name: &str) -> Option<Folder> {
    let folder = Folder::new(name);
    folder.file("v3.txt", "basicConstraints=CA:FALSE");
    openssl(&folder, MADE)?;
    let both = |key: &str, certificate: &str| [folder.read(key), folder.read(certificate)].concat();
    folder.file("both.pem", both("rsa.pkcs8.key", "rsa.pem"));
    folder.file("both-ec.pem", both("ec.pem", "ec.sec1.key"));
    Some(folder)
}

fn nginx(folder: &Folder, verify: &str) -> Option<Nginx> {
    let at = folder.path().display();
    let settings = format!(
        "ssl_certificate {at}/server.pem; ssl_certificate_key {at}/server.key;
         ssl_client_certificate {at}/server.pem; ssl_verify_client {verify};
         return 200 \"$ssl_client_verify $ssl_client_s_dn\";"
    );
    Nginx::start(folder, &settings)
}

fn post(folder: &Folder, options: &[&str], url: &str) -> Run {
    let common = ["-s", "1x1", "--retry-delay", "0.001", "--cacert", "server.pem"];
    let mut command = command(&[&common[..], options, &[url]].concat());
    command.current_dir(folder.path());
    run_command(command, &[0; 3])
}

#[test]
fn a_server_that_asks_is_shown_the_certificate_in_every_form_of_its_key() {
    let Some(folder) = made("identity") else { return };
    let Some(nginx) = nginx(&folder, "on") else { return };
    let url = format!("https://localhost:{}/", nginx.port);
    for options in [
        "--cert rsa.pem --key rsa.pkcs1.key",
        "--cert rsa.pem --key rsa.pkcs8.key",
        "--cert ec.pem --key ec.sec1.key",
        "--cert ec.pem --key ec.pkcs8.key",
        "--cert ed.pem --key ed.key",
        "--cert both.pem",
        "--cert both-ec.pem",
        "--cert old.pem --key rsa.pkcs1.key",
    ] {
        let options: Vec<_> = options.split(' ').collect();
        let run = post(&folder, &options, &url);
        assert_eq!(run.ok().lines(), ["SUCCESS CN=client"], "{options:?}");
        let with_curl = [&["--cacert", "server.pem"], &options[..], &[&url]].concat();
        let Some(of_curl) = curl(&with_curl, &[], folder.path()) else { return };
        assert_eq!(of_curl, (true, "SUCCESS CN=client".to_owned()), "curl: {options:?}");
    }
}

#[test]
fn a_server_that_can_do_without_a_certificate_is_content_and_another_says_so_itself() {
    let Some(folder) = made("no-identity") else { return };
    for (verify, status) in [("optional", 0), ("on", 1)] {
        let Some(server) = nginx(&folder, verify) else { return };
        let url = format!("https://localhost:{}/", server.port);
        let run = post(&folder, &[], &url);
        match status {
            0 => assert_eq!(run.ok().lines(), ["NONE "]),
            _ => drop(
                run.fails(1, "frame 0: upload: status 400; the form field with the frame is called image (-F NAME=@- changes that), or another field is missing; 1 line is out, frame 0's answer"),
            ),
        }
        let options = ["--cacert", "server.pem", &url];
        let Some((of_curl, _)) = curl(&options, &[], folder.path()) else { return };
        assert_eq!(of_curl, status == 0);
    }
}

#[test]
fn a_server_that_wants_a_certificate_in_the_handshake_is_a_failure_that_says_so() {
    let Some(folder) = made("alert") else { return };
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(&read("server.pem")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder(roots.into()).build().unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let config = rustls::ServerConfig::builder_with_protocol_versions(versions)
            .with_client_cert_verifier(verifier.clone())
            .with_single_cert(vec![certificate.clone()], key.clone_key())
            .unwrap();
        let server =
            crate::support::tls::answering(config.into(), |_| crate::support::server::ok("taken"));
        let run = post(&folder, &[], &server.https_url());
        let place = format!("localhost:{}", server.address.port());
        run.fails_at_once(&format!("{place}: the server wants a client certificate (--cert)"));
        // A server that gets none will get none the next time.
        assert_eq!(server.connections(), 1, "{versions:?}");
        let identity = ["--cert", "both.pem"];
        assert_eq!(post(&folder, &identity, &server.https_url()).ok().lines(), ["taken"]);
    }
}

/// As Apache's SSLVerifyClient of a Location asks, with TLS 1.2.
#[test]
fn a_server_that_asks_only_after_the_handshake_gets_no_certificate_and_that_is_told() {
    let Some(folder) = made("asks-later") else { return };
    let Some(openssl) = needed("openssl") else { return };
    let arguments = "s_server -accept 127.0.0.1:0 -tls1_2 -cert server.pem -key server.key";
    let mut server = Command::new(openssl)
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    let said = BufReader::new(server.stdout.take().unwrap());
    let mut said = said.lines().map_while(Result::ok);
    let address = said.find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
    let place = address.replace("127.0.0.1", "localhost");
    let asking = thread::spawn(move || {
        assert!(said.any(|line| line.starts_with("POST ")));
        input.write_all(b"R\n").unwrap();
        input
    });
    let run = post(&folder, &["--cert", "both.pem"], &format!("https://{place}/"));
    let _ = (server.kill(), server.wait(), asking.join());
    let why =
        "the server wants another handshake; a client certificate is shown in the first alone";
    run.fails_at_once(&format!("{place}: {why}"));
}

#[test]
fn files_that_hold_no_certificate_or_no_key_of_it_are_bad_usage() {
    let Some(folder) = made("bad-identity") else { return };
    folder.file("text.pem", "secret");
    let encrypted = "the key is encrypted; takes one that 'openssl pkey' has decrypted";
    for (options, why) in [
        ("--key rsa.pkcs8.key", "--key: is that of a certificate; needs --cert".to_owned()),
        ("--cert none.pem", "--cert: none.pem: no such file or directory".into()),
        ("--cert rsa.pem:secret", "--cert: this value: no such file or directory".into()),
        ("--cert text.pem", "--cert: text.pem: holds no PEM certificate".into()),
        ("--cert rsa.pem", "--cert: rsa.pem: holds no PEM private key".into()),
        ("--cert rsa.pem --key none.pem", "--key: none.pem: no such file or directory".into()),
        ("--cert rsa.pem --key rsa.pem", "--key: rsa.pem: holds no PEM private key".into()),
        (
            "--cert rsa.pem --key ec.sec1.key",
            "--key: ec.sec1.key: is not the key of the certificate".into(),
        ),
        (
            "--cert old.pem --key ec.sec1.key",
            "--key: ec.sec1.key: is not the key of the certificate".into(),
        ),
        (
            "--cert rsa.pem --key rsa.encrypted.key",
            format!("--key: rsa.encrypted.key: {encrypted}"),
        ),
        (
            "--cert rsa.pem --key rsa.old-encrypted.key",
            format!("--key: rsa.old-encrypted.key: {encrypted}"),
        ),
    ] {
        let options: Vec<_> = options.split(' ').collect();
        post(&folder, &options, "https://127.0.0.1:1/").fails(2, &why);
    }
}
