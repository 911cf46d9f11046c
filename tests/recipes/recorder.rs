//! A server between a recipe and the receiver. It passes all on byte for byte, and keeps requests and answers.
//! A script may let a request fail before it gets to the receiver.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// The answer to a request.
pub enum Answer {
    /// The receiver's.
    Receiver,
    /// This one, and the connection is closed.
    Own(&'static str),
    /// None: the connection is cut.
    Cut,
}

/// A request or a response: its first line, its headers by names in lower case, and its body.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub first: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// All of it, as it came.
    pub bytes: Vec<u8>,
}

impl Message {
    /// `None` if the connection ends first.
    pub fn read(reader: &mut impl BufRead) -> Option<Message> {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|&count| count > 0)?;
            message.bytes.extend(line.as_bytes());
            match line.trim_end_matches(['\r', '\n']) {
                "" => break,
                line if message.first.is_empty() => message.first = line.to_owned(),
                line => {
                    let (name, value) = line.split_once(':').expect("a header");
                    message.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
            }
        }
        let length = message.headers.get("content-length").and_then(|length| length.parse().ok());
        message.body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut message.body).ok()?;
        message.bytes.extend(&message.body);
        Some(message)
    }

    pub fn closes(&self) -> bool {
        self.headers.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A request that the receiver has answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: Message,
    /// The receiver's JSON; null if its answer is none.
    pub seen: Value,
}

pub struct Recorder {
    pub address: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

type Script = dyn Fn(usize) -> Answer + Send + Sync;

impl Recorder {
    /// `script` has the number of the request, from 0.
    pub fn start(receiver: &str, script: Box<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let exchanges: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let (receiver, script, kept) =
            (receiver.to_owned(), Arc::new(script), Arc::clone(&exchanges));
        let count = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (receiver, script) = (receiver.clone(), Arc::clone(&script));
                let (kept, count) = (Arc::clone(&kept), Arc::clone(&count));
                thread::spawn(move || serve(connection, &receiver, &**script, &count, &kept));
            }
        });
        Recorder { address, exchanges }
    }

    /// In the order in which they were answered.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }
}

/// One connection, to its end. `None` if it ends early.
fn serve(
    mut client: TcpStream,
    receiver: &str,
    script: &Script,
    count: &AtomicUsize,
    kept: &Mutex<Vec<Exchange>>,
) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    loop {
        let request = Message::read(&mut reader)?;
        match script(count.fetch_add(1, Ordering::AcqRel)) {
            Answer::Cut => return None,
            Answer::Own(text) => return client.write_all(text.as_bytes()).ok(),
            Answer::Receiver => {}
        }
        let mut server = TcpStream::connect(receiver).ok()?;
        server.write_all(&request.bytes).ok()?;
        let response = Message::read(&mut BufReader::new(server))?;
        let seen = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        let ends = request.closes() || response.closes();
        // Kept first: a test that has the answer finds the exchange.
        kept.lock().unwrap().push(Exchange { request, seen });
        client.write_all(&response.bytes).ok()?;
        if ends {
            return Some(());
        }
    }
}
