//! nginx in front of a server of ours, with limits of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::folder::Folder;
use super::server::Server;
use super::wait_until;
use crate::installed::needed;

pub struct Nginx {
    process: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Nginx {
    /// Starts it with these directives for the zone and for the place. `None` if it is not installed.
    pub fn start(test: &str, zone: &str, place: &str, behind: &Server) -> Option<Nginx> {
        let program = needed("nginx")?;
        let folder = Folder::new(test);
        // nginx takes no listener of ours. A port that was free a moment ago is free, almost always.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid nginx.pid;
             error_log stderr crit;
             events {{ worker_connections 512; }}
             http {{
               access_log off; keepalive_requests 1000000; {temporary} {zone}
               server {{
                 listen {address};
                 location / {{ {place} proxy_pass http://{}; proxy_http_version 1.1; }}
               }}
             }}",
            behind.address
        );
        folder.file("nginx.conf", configuration);
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let nginx = Nginx { process, address, _folder: folder };
        wait_until("nginx listens", || TcpStream::connect(address).is_ok());
        Some(nginx)
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
