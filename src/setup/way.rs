//! How the server is reached: the proxy, the certificates that are trusted and shown, the socket.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::args::Args;
use crate::files;
use crate::http::{self, Identity, Route, Tls, Trust};
use crate::messages::say;
use crate::request::Proxy;

use super::environment;

/// The way to the server, and the TLS of its legs.
pub struct Way {
    pub route: Route,
    /// To the server, with an https URL.
    pub tls: Option<Tls>,
    /// To an https proxy. As in curl, the options for certificates are about the server alone.
    pub proxy_tls: Option<Tls>,
}

pub fn way(args: &Args) -> Result<Way> {
    let route = route(args)?;
    let is_secured = |route: &Route| matches!(route, Route::Proxy(Proxy { https: true, .. }));
    let proxy_tls = is_secured(&route).then(|| system_tls(None)).transpose()?;
    let tls = args.url.https.then(|| tls(args)).transpose()?;
    if args.reach.insecure && args.url.https {
        say("--insecure: any certificate is trusted; this may be another server");
    }
    Ok(Way { route, tls, proxy_tls })
}

/// The proxy of this run, whether the user or the environment asks for it.
pub fn route(args: &Args) -> Result<Route> {
    if let Some(path) = &args.reach.unix_socket {
        return Ok(Route::Unix(path.clone()));
    }
    if environment::needs_no_proxy(&args.url, args.reach.noproxy.as_deref()) {
        return Ok(Route::Direct);
    }
    let proxy = match &args.reach.proxy {
        Some(given) => given.clone(),
        None => environment::proxy(&args.url)?.map(|found| found.proxy),
    };
    Ok(proxy.map_or(Route::Direct, Route::Proxy))
}

/// minreq is built without proxies.
pub fn refuse_proxy(args: &Args) -> Result<()> {
    let found = environment::proxy(&args.url)?;
    if let Some(found) = found.filter(|_| !environment::needs_no_proxy(&args.url, None)) {
        let name = found.name;
        bail!("{name}: --minreq uses no proxy; unset it, or set no_proxy='*'");
    }
    Ok(())
}

fn tls(args: &Args) -> Result<Tls> {
    let identity = identity(args)?;
    if args.reach.insecure {
        return Tls::new(Trust::Anyone, identity);
    }
    match &args.reach.cacert {
        None => system_tls(identity),
        Some(file) => {
            let named = || format!("--cacert: {}", file.display());
            let pem = files::read("--cacert", "FILE", file)?;
            let given = http::certificates(&pem).with_context(named)?;
            let bad = |_| anyhow!("holds a certificate that is malformed");
            Tls::new(Trust::Only(given), identity).map_err(bad).with_context(named)
        }
    }
}

fn system_tls(identity: Option<Identity>) -> Result<Tls> {
    let given = environment::certificates()?;
    Tls::new(Trust::System(given), identity).context("TLS")
}

fn identity(args: &Args) -> Result<Option<Identity>> {
    let Some(file) = &args.reach.cert else { return Ok(None) };
    let pem = files::read("--cert", "FILE", file)?;
    let named = |option: &str, file: &Path| format!("{option}: {}", file.display());
    let certificates = http::certificates(&pem).with_context(|| named("--cert", file))?;
    let (option, file, pem) = match &args.reach.key {
        None => ("--cert", file, pem),
        Some(file) => ("--key", file, files::read("--key", "FILE", file)?),
    };
    let key = http::private_key(&pem).with_context(|| named(option, file))?;
    let identity = Identity::new(certificates, key).with_context(|| named(option, file))?;
    Ok(Some(identity))
}
