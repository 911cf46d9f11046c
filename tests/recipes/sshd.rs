//! An ssh server of the test's own on loopback, which is two machines by name, `one` and `two`. It reads
//! no file of the user's and writes none, and ends with the test.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::installed;
use crate::trial::Trial;
use crate::wait_until;

/// Another program may take the port between its choice and sshd's start.
const TRIES: usize = 5;

pub struct Sshd(Child);

impl Sshd {
    /// The trial's ssh knows it, and its commands find the same programs as the trial's.
    pub fn start(trial: &Trial) -> Self {
        for name in ["host_key", "user_key"] {
            let mut keygen =
                Command::new(installed::find("ssh-keygen").expect("it comes with ssh"));
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(trial.folder.join(name));
            assert!(keygen.status().unwrap().success());
        }
        // sshd wants this folder if it runs as root.
        let _ = fs::create_dir_all("/run/sshd");
        (0..TRIES).find_map(|_| Sshd::try_start(trial)).expect("a free port")
    }

    fn try_start(trial: &Trial) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = trial.folder.display();
        trial.write("sshd_config", server_config(trial, port));
        trial.write("ssh_config", client_config(&trial.folder, port));
        let ssh = installed::find("ssh").expect("it is needed");
        trial.command("ssh", &format!("exec {} -F {folder}/ssh_config \"$@\"", ssh.display()));
        let log = File::create(trial.folder.join("sshd.log")).unwrap();
        // sshd starts itself anew for each connection, and wants its own full path.
        let mut sshd = Command::new(installed::find("sshd").expect("it is needed"));
        sshd.args(["-D", "-e", "-f"]).arg(trial.folder.join("sshd_config"));
        let child = sshd.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut sshd = Sshd(child);
        sshd.listens(trial).then_some(sshd)
    }

    /// `false` if another program has taken the port.
    fn listens(&mut self, trial: &Trial) -> bool {
        let log = || String::from_utf8_lossy(&trial.read("sshd.log")).into_owned();
        let is_listening = || log().contains("Server listening on 127.0.0.1");
        wait_until("sshd listens", || is_listening() || self.0.try_wait().unwrap().is_some());
        assert!(is_listening() || log().contains("Address already in use"), "{}", log());
        is_listening()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Commands get the trial's PATH after a shell's start-up files have set theirs; the shell that parallel
/// starts there must not read them again.
fn server_config(trial: &Trial, port: u16) -> String {
    let folder = trial.folder.display();
    let path = trial.path().into_string().unwrap();
    let environment = format!("-u SSH_CLIENT SHELL=/bin/sh HOME={folder} PATH={path}");
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\n\
         AuthorizedKeysFile {folder}/user_key.pub\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
         PasswordAuthentication no\nMaxStartups 100\n\
         ForceCommand exec env {environment} sh -c \"$SSH_ORIGINAL_COMMAND\"\n"
    )
}

fn client_config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "Host one two\nHostName 127.0.0.1\nPort {port}\nIdentityFile {folder}/user_key\n\
         IdentitiesOnly yes\nIdentityAgent none\nStrictHostKeyChecking no\n\
         UserKnownHostsFile {folder}/known_hosts\nLogLevel ERROR\n"
    )
}
