//! The way to the server: straight, through a proxy, or through a Unix socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::request::{Proxy, Url};

use super::tls::Tls;

pub enum Route {
    Direct,
    /// An https request goes through it in a tunnel (CONNECT), an http request to it in absolute form.
    Proxy(Proxy),
    /// The URL gives Host header and path.
    Unix(PathBuf),
}

/// The way to the server, with the TLS of its legs.
pub struct Way {
    pub route: Route,
    /// To the server, with an https URL.
    pub tls: Option<Tls>,
    /// To an https proxy.
    pub proxy_tls: Option<Tls>,
    /// Until a connection is there.
    pub timeout: Duration,
    /// Once it is true, no connection is made: the run is to stop.
    pub stop: Arc<AtomicBool>,
}

/// The name of a server in messages.
pub fn place(url: &Url) -> String {
    format!("{}:{}", url.host, url.port)
}
