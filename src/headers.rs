//! The headers of the requests, and the files that some of them come from.
//!
//! A server that answers 401 has not taken the frame. The files are read again then, because a script may have put a
//! new token there; if that makes other headers, the frame is sent once more. The script may be at it just now, and the
//! file still old, or empty: so it is looked at for a while. All jobs share the headers, and the wait.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::files;
use crate::lock::lock;
use crate::messages::{causes, say, say_more};
use crate::request::{Header, HeaderRule, UserInfo};

/// How long the files are looked at until a 401 is final, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Text into header lines.
pub type Parse = fn(&[u8]) -> Result<Vec<HeaderRule>, String>;

/// Where header lines come from.
pub enum Source {
    Typed(Vec<HeaderRule>),
    /// A file that an option names.
    File {
        option: &'static str,
        path: PathBuf,
        parse: Parse,
    },
}

pub struct Headers {
    /// pngpost's own, with the authorization of an option or the URL; and those of the user, which replace them.
    sources: [Vec<Source>; 2],
    /// A tunnel hides them from the proxy.
    are_hidden: bool,
    /// Locked while the files are read again: no attempt begins with headers that may be old.
    current: Mutex<Arc<Current>>,
}

/// The headers as the files gave them.
pub struct Current {
    /// All headers except those of the body (Content-Type, Content-Length) and of the connection.
    pub list: Vec<Header>,
    /// The header lines of the user.
    pub rules: Vec<HeaderRule>,
    /// Whether others than these were waited for: that is done once.
    are_outwaited: AtomicBool,
}

impl Headers {
    /// The error is bad usage: a file can't be read, or holds something else.
    pub fn read(own: Vec<Source>, users: Vec<Source>, are_hidden: bool) -> Result<Self> {
        let sources = [settled(own)?, settled(users)?];
        let current = Current::read(&sources, are_hidden, false)?;
        Ok(Headers { sources, are_hidden, current: Mutex::new(Arc::new(current)) })
    }

    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&lock(&self.current))
    }

    /// After a 401: whether there are other headers than those `used`. It looks at the files until there are, for a
    /// while, unless another job has done so. A file that can't be read any more changes nothing.
    pub fn renew(&self, frame: u64, used: &Arc<Current>, is_wanted: impl Fn() -> bool) -> bool {
        let mut current = lock(&self.current);
        if Arc::ptr_eq(&current, used) {
            match self.look(used, is_wanted) {
                Ok(Some(new)) => *current = Arc::new(new),
                Ok(None) => return false,
                Err(error) => {
                    say(format!("frame {frame}: {}", causes(&error)));
                    return false;
                }
            }
        }
        say_more(format!("frame {frame}: upload: status 401; a file has new headers"));
        true
    }

    /// Reads the files until they give other headers, or until nothing is to be waited for.
    fn look(&self, used: &Current, is_wanted: impl Fn() -> bool) -> Result<Option<Current>> {
        let mut sources = self.sources.iter().flatten();
        let has_file = sources.any(|source| matches!(source, Source::File { .. }));
        let may_change = has_file && !used.are_outwaited.swap(true, Ordering::Relaxed);
        let begin = Instant::now();
        loop {
            let found = Current::read(&self.sources, self.are_hidden, true)
                .map(|current| Some(current).filter(|current| current.list != used.list));
            let is_over = !may_change || begin.elapsed() >= PATIENCE || !is_wanted();
            if is_over || matches!(found, Ok(Some(_))) {
                return found;
            }
            // A sleep panics if the system refuses it.
            thread::park_timeout(PAUSE);
        }
    }
}

impl Current {
    fn read([own, users]: &[Vec<Source>; 2], are_hidden: bool, is_again: bool) -> Result<Self> {
        let (own, rules) = (read_all(own, is_again)?, read_all(users, is_again)?);
        let is_replaced = |own: &HeaderRule| rules.iter().any(|rule| rule.is(own.name()));
        let own = own.iter().filter(|own| !is_replaced(own));
        let users = rules.iter().filter(|rule| !rule.is("Content-Type"));
        let sent = own.chain(users).filter_map(|rule| match rule {
            HeaderRule::Send(header) => Some(header.clone()),
            HeaderRule::Omit(_) => None,
        });
        let list: Vec<Header> = sent.collect();
        ensure!(
            !are_hidden || !list.iter().any(|header| header.is("Proxy-Authorization")),
            "--header: Proxy-Authorization would reach the server; with https, --proxy takes USER:PASSWORD@"
        );
        Ok(Current { list, rules, are_outwaited: AtomicBool::new(false) })
    }

    /// Whether one of them may hold a key: one of the user's, or authentication.
    pub fn has_key(&self) -> bool {
        !self.rules.is_empty() || self.list.iter().any(|header| header.is("Authorization"))
    }
}

/// A pipe or a socket can be read once only: its lines count as typed.
fn settled(sources: Vec<Source>) -> Result<Vec<Source>> {
    let settle = |source: Source| match &source {
        Source::File { path, .. } if path.metadata().is_ok_and(|it| !it.is_file()) => {
            source.read(false).map(Source::Typed)
        }
        _ => Ok(source),
    };
    sources.into_iter().map(settle).collect()
}

fn read_all(sources: &[Source], is_again: bool) -> Result<Vec<HeaderRule>> {
    let read: Result<Vec<_>> = sources.iter().map(|source| source.read(is_again)).collect();
    read.map(|read| read.concat())
}

impl Source {
    fn read(&self, is_again: bool) -> Result<Vec<HeaderRule>> {
        let (option, path, parse) = match self {
            Source::Typed(rules) => return Ok(rules.clone()),
            Source::File { option, path, parse } => (option, path, parse),
        };
        let rules = files::read("@FILE", path, |text| match text {
            // Its writer has just begun.
            text if is_again && text.trim_ascii().is_empty() => Err("is empty now".to_owned()),
            text => parse(files::without_line_end(text)),
        });
        rules.map_err(|error| anyhow!("{option}: {error}"))
    }
}

/// One header from each line that is not empty. A file without any is a mistake: its token would be missing.
pub fn lines(text: &[u8]) -> Result<Vec<HeaderRule>, String> {
    let mut rules = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            let rule = HeaderRule::parse(line);
            rules.push(rule.map_err(|why| format!("line {}: {why}", index + 1))?);
        }
    }
    if rules.is_empty() { Err("holds no header".to_owned()) } else { Ok(rules) }
}

/// `USER:PASSWORD`.
pub fn user(text: &[u8]) -> Result<Vec<HeaderRule>, String> {
    UserInfo::parse(text).map(|user| authorization(user.basic()))
}

/// A bare token. Any visible ASCII is one: there are services whose tokens are none of RFC 6750's, such as `17|abc`.
pub fn bearer(text: &[u8]) -> Result<Vec<HeaderRule>, String> {
    match str::from_utf8(text) {
        Ok(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(authorization(format!("Bearer {token}")))
        }
        _ => Err("takes a token alone, of visible ASCII without blanks".to_owned()),
    }
}

pub fn authorization(value: String) -> Vec<HeaderRule> {
    vec![HeaderRule::Send(Header::new("Authorization", value))]
}
