//! What stands around the parts that are tried: as much of it as they name.

pub mod encode {
    pub struct Encoder;
}

pub mod frame {
    use std::time::Instant;

    pub struct Frame {
        pub number: u64,
        pub bytes: Vec<u8>,
        pub read_at: Instant,
    }
}

pub mod headers {
    use std::sync::Arc;

    pub struct Headers;

    pub struct Current {
        pub list: Vec<()>,
    }

    impl Headers {
        pub fn current(&self) -> Arc<Current> {
            Arc::new(Current { list: Vec::new() })
        }

        pub fn renew(&self, _: u64, _: &Arc<Current>, _: impl Fn() -> bool) -> bool {
            false
        }
    }
}

pub mod http {
    use std::time::Duration;

    use crate::request::Body;

    /// Plays the server.
    pub struct Client(pub Box<dyn Fn(u64) -> Result<Response, Failure> + Send + Sync>);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Outcome {
        NeverSent,
        Away,
        NoRoom,
        RefusedForNow,
        Unknown,
        HungUp,
        Refused,
    }

    #[derive(Debug)]
    pub struct Failure {
        pub outcome: Outcome,
        pub has_sent: bool,
        pub cause: String,
        pub retry_after: Option<Duration>,
    }

    /// 200 or 503. The body is the number of the frame.
    #[derive(Debug, Default)]
    pub struct Response {
        pub status: u16,
        pub retry_after: Option<Duration>,
        pub body: u64,
    }

    impl Client {
        pub fn fetching<T>(&self, _frame: u64, fetch: impl FnOnce() -> T) -> T {
            fetch()
        }

        pub fn attempt(&self, body: &Body, _: &[()]) -> Result<Response, Failure> {
            (self.0)(body.frame).map(|response| Response { body: body.frame, ..response })
        }
    }

    impl Response {
        pub fn is_success(&self) -> bool {
            self.status == 200
        }

        pub fn outcome(&self) -> Option<Outcome> {
            (!self.is_success()).then_some(Outcome::RefusedForNow)
        }

        pub fn cause(&self) -> String {
            String::new()
        }
    }
}

pub mod input {
    use std::marker::PhantomData;
    use std::time::Instant;

    use crate::frame::Frame;

    pub struct Stdin;

    pub struct InputError {
        pub frame: u64,
    }

    /// Plays the producer: the number of the next frame.
    pub struct Input<R> {
        next: Box<Next>,
        reader: PhantomData<R>,
    }

    type Next = dyn FnMut() -> Result<Option<u64>, InputError> + Send;

    impl<R> Input<R> {
        pub fn of(next: impl FnMut() -> Result<Option<u64>, InputError> + Send + 'static) -> Self {
            Input { next: Box::new(next), reader: PhantomData }
        }

        pub fn first(&self) -> u64 {
            0
        }

        pub fn read(&mut self, bytes: Vec<u8>) -> Result<Option<Frame>, InputError> {
            let number = (self.next)()?;
            Ok(number.map(|number| Frame { number, bytes, read_at: Instant::now() }))
        }
    }
}

pub mod messages {
    use std::fmt::Display;

    pub fn say(_: impl Display) {}

    pub fn say_more(_: impl Display) {}

    pub fn causes(error: &anyhow::Error) -> String {
        error.to_string()
    }
}

pub mod counts {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU64;

    /// Of the counts, `in_flight` alone decides anything here. The others are no place to switch threads.
    #[derive(Default)]
    pub struct Counts {
        pub in_flight: AtomicU64,
        pub is_stopping: real::sync::atomic::AtomicBool,
        pub posted: real::sync::atomic::AtomicU64,
        pub figures: Figures,
    }

    #[derive(Default)]
    pub struct Figures {
        pub bytes_read: real::sync::atomic::AtomicU64,
        pub bytes_sent: real::sync::atomic::AtomicU64,
        pub retries: real::sync::atomic::AtomicU64,
        pub refused: real::sync::atomic::AtomicU64,
        pub allowed: Mutex<(Option<f64>, Option<u32>)>,
        pub outage: Mutex<Option<String>>,
    }
}

pub mod random {
    use shuttle::rand::{Rng, thread_rng};

    /// The schedule's: they are the same when it is repeated.
    pub fn bits() -> u64 {
        thread_rng().r#gen()
    }
}

pub mod request {
    use anyhow::Result;

    use crate::encode::Encoder;
    use crate::frame::Frame;

    pub struct Request;

    pub struct Body {
        pub frame: u64,
        pub bytes: Vec<u8>,
    }

    impl Request {
        pub fn body(&self, _: &Encoder, frame: &mut Frame, bytes: Vec<u8>) -> Result<Body> {
            Ok(Body { frame: frame.number, bytes })
        }
    }
}
