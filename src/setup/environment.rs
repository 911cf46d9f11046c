//! Environment variables: certificates, and the proxy that is not used.

use std::env;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

use crate::files;
use crate::messages::plain;
use crate::request::Url;

/// The TLS crates ignore a certificate file that they can't read, and would then trust nobody. We say so
/// first.
pub fn check_certificates() -> Result<()> {
    if let Some(file) = env::var_os("SSL_CERT_FILE") {
        ensure!(!file.is_empty(), "SSL_CERT_FILE: is set to nothing; unset it, or name a file");
        let path = Path::new(&file);
        let pem = files::read("SSL_CERT_FILE", &path.display().to_string(), path)?;
        let found = memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_some();
        ensure!(found, "SSL_CERT_FILE: {}: holds no PEM certificate", path.display());
    }
    if let Some(folders) = env::var_os("SSL_CERT_DIR") {
        // The TLS crates ignore empty ones.
        for folder in env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()) {
            let listed = folder.read_dir().map_err(|error| anyhow!(plain(&error.to_string())));
            listed.with_context(|| format!("SSL_CERT_DIR: {}", folder.display()))?;
        }
    }
    Ok(())
}

/// The variable that asks for a proxy for this URL, by curl's rules. pngpost uses none.
pub fn unused_proxy(url: &Url) -> Option<&'static str> {
    let candidates: &[&'static str] = match url.https {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let is_set = |name: &&&'static str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxy = candidates.iter().find(is_set)?;
    let exceptions = env::var("no_proxy").or_else(|_| env::var("NO_PROXY")).unwrap_or_default();
    let spares_host = |pattern: &str| {
        let pattern = pattern.trim().trim_start_matches('.').to_ascii_lowercase();
        let is_parent = || url.host.strip_suffix(&pattern).is_some_and(|rest| rest.ends_with('.'));
        pattern == "*" || (!pattern.is_empty() && (url.host == pattern || is_parent()))
    };
    (!exceptions.split(',').any(spares_host)).then_some(proxy)
}
