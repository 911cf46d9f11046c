//! Recipes for the way to a server: a proxy, a socket, a token that expires, a key for each frame, a dry run.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::documents::Block;
use crate::recorder::{Answer, Message};
use crate::seen::{assert_lines, assert_posted};
use crate::trial::Trial;

/// Passes each request on to the recorder, in origin form, and its response back.
fn pass_on<S: std::io::Read + Write>(client: S, recorder: &str) -> Option<()> {
    let mut client = BufReader::new(client);
    while let Some(request) = Message::read(&mut client) {
        let mut bytes = request.bytes;
        let absolute = format!(" http://{recorder}");
        if request.first.contains(&absolute) {
            let method = request.first.split(' ').next()?.len();
            bytes.drain(method + 1..method + absolute.len());
        }
        let mut server = TcpStream::connect(recorder).ok()?;
        server.write_all(&bytes).ok()?;
        let response = Message::read(&mut BufReader::new(server))?;
        client.get_mut().write_all(&response.bytes).ok()?;
    }
    Some(())
}

/// The requests go to the proxy, and through it to the server.
pub fn proxy(block: &Block) {
    let trial = Trial::new(block);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (proxy, recorder) = (listener.local_addr().unwrap(), trial.recorder.address.clone());
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let recorder = recorder.clone();
            thread::spawn(move || pass_on(connection, &recorder));
        }
    });
    let (command, url) = block.text.split_once("https://").unwrap();
    let url = url.replacen("host/", &format!("http://{}/", trial.recorder.address), 1);
    let script = format!("{}{url}", command.replace("proxy:3128", &proxy.to_string()));
    assert_lines(&trial.run_script(&script).ok().lines(), &trial.pictures());
    assert_posted(&trial.recorder.exchanges(), &trial.pictures());
}

pub fn unix_socket(block: &Block) {
    let trial = Trial::new(block);
    let socket = trial.folder.join("model.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let recorder = trial.recorder.address.clone();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let recorder = recorder.clone();
            thread::spawn(move || pass_on(connection, &recorder));
        }
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
        let begin = Instant::now();
        let token = || std::fs::read_to_string(place.get().unwrap().join("token.txt")).unwrap();
        while token().contains("number 1") {
            assert!(begin.elapsed() < Duration::from_secs(60), "no new token");
            thread::sleep(Duration::from_millis(5));
        }
        Answer::Own("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    });
    folder.set(trial.folder.clone()).unwrap();
    trial.command("token", "echo x >> tokens; echo number $(wc -l < tokens)");
    let script = trial.script().replace("Bearer TOKEN", "Bearer $(token)").replace("3000", "0.3");
    let run = trial.run_script(&script);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    assert_lines(&run.lines(), &trial.pictures());
    let exchanges = trial.recorder.exchanges();
    assert_eq!(exchanges.len(), trial.pictures().len());
    let tokens: BTreeSet<_> = exchanges
        .iter()
        .map(|exchange| exchange.request.headers["authorization"].clone())
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
        exchanges.iter().map(|it| it.request.headers["idempotency-key"].clone()).collect();
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
