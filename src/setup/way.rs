//! How the server is reached: the proxy, the certificates that are trusted and shown, the socket.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::args::Args;
use crate::files;
use crate::http::{self, Identity, Route, Tls, Trust, Way};
use crate::messages::say;

use super::environment;

/// `None`: minreq goes its own way.
pub fn way(args: &Args) -> Result<Option<Way>> {
    if args.minreq {
        return check_minreq(args).map(|()| None);
    }
    let route = route(args)?;
    let is_secured = matches!(&route, Route::Proxy(proxy) if proxy.url.https);
    // As in curl, the options for certificates are about the server alone.
    let proxy_tls = is_secured.then(|| system_tls(None)).transpose()?;
    let tls = args.request.url.https.then(|| tls(args)).transpose()?;
    if args.insecure && args.request.url.https {
        say("--insecure: any certificate is trusted; this may be another server");
    }
    Ok(Some(Way { route, tls, proxy_tls, timeout: args.connect_timeout }))
}

/// The proxy of this run, whether the user or the environment asks for it.
fn route(args: &Args) -> Result<Route> {
    if let Some(path) = &args.unix_socket {
        return Ok(Route::Unix(path.clone()));
    }
    if environment::needs_no_proxy(&args.request.url, args.noproxy.as_deref()) {
        return Ok(Route::Direct);
    }
    let proxy = match &args.proxy {
        Some(given) => given.clone(),
        None => environment::proxy(&args.request.url)?.map(|(_, proxy)| proxy),
    };
    Ok(proxy.map_or(Route::Direct, Route::Proxy))
}

/// minreq is built without proxies, and takes no IPv6 address.
fn check_minreq(args: &Args) -> Result<()> {
    let url = &args.request.url;
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

fn tls(args: &Args) -> Result<Tls> {
    let identity = identity(args)?;
    if args.insecure {
        return Tls::new(Trust::Anyone, identity);
    }
    let Some(file) = &args.cacert else { return system_tls(identity) };
    read("--cacert", file, |pem| {
        let given = http::certificates(pem)?;
        let bad = |_| anyhow!("holds a certificate that is malformed");
        Tls::new(Trust::Only(given), identity).map_err(bad)
    })
}

fn system_tls(identity: Option<Identity>) -> Result<Tls> {
    let given = environment::certificates()?;
    Tls::new(Trust::System(given), identity).context("TLS")
}

fn identity(args: &Args) -> Result<Option<Identity>> {
    let Some(file) = &args.cert else { return Ok(None) };
    let Some(key_file) = &args.key else {
        let both = |pem: &[u8]| Identity::new(http::certificates(pem)?, http::private_key(pem)?);
        return read("--cert", file, both).map(Some);
    };
    let certificates = read("--cert", file, http::certificates)?;
    let identity = |pem: &[u8]| Identity::new(certificates, http::private_key(pem)?);
    read("--key", key_file, identity).map(Some)
}

fn read<T>(option: &str, file: &Path, parse: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    files::read("FILE", file, parse).map_err(|error| anyhow!("{option}: {error}"))
}
