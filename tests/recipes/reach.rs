//! Recipes for the way to a server: a proxy, a socket, a token that expires, a key for each frame, a dry run.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;

use crate::documents::Block;
use crate::recorder::{Answer, pass_on};
use crate::seen::{assert_lines, assert_posted};
use crate::server::Server;
use crate::trial::Trial;
use crate::wait_until;

/// The requests go to the proxy, and through it to the server.
pub fn proxy(block: &Block) {
    let trial = Trial::new(block);
    let recorder = trial.recorder.address.clone();
    let proxy = Server::scripted(move |_, connection| pass_on(connection, &recorder));
    let (command, url) = block.text.split_once("https://").unwrap();
    let url = url.replacen("host/", &format!("http://{}/", trial.recorder.address), 1);
    let script = format!("{}{url}", command.replace("proxy:3128", &proxy.address.to_string()));
    assert_lines(&trial.run_script(&script).ok().lines(), &trial.pictures());
    assert_posted(&trial.recorder.exchanges(), &trial.pictures());
}

pub fn unix_socket(block: &Block) {
    let trial = Trial::new(block);
    let socket = trial.folder.path().join("model.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let recorder = trial.recorder.address.clone();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|connection| pass_on(connection, &recorder));
    });
    let script = block.text.replace("/run/model.sock", socket.to_str().unwrap());
    assert_lines(&trial.run_script(&script).ok().lines(), &trial.pictures());
    assert_posted(&trial.recorder.exchanges(), &trial.pictures());
}

/// The server turns the third request away, once the script has put the next token there.
pub fn token_that_expires(block: &Block) {
    let folder: Arc<OnceLock<PathBuf>> = Arc::default();
    let place = Arc::clone(&folder);
    let trial = Trial::with(block, &[], move |number| {
        if number != 2 {
            return Answer::Receiver;
        }
        let token = || std::fs::read_to_string(place.get().unwrap().join("token.txt")).unwrap();
        wait_until("there is a new token", || !token().contains("number 1"));
        Answer::Own("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    });
    folder.set(trial.folder.path().to_owned()).unwrap();
    trial.command("token", "echo x >> tokens; echo number $(wc -l < tokens)");
    let script = trial.script().replace("Bearer TOKEN", "Bearer $(token)").replace("3000", "0.3");
    let run = trial.run_script(&script);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    assert_lines(&run.lines(), &trial.pictures());
    let exchanges = trial.recorder.exchanges();
    assert_eq!(exchanges.len(), trial.pictures().len());
    let tokens: BTreeSet<_> = exchanges
        .iter()
        .map(|exchange| exchange.header("authorization").unwrap().to_owned())
        .collect();
    assert!(tokens.contains("Bearer number 1") && tokens.len() > 1, "{tokens:?}");
}

/// The second request is cut, and sent again under the same key.
pub fn idempotency_key(block: &Block) {
    let trial = Trial::with(block, &[], |number| match number {
        1 => Answer::Cut,
        _ => Answer::Receiver,
    });
    assert_lines(&trial.run().ok().lines(), &trial.pictures());
    let exchanges = trial.recorder.exchanges();
    let keys: Vec<_> =
        exchanges.iter().map(|it| it.header("idempotency-key").unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..trial.pictures().len()).map(|n| format!("run7-{n}")).collect();
    assert_eq!(keys, expected);
}

pub fn dry_run(block: &Block) {
    let trial = Trial::new(block);
    let run = trial.run();
    assert_eq!((run.status, run.stdout.as_slice()), (Some(0), &b""[..]), "{}", run.stderr);
    assert!(run.stderr.contains("name=\"key\": 7 bytes"), "{}", run.stderr);
    let frames = trial.pictures().len();
    assert!(run.stderr.contains(&format!("dry run: {frames} frames ({frames} of 64x64)")));
    assert!(trial.recorder.exchanges().is_empty() && !run.stderr.contains("the key"));
}
