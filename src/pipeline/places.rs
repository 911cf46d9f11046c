//! The places of a live source's answers, in the order of the frames. Pure: `newest` shares it between threads.
//!
//! A frame that was taken has a place. All frames between two of those were dropped: they are a count, in one
//! place at most, however many there are.

use std::collections::VecDeque;

pub struct Places<A> {
    /// From the first place that has not been fetched.
    queue: VecDeque<Place<A>>,
    /// The number of the first place.
    first: u64,
    /// Frames below this number have a place, or had one.
    placed: u64,
    /// Frames that were taken and whose answers have not been fetched.
    unfetched: usize,
}

enum Place<A> {
    Taken,
    Done(Fetched<A>),
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Fetched<A> {
    Answer(A),
    /// There is no answer.
    Lost,
    /// So many frames were dropped.
    Dropped(u64),
}

impl<A> Places<A> {
    /// For frames from number 0 on.
    pub fn new() -> Self {
        Places { queue: VecDeque::new(), first: 0, placed: 0, unfetched: 0 }
    }

    pub fn unfetched(&self) -> usize {
        self.unfetched
    }

    /// Adds a place for this frame, and one for those before it that were dropped. Returns its number.
    pub fn take(&mut self, frame: u64) -> u64 {
        if let Some(count) = self.pass_over(Some(frame)) {
            self.queue.push_back(Place::Done(Fetched::Dropped(count)));
        }
        self.placed = frame + 1;
        self.queue.push_back(Place::Taken);
        self.unfetched += 1;
        self.first + self.queue.len() as u64 - 1
    }

    /// Fills the place that `take` has returned, once.
    pub fn fill(&mut self, place: u64, fetched: Fetched<A>) {
        // It is not done, so it has not been fetched.
        #[expect(clippy::cast_possible_truncation, reason = "less than the places there are")]
        let index = (place - self.first) as usize;
        self.queue[index] = Place::Done(fetched);
    }

    /// What comes out next, if it is there. `oldest`: the oldest frame that waits.
    pub fn fetch(&mut self, oldest: Option<u64>) -> Option<Fetched<A>> {
        match self.queue.pop_front() {
            Some(Place::Done(fetched)) => {
                self.first += 1;
                self.unfetched -= usize::from(!matches!(fetched, Fetched::Dropped(_)));
                Some(fetched)
            }
            Some(Place::Taken) => {
                self.queue.push_front(Place::Taken);
                None
            }
            None => self.pass_over(oldest).map(Fetched::Dropped),
        }
    }

    /// Whether `fetch` has something.
    pub fn is_due(&self, oldest: Option<u64>) -> bool {
        match self.queue.front() {
            Some(place) => matches!(place, Place::Done(_)),
            None => oldest.is_some_and(|oldest| oldest > self.placed),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many frames have no place yet and were dropped, because they are older than the oldest one that
    /// waits. From now on they have one.
    fn pass_over(&mut self, oldest: Option<u64>) -> Option<u64> {
        let count = oldest.map_or(0, |oldest| oldest - self.placed);
        self.placed += count;
        Some(count).filter(|&count| count > 0)
    }
}
