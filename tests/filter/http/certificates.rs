//! Certificates of servers, made by openssl and shown by nginx: pngpost trusts those that curl trusts.

use crate::support::daemon::{Nginx, curl, openssl};
use crate::support::folder::Folder;
use crate::support::program::{Run, command, run, run_command};

/// An authority, a server's certificate by it, and servers' own: a CA with a common name alone, as the plainest
/// command makes it, one with names of its own, one for another host, one that is no CA, one that has expired and a
/// CA that has; and one of version 1, as old commands make it. Then, with the authority's own name and key: one that
/// has expired, one that is no CA, one whose key may not sign, one for clients, one of version 1. Then servers' own for
/// clients alone, one with a wildcard for what is an address, and authorities with a weak key and of an unknown kind.
/// Last an authority below the first whose key may not sign.
const MADE: &str = "
    req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 9 -subj /CN=authority
    req -newkey rsa:2048 -nodes -keyout key.pem -out leaf.csr -subj /CN=localhost
    x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -out leaf.pem -days 9 -extfile localhost.txt
    req -x509 -key key.pem -out plain.pem -days 9 -subj /CN=localhost
    req -x509 -key key.pem -out named.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    req -x509 -key key.pem -out other.pem -days 9 -subj /CN=localhost -addext subjectAltName=DNS:other.example
    req -x509 -key key.pem -out server.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE
    x509 -req -in leaf.csr -signkey key.pem -out expired.pem -days -1 -extfile localhost.txt
    x509 -req -in leaf.csr -signkey key.pem -out expired-ca.pem -days -1 -extfile ca.txt
    x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -out old.pem -days 9
    req -new -key ca.key -out ca.csr -subj /CN=authority
    x509 -req -in ca.csr -signkey ca.key -out ca-expired.pem -days -1 -extfile ca.txt
    x509 -req -in ca.csr -signkey ca.key -out ca-none.pem -days 9 -extfile localhost.txt
    req -x509 -key ca.key -out ca-usage.pem -days 9 -subj /CN=authority -addext keyUsage=critical,digitalSignature
    req -x509 -key ca.key -out ca-clients.pem -days 9 -subj /CN=authority -addext extendedKeyUsage=clientAuth
    x509 -req -in ca.csr -signkey ca.key -out ca-old.pem -days 9
    req -x509 -key key.pem -out clients.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost -addext extendedKeyUsage=clientAuth -addext basicConstraints=critical,CA:FALSE
    req -x509 -key key.pem -out clients-ca.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost -addext extendedKeyUsage=clientAuth
    req -x509 -key key.pem -out servers-ca.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:localhost -addext extendedKeyUsage=clientAuth,serverAuth
    req -x509 -key key.pem -out wild.pem -days 9 -subj /CN=x -addext subjectAltName=DNS:*.0.0.1,DNS:127.0.0.1
    req -x509 -newkey rsa:1024 -nodes -keyout weak.key -out weak.pem -days 9 -subj /CN=weak
    x509 -req -in leaf.csr -CA weak.pem -CAkey weak.key -out by-weak.pem -days 9 -extfile localhost.txt
    ecparam -name secp256k1 -genkey -noout -out curve.key
    req -x509 -key curve.key -out curve.pem -days 9 -subj /CN=curve
    x509 -req -in leaf.csr -CA curve.pem -CAkey curve.key -out by-curve.pem -days 9 -extfile localhost.txt
    req -newkey rsa:2048 -nodes -keyout below.key -out below.csr -subj /CN=below
    x509 -req -in below.csr -CA ca.pem -CAkey ca.key -out below.pem -days 9 -extfile usage.txt
    x509 -req -in leaf.csr -CA below.pem -CAkey below.key -out by-below.pem -days 9 -extfile localhost.txt";

fn made(name: &str) -> Option<Folder> {
    let folder = Folder::new(name);
    folder.file("localhost.txt", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    folder.file("ca.txt", "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:TRUE");
    folder.file("usage.txt", "basicConstraints=CA:TRUE\nkeyUsage=digitalSignature");
    openssl(&folder, MADE)?;
    let read = |name: &str| folder.read(name);
    folder.file(
        "several.pem",
        [read("ca.pem"), b"text between\n".to_vec(), read("named.pem")].concat(),
    );
    folder.file("renewed.pem", [read("ca-expired.pem"), read("ca.pem")].concat());
    folder.file("below-chain.pem", [read("by-below.pem"), read("below.pem")].concat());
    Some(folder)
}

fn showing(folder: &Folder, certificate: &str) -> Option<Nginx> {
    let at = folder.path().display();
    let settings = format!(
        "ssl_certificate {at}/{certificate}; ssl_certificate_key {at}/key.pem; return 200 taken;"
    );
    Nginx::start(folder, &settings)
}

/// A message that tells of no attempts tells of one: a wrong certificate is never tried again.
fn post(folder: &Folder, options: &[&str], url: &str) -> Run {
    let common = ["-s", "1x1", "--retry-all-errors", "--retry-delay", "0.001"];
    let mut command = command(&[&common[..], options, &[url]].concat());
    command.current_dir(folder.path());
    run_command(command, &[0; 3])
}

#[test]
fn a_server_is_trusted_as_curl_trusts_it() {
    let Some(folder) = made("trusted") else { return };
    // The server's certificate, the given one, the host, and what is wrong.
    let name = "certificate is not for this host name";
    let nobody = "certificate is signed by nobody who is trusted \
                  (the file of --cacert holds neither it nor its signer)";
    let authority = "certificate is not trusted; if it is the server's own, trust a copy of it \
                     (the file of --cacert holds neither it nor its signer)";
    let expired = "certificate has expired";
    let no_ca = "certificate is signed by one that is no CA";
    let clients = "certificate is not for servers, by its extended key usage";
    let by = |what: &str| format!("certificate is signed by an authority that {what}");
    let weak = "certificate is not the trusted one of that name \
                (the file of --cacert holds neither it nor its signer), \
                or its key is weak (RSA under 2048 bits)";
    let unknown = "certificate is signed with an algorithm that is weak or not known";
    for (shown, given, host, cause) in [
        ("leaf.pem", "ca.pem", "localhost", ""),
        ("leaf.pem", "ca.pem", "127.0.0.1", ""),
        ("leaf.pem", "several.pem", "localhost", ""),
        ("leaf.pem", "named.pem", "localhost", nobody),
        // Exactly this one, whoever has signed it.
        ("leaf.pem", "leaf.pem", "localhost", ""),
        ("named.pem", "named.pem", "localhost", ""),
        ("named.pem", "named.pem", "127.0.0.1", ""),
        ("named.pem", "several.pem", "localhost", ""),
        ("named.pem", "ca.pem", "localhost", authority),
        ("server.pem", "server.pem", "localhost", ""),
        ("server.pem", "server.pem", "127.0.0.1", name),
        // With an alternative name, the common one does not count.
        ("other.pem", "other.pem", "localhost", name),
        ("expired.pem", "expired.pem", "localhost", expired),
        ("expired-ca.pem", "expired-ca.pem", "localhost", expired),
        // An authority's own dates and purpose count, and what is no CA signs nothing.
        ("leaf.pem", "ca-expired.pem", "localhost", &by("has expired")),
        ("leaf.pem", "renewed.pem", "localhost", ""),
        ("leaf.pem", "ca-none.pem", "localhost", no_ca),
        ("leaf.pem", "ca-usage.pem", "localhost", no_ca),
        ("leaf.pem", "ca-clients.pem", "localhost", &by("is not for servers")),
        ("leaf.pem", "ca-old.pem", "localhost", no_ca),
        ("below-chain.pem", "ca.pem", "localhost", no_ca),
        ("clients.pem", "clients.pem", "localhost", clients),
        ("clients-ca.pem", "clients-ca.pem", "localhost", clients),
        ("servers-ca.pem", "servers-ca.pem", "localhost", ""),
        ("wild.pem", "wild.pem", "127.0.0.1", name),
        ("by-weak.pem", "weak.pem", "localhost", weak),
        ("by-curve.pem", "curve.pem", "localhost", unknown),
    ] {
        let Some(nginx) = showing(&folder, shown) else { return };
        let place = format!("{host}:{}", nginx.port);
        let url = format!("https://{place}/");
        let run = post(&folder, &["--cacert", given], &url);
        match cause {
            "" => assert_eq!(run.ok().lines(), ["taken"], "{shown} {given} {host}"),
            cause => drop(run.fails_at_once(&format!("{place}: {cause}"))),
        }
        let Some((of_curl, _)) = curl(&["--cacert", given, &url], &[], folder.path()) else {
            return;
        };
        // curl takes an authority of version 1, and knows more curves.
        let is_good = cause.is_empty() || ["ca-old.pem", "curve.pem"].contains(&given);
        assert_eq!(of_curl, is_good, "curl: {shown} {given} {host}");
    }
}

/// curl takes the common name.
#[test]
fn a_certificate_without_alternative_names_is_refused_with_the_option_that_makes_a_better_one() {
    let Some(folder) = made("nameless") else { return };
    let gives = |name| {
        format!("has no alternative name; openssl's -addext subjectAltName={name} gives it one")
    };
    let newer =
        "is of X.509 version 1; openssl's -addext subjectAltName=DNS:host makes a newer one";
    for (shown, given, host, cause) in [
        ("plain.pem", "plain.pem", "localhost", gives("DNS:localhost")),
        ("plain.pem", "plain.pem", "127.0.0.1", gives("IP:127.0.0.1")),
        ("old.pem", "old.pem", "localhost", newer.to_owned()),
        ("old.pem", "ca.pem", "localhost", newer.to_owned()),
    ] {
        let Some(nginx) = showing(&folder, shown) else { return };
        let place = format!("{host}:{}", nginx.port);
        let run = post(&folder, &["--cacert", given], &format!("https://{place}/"));
        run.fails_at_once(&format!("{place}: certificate {cause}"));
    }
}

#[test]
fn ssl_cert_file_trusts_these_too_and_cacert_takes_its_place() {
    let Some(folder) = made("environment") else { return };
    let it = "is not trusted; if it is the server's own, trust a copy of it";
    let neither = "the file of --cacert holds neither it nor its signer";
    for (shown, file, options, cause) in [
        ("named.pem", "named.pem", &[][..], ""),
        ("named.pem", "ca.pem", &["--cacert", "named.pem"], ""),
        ("named.pem", "ca.pem", &[], &format!("{it} (--cacert)")),
        ("named.pem", "named.pem", &["--cacert", "ca.pem"], &format!("{it} ({neither})")),
        ("leaf.pem", "ca.pem", &[], ""),
        ("leaf.pem", "ca-none.pem", &[], "is signed by one that is no CA"),
        ("leaf.pem", "named.pem", &[], "is signed by nobody who is trusted (--cacert)"),
    ] {
        let Some(nginx) = showing(&folder, shown) else { return };
        let place = format!("localhost:{}", nginx.port);
        let url = format!("https://{place}/");
        let mut command = command(&[&["-s", "1x1", "--retry", "0"], options, &[&url]].concat());
        command.current_dir(folder.path()).env("SSL_CERT_FILE", folder.path().join(file));
        let run = run_command(command, &[0; 3]);
        match cause {
            "" => drop(run.ok()),
            cause => drop(run.fails_at_once(&format!("{place}: certificate {cause}"))),
        }
    }
}

#[test]
fn insecure_takes_any_certificate_and_says_so_once() {
    let Some(folder) = made("insecure") else { return };
    for shown in ["expired.pem", "other.pem", "old.pem", "plain.pem"] {
        let Some(nginx) = showing(&folder, shown) else { return };
        let url = format!("https://localhost:{}/", nginx.port);
        let said = "pngpost: --insecure: any certificate is trusted; this may be another server\n";
        for (options, said) in [(&["-k"][..], said), (&["--insecure", "-q"], "")] {
            let arguments = [&["-s", "1x1", "-j", "2"], options, &[&url]].concat();
            let run = run(&arguments, &[0; 9]);
            assert_eq!((run.status, run.stderr.as_str(), run.lines().len()), (Some(0), said, 3));
        }
        let Some((of_curl, _)) = curl(&["-k", &url], &[], folder.path()) else { return };
        assert!(of_curl, "{shown}");
    }
}

#[test]
fn a_file_of_certificates_that_is_none_is_bad_usage() {
    let folder = Folder::new("no-certificates");
    folder.file("empty.pem", "");
    folder.file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    for (file, why) in [
        ("none.pem", "none.pem: no such file or directory"),
        ("empty.pem", "empty.pem: holds no PEM certificate"),
        ("broken.pem", "broken.pem: holds a certificate that is malformed"),
        ("cut.pem", "cut.pem: is not well-formed PEM"),
    ] {
        let run = post(&folder, &["--cacert", file], "https://127.0.0.1:1/");
        run.fails(2, &format!("--cacert: {why}"));
    }
}
