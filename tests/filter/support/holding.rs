//! A server that holds its answers back until a test releases them.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};

use super::server::{Request, Server};
use super::{PATIENCE, tiny_number, wait_until};

/// The frames that are released, and whether all are.
type Released = (Mutex<(BTreeSet<u32>, bool)>, Condvar);

pub struct Holding {
    pub server: Server,
    first: u32,
    released: Arc<Released>,
}

impl Holding {
    /// Holds back the frames from `first` on, and answers with what `answer` makes of their requests.
    pub fn new(first: u32, answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let released = Arc::<Released>::default();
        let shared = Arc::clone(&released);
        let server = Server::answering(move |_, request| {
            let frame = tiny_number(&request.body);
            let is_held = |released: &mut (BTreeSet<u32>, bool)| {
                frame >= first && !released.1 && !released.0.contains(&frame)
            };
            let released = shared.0.lock().unwrap();
            drop(shared.1.wait_timeout_while(released, PATIENCE, is_held).unwrap());
            answer(request)
        });
        Holding { server, first, released }
    }

    pub fn release(&self, frames: impl IntoIterator<Item = u32>) {
        self.released.0.lock().unwrap().0.extend(frames);
        self.released.1.notify_all();
    }

    pub fn release_all(&self) {
        self.released.0.lock().unwrap().1 = true;
        self.released.1.notify_all();
    }

    /// The frames that it has got, in the order in which they came.
    pub fn frames(&self) -> Vec<u32> {
        self.server.requests().iter().map(|request| tiny_number(&request.body)).collect()
    }

    /// How many uploads it has got that it holds, or held, back.
    pub fn held(&self) -> usize {
        self.frames().iter().filter(|&&frame| frame >= self.first).count()
    }

    pub fn wait_for(&self, uploads: usize) {
        wait_until("the server has so many uploads", || self.held() >= uploads);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.release_all();
    }
}
