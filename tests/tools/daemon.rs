//! Servers and proxies that we did not write, in a folder of their own, until they are dropped.

use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::installed::needed;

use super::folder::Folder;
use super::wait_until;

pub struct Daemon(Child);

impl Daemon {
    fn start(command: &mut Command) -> Self {
        Daemon(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// nginx with one server that listens on a port and on a Unix socket in the folder, `nginx.sock`.
pub struct Nginx {
    pub port: u16,
    _daemon: Daemon,
}

impl Nginx {
    /// `settings` are those of the server; with `ssl_certificate` among them, it speaks TLS. `None`: it is not
    /// installed.
    pub fn start(folder: &Folder, settings: &str) -> Option<Self> {
        Nginx::limiting(folder, "", settings)
    }

    /// The same with a zone of its limits.
    pub fn limiting(folder: &Folder, zone: &str, settings: &str) -> Option<Self> {
        let nginx = needed("nginx")?;
        let at = folder.path().display();
        let ssl = if settings.contains("ssl_certificate") { "ssl" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .join(" ");
        let socket = folder.path().join("nginx.sock");
        let (daemon, port) = on_a_free_port(|port| {
            let config = format!(
                "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/nginx.errors;
                 events {{}}
                 http {{ access_log off; client_max_body_size 0; {temporary} {zone}
                 server {{ listen 127.0.0.1:{port} {ssl}; listen unix:{at}/nginx.sock {ssl};
                 {settings} }} }}"
            );
            let file = folder.file("nginx.conf", config);
            // One that was killed has left it there.
            let _ = std::fs::remove_file(&socket);
            let mut command = Command::new(&nginx);
            command.args(["-c", &file, "-p"]).arg(folder.path());
            command
        });
        wait_until("nginx listens", || UnixStream::connect(&socket).is_ok());
        Some(Nginx { port, _daemon: daemon })
    }
}

/// Starts a server that can't say which port it has got: looks for a free one until it can have it.
fn on_a_free_port(command: impl Fn(u16) -> Command) -> (Daemon, u16) {
    for _ in 0..20 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut daemon = Daemon::start(&mut command(port));
        let mut is_up = false;
        wait_until("it listens", || {
            is_up = TcpStream::connect(("127.0.0.1", port)).is_ok();
            is_up || daemon.0.try_wait().unwrap().is_some()
        });
        if is_up && daemon.0.try_wait().unwrap().is_none() {
            return (daemon, port);
        }
    }
    panic!("there is no free port");
}

/// tinyproxy, which lets CONNECT through to the ports in `tunnels` alone.
pub struct TinyProxy {
    pub port: u16,
    _daemon: Daemon,
}

impl TinyProxy {
    /// `user`: `NAME PASSWORD` of basic authentication, if it wants one.
    pub fn start(folder: &Folder, user: Option<&str>, tunnels: &[u16]) -> Option<Self> {
        let tinyproxy = needed("tinyproxy")?;
        let (daemon, port) = on_a_free_port(|port| {
            let user = user.map_or_else(String::new, |user| format!("BasicAuth {user}\n"));
            let tunnels = tunnels.iter().map(|port| format!("ConnectPort {port}\n"));
            let config = format!(
                "Port {port}\nListen 127.0.0.1\nTimeout 60\nLogLevel Critical\n\
                 LogFile \"/dev/null\"\nMaxClients 100\nAllow 127.0.0.1\n{user}{}",
                tunnels.collect::<String>()
            );
            let file = folder.file("tinyproxy.conf", config);
            let mut command = Command::new(&tinyproxy);
            command.args(["-d", "-c", &file]);
            command
        });
        Some(TinyProxy { port, _daemon: daemon })
    }
}

/// Certificates and keys by openssl, in the folder.
pub fn openssl(folder: &Folder, script: &str) -> Option<()> {
    let openssl = needed("openssl")?;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut command = Command::new(&openssl);
        command.args(line.split_whitespace()).current_dir(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Some(())
}

/// Whether curl gets a 2xx for a POST with these arguments, and the answer. Nothing of the environment.
pub fn curl(
    arguments: &[&str],
    environment: &[(&str, &str)],
    folder: &Path,
) -> Option<(bool, String)> {
    let mut command = Command::new(needed("curl")?);
    command.args(["-q", "-sS", "--fail-with-body", "-m", "20", "--data-binary", "@-"]);
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}
