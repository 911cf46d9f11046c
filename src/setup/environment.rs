//! Environment variables: certificates and proxies.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

use rustls::pki_types::CertificateDer;
use rustls_native_certs::{load_certs_from_paths, load_native_certs};

use crate::files;
use crate::http;
use crate::messages::plain;
use crate::request::{Proxy, Url};

use super::no_proxy;

/// The certificates of SSL_CERT_FILE and SSL_CERT_DIR, or else the system's. The TLS crates ignore a file or folder that
/// they can't read, and would then trust nobody. We say so first.
pub fn certificates() -> Result<Vec<CertificateDer<'static>>> {
    let (file, folders) = (env::var_os("SSL_CERT_FILE"), env::var_os("SSL_CERT_DIR"));
    let mut certificates = Vec::new();
    if let Some(file) = &file {
        ensure!(!file.is_empty(), "SSL_CERT_FILE: is set to nothing; unset it, or name a file");
        let path = Path::new(file);
        certificates = files::read(&path.display().to_string(), path, http::certificates)
            .map_err(|error| anyhow!("SSL_CERT_FILE: {error}"))?;
    }
    let folders = folders.unwrap_or_default();
    for folder in env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()) {
        let listed = folder.read_dir().map_err(|error| anyhow!(plain(&error.to_string())));
        listed.with_context(|| format!("SSL_CERT_DIR: {}", folder.display()))?;
        certificates.extend(load_certs_from_paths(None, Some(&folder)).certs);
    }
    if file.is_none() && folders.is_empty() {
        certificates = load_native_certs().certs;
    }
    ensure!(
        !certificates.is_empty(),
        "TLS: there are no certificates to trust; SSL_CERT_FILE names some"
    );
    Ok(certificates)
}

/// The proxy for this URL and the variable that names it, by curl's rules: a variable that is set to nothing counts as
/// unset, and HTTP_PROXY does not count, because a CGI server sets it from a request's header.
pub fn proxy(url: &Url) -> Result<Option<(&'static str, Proxy)>> {
    let names: &[&'static str] = match url.https {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let Some((name, value)) = first_set(names) else { return Ok(None) };
    let text = value.to_str().ok_or_else(|| anyhow!("{name}: is not UTF-8"))?;
    let proxy = Proxy::parse(text).map_err(|why| anyhow!("{name}: {why}"))?;
    Ok(Some((name, proxy)))
}

/// Whether the host needs no proxy. `list` is the user's own, in the place of the environment's.
pub fn needs_no_proxy(url: &Url, list: Option<&str>) -> bool {
    let of_environment = || first_set(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value);
    let list = match list {
        Some(list) => list.to_owned(),
        None => of_environment().map_or_else(String::new, |it| it.to_string_lossy().into_owned()),
    };
    no_proxy::holds(&list, url.bare_host())
}

fn first_set(names: &[&'static str]) -> Option<(&'static str, OsString)> {
    let set = |name: &&'static str| env::var_os(name).map(|value| (*name, value));
    names.iter().filter_map(set).find(|(_, value)| !value.is_empty())
}
