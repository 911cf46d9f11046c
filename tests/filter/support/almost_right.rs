//! Streams that are almost right, and the comparison with a reader that is not ours. Each stream comes from a number:
//! the same in each run.
//!
//! 200 streams a run; PNGPOST_ALMOST_RIGHT is another count, PNGPOST_ALMOST_RIGHT_FROM another first number.

use std::ops::Range;

use super::pool;

/// The streams of a run.
const COUNT: u64 = 200;

/// Streams that are read in one go: a tool starts once for all of them.
const BATCH: u64 = 1000;

/// Numbers at the limits of bytes, of maxval, of PNG's sides and of words.
#[rustfmt::skip]
const NUMBERS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "007", "255", "256", "65535", "65536", "2147483647",
    "2147483648", "4294967297", "18446744073709551617", "99999999999999999999",
];

/// Judges the streams of this run by what another reader makes of them, a batch at a time, from its first number on.
/// Fails with all that differ.
pub fn judge_each<T>(
    stream: impl Fn(u64) -> Vec<u8> + Sync,
    theirs: impl Fn(&[Vec<u8>], u64) -> Vec<T> + Sync,
    judge: impl Fn(&[u8], T) -> Result<(), String> + Sync,
) {
    let differing = pool::each(&batches(), |numbers| {
        let streams: Vec<_> = numbers.clone().map(&stream).collect();
        let theirs = theirs(&streams, numbers.start);
        let judged = numbers.clone().zip(&streams).zip(theirs);
        let differing = judged.filter_map(|((number, stream), theirs)| {
            let how = judge(stream, theirs).err()?;
            let begin = stream[..stream.len().min(300)].escape_ascii();
            let text = format!("stream {number}: {how}\n    {begin}");
            // Before the end, which may take an hour.
            eprintln!("{text}");
            Some(text)
        });
        differing.collect::<Vec<_>>()
    });
    let differing = differing.concat();
    let texts = differing[..differing.len().min(20)].join("\n");
    assert!(differing.is_empty(), "{} streams differ:\n{texts}", differing.len());
}

/// The numbers of the streams of this run.
fn batches() -> Vec<Range<u64>> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let first = number("PNGPOST_ALMOST_RIGHT_FROM").unwrap_or(0);
    let end = first + number("PNGPOST_ALMOST_RIGHT").unwrap_or(COUNT);
    let begins = (first..end).step_by(BATCH as usize);
    begins.map(|begin| begin..end.min(begin + BATCH)).collect()
}

/// Chances (splitmix64, Steele and others 2014).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// None to three mutations. `words`: what stands in such streams.
    pub fn mutate(&mut self, bytes: &mut Vec<u8>, words: &[&str]) {
        for _ in 0..self.below(4) {
            self.mutate_once(bytes, words);
        }
    }

    fn mutate_once(&mut self, bytes: &mut Vec<u8>, words: &[&str]) {
        // Half of them where a header is.
        let room = if self.below(2) == 0 { bytes.len().min(80) } else { bytes.len() };
        let place = self.below(room);
        let end = bytes.len().min(place + 1 + self.below(12));
        match self.below(9) {
            0 => bytes[place] = self.below(256) as u8,
            1 => bytes[place] ^= 1 << self.below(8),
            2 => bytes.truncate(place + 1),
            3 if end - place < bytes.len() => drop(bytes.drain(place..end)),
            4 => drop(bytes.splice(place..place, bytes[place..end].to_vec())),
            5 | 6 => drop(bytes.splice(place..place, self.one_of(words).bytes())),
            7 => bytes.swap(place, end - 1),
            _ => {
                let is_digit = |byte: &u8| byte.is_ascii_digit();
                let Some(begin) = bytes[place..].iter().position(is_digit) else { return };
                let begin = place + begin;
                let count = bytes[begin..].iter().take_while(|byte| is_digit(byte)).count();
                bytes.splice(begin..begin + count, self.one_of(&NUMBERS).bytes());
            }
        }
    }
}

/// What a reader has made of a stream: items, and why it has stopped before the end.
#[derive(Debug)]
pub struct Seen<T> {
    pub items: Vec<T>,
    pub error: Option<String>,
}

/// Where we and another reader differ on purpose: parts of messages.
pub struct Differences<'a> {
    /// Ours, where the other reader goes on.
    pub we_refuse: &'a [&'a str],
    /// The other reader's, where we go on.
    pub they_refuse: &'a [&'a str],
}

impl Differences<'_> {
    /// Both read the same items, and both fail or none; or one stops earlier with a message that is named. The error: how
    /// they differ.
    pub fn judge<T: PartialEq>(&self, ours: &Seen<T>, theirs: &Seen<T>) -> Result<(), String> {
        let both = ours.items.len().min(theirs.items.len());
        if ours.items[..both] != theirs.items[..both] {
            return Err("other items".to_owned());
        }
        let is_named = |error: &Option<String>, named: &[&str]| {
            error.as_ref().is_some_and(|error| named.iter().any(|part| error.contains(part)))
        };
        // A stream that is read to its end has come further than one that fails after as many items.
        let way = |seen: &Seen<T>| (seen.items.len(), seen.error.is_none());
        let is_right = match way(ours).cmp(&way(theirs)) {
            std::cmp::Ordering::Less => is_named(&ours.error, self.we_refuse),
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => is_named(&theirs.error, self.they_refuse),
        };
        let side = |seen: &Seen<T>| format!("{} and {:?}", seen.items.len(), seen.error);
        is_right
            .then_some(())
            .ok_or_else(|| format!("ours {}, theirs {}", side(ours), side(theirs)))
    }
}
