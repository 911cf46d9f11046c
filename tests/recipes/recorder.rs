//! A server between a recipe and the receiver. It passes all on byte for byte, and keeps requests and answers.
//! A script may let a request fail before it gets to the receiver.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::server::{Request, Server};

/// The answer to a request.
pub enum Answer {
    /// The receiver's.
    Receiver,
    /// This one, and the connection is closed.
    Own(&'static str),
    /// None: the connection is cut.
    Cut,
}

/// A request that the receiver has answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: Request,
    /// The receiver's JSON; null if its answer is none.
    pub seen: Value,
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name).first().copied()
    }
}

pub struct Recorder {
    pub address: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    _server: Server,
}

impl Recorder {
    /// `script` has the number of the request, from 0.
    pub fn start(receiver: &str, script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let exchanges: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let (receiver, kept, count) =
            (receiver.to_owned(), Arc::clone(&exchanges), AtomicUsize::new(0));
        let server = Server::scripted(move |_, client| {
            serve(client, |request| match script(count.fetch_add(1, Ordering::AcqRel)) {
                Answer::Cut => None,
                Answer::Own(text) => Some((text.into(), false)),
                Answer::Receiver => {
                    let response = passed_on(&request, &receiver)?;
                    let seen = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
                    // Kept first: a test that has the answer finds the exchange.
                    kept.lock().unwrap().push(Exchange { request, seen });
                    Some((bytes(&response), true))
                }
            });
        });
        Recorder { address: server.address.to_string(), exchanges, _server: server }
    }

    /// In the order in which they were answered.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }
}

/// Answers each request of a connection, and goes on if the answer says so.
fn serve(mut client: impl Read + Write, answer: impl Fn(Request) -> Option<(Vec<u8>, bool)>) {
    while let Some((bytes, goes_on)) = Request::read(&mut client).and_then(&answer) {
        if client.write_all(&bytes).is_err() || !goes_on {
            return;
        }
    }
}

/// All of it, as it came.
fn bytes(message: &Request) -> Vec<u8> {
    let head = message.head.join("\r\n") + "\r\n\r\n";
    [head.as_bytes(), &message.body].concat()
}

/// The response of the server at this address. Its head is read as that of a request is.
fn passed_on(request: &Request, address: &str) -> Option<Request> {
    let mut server = TcpStream::connect(address).ok()?;
    server.write_all(&bytes(request)).ok()?;
    Request::read(&mut server)
}

/// Passes each request on to the recorder, in origin form, and its response back.
pub fn pass_on(client: impl Read + Write, recorder: &str) {
    serve(client, |mut request| {
        request.head[0] = request.head[0].replace(&format!("http://{recorder}"), "");
        Some((bytes(&passed_on(&request, recorder)?), true))
    });
}
