//! How the server is reached: the proxy, the certificates that are trusted and shown, the socket.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};

use crate::args::Reach;
use crate::files;
use crate::http::{self, Identity, Route, Tls, Trusted, Way};
use crate::messages::{say, shown};
use crate::request::Url;

use super::environment;

/// The default of --connect-timeout. In curl's own 300 s, a server that drops packets would cost five minutes an
/// attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The way to the server of this URL.
pub fn way(reach: &Reach, url: &Url, stop: Arc<AtomicBool>) -> Result<Way> {
    let route = route(reach, url)?;
    let is_secured = matches!(&route, Route::Proxy(proxy) if proxy.url.https);
    // As in curl, the options for certificates are about the server alone.
    let tls_of_proxy = || Tls::new(Some(system("SSL_CERT_FILE")?), None);
    let proxy_tls = is_secured.then(tls_of_proxy).transpose()?;
    let tls = url.https.then(|| tls(reach)).transpose()?;
    if reach.insecure && url.https {
        say("--insecure: any certificate is trusted; this may be another server");
    }
    let timeout = reach.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    Ok(Way { route, tls, proxy_tls, timeout, stop })
}

/// The proxy of this run, whether the user or the environment asks for it.
fn route(reach: &Reach, url: &Url) -> Result<Route> {
    if let Some(path) = &reach.unix_socket {
        return Ok(Route::Unix(path.clone()));
    }
    if environment::needs_no_proxy(url, reach.noproxy.as_deref()) {
        return Ok(Route::Direct);
    }
    let proxy = match &reach.proxy {
        Some(given) => given.clone(),
        None => environment::proxy(url)?.map(|(_, proxy)| proxy),
    };
    Ok(proxy.map_or(Route::Direct, Route::Proxy))
}

/// minreq goes its own way: it is built without proxies, and takes no IPv6 address.
pub fn check_minreq(url: &Url) -> Result<()> {
    let found = environment::proxy(url)?;
    if let Some((name, _)) = found.filter(|_| !environment::needs_no_proxy(url, None)) {
        bail!("{name}: --minreq uses no proxy; unset it, or set no_proxy='*'");
    }
    if url.https {
        environment::certificates()?;
    }
    ensure!(!url.host.starts_with('['), "URL: --minreq takes no IPv6 address; use a host name");
    Ok(())
}

fn tls(reach: &Reach) -> Result<Tls> {
    let identity = identity(reach)?;
    let trusted = match &reach.cacert {
        _ if reach.insecure => None,
        None => Some(system("--cacert")?),
        Some(file) => {
            let given = read("--cacert", file, http::authorities)?;
            Some(Trusted::new(given, "the file of --cacert holds neither it nor its signer"))
        }
    };
    Tls::new(trusted, identity)
}

fn system(remedy: &'static str) -> Result<Trusted> {
    Ok(Trusted::new(environment::certificates()?, remedy))
}

fn identity(reach: &Reach) -> Result<Option<Identity>> {
    let Some(file) = &reach.cert else { return Ok(None) };
    let Some(key_file) = &reach.key else {
        let both = |pem: &[u8]| Identity::new(http::certificates(pem)?, http::private_key(pem)?);
        return read("--cert", file, both).map(Some);
    };
    let certificates = read("--cert", file, http::certificates)?;
    let identity = |pem: &[u8]| Identity::new(certificates, http::private_key(pem)?);
    read("--key", key_file, identity).map(Some)
}

fn read<T>(option: &str, file: &Path, parse: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    files::read(&shown(file.as_os_str()), file, parse).map_err(|error| anyhow!("{option}: {error}"))
}
