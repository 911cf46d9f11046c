//! The headers of the requests, and the files that some of them come from.
//!
//! A server that answers 401 has not taken the frame. The files are read again then, because a script may have put a
//! new token there; if that makes other headers, the frame is sent once more. All jobs share the headers.

use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Result, anyhow, ensure};

use crate::files;
use crate::lock::lock;
use crate::request::{Header, HeaderRule, UserInfo};

/// A value, or the file that holds it.
pub enum Given<T> {
    Typed(T),
    InFile(PathBuf),
}

/// Where the headers come from.
pub struct Sources {
    /// pngpost's own, which the user may replace or leave out.
    pub own: Vec<Header>,
    /// Header lines of the user. A file has one on each line.
    pub rules: Vec<Given<HeaderRule>>,
    /// The user of basic authentication.
    pub user: Option<Given<UserInfo>>,
}

pub struct Headers {
    sources: Sources,
    /// Locked while the files are read again: no attempt begins with headers that may be old.
    current: Mutex<Arc<Current>>,
}

/// The headers as the files gave them.
pub struct Current {
    /// All headers except those of the body (Content-Type, Content-Length) and of the connection.
    pub list: Vec<Header>,
    pub rules: Vec<HeaderRule>,
}

impl Headers {
    /// The error is bad usage: a file can't be read, or holds something else.
    pub fn read(mut sources: Sources) -> Result<Self> {
        sources.settle()?;
        let current = Current::new(&sources, files::read)?;
        Ok(Headers { sources, current: Mutex::new(Arc::new(current)) })
    }

    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&lock(&self.current))
    }

    /// Reads the files again, unless another job has done so since `used` was current. Returns whether the headers
    /// are others than those.
    pub fn renew(&self, used: &Arc<Current>) -> Result<bool> {
        let mut current = lock(&self.current);
        if !Arc::ptr_eq(&current, used) {
            return Ok(true);
        }
        let new = Current::new(&self.sources, read_again)?;
        if new.list == used.list {
            return Ok(false);
        }
        *current = Arc::new(new);
        Ok(true)
    }
}

/// `files::read`, or the same with more checks.
type Read = fn(&str, &Path) -> Result<Vec<u8>>;

fn read_again(place: &str, file: &Path) -> Result<Vec<u8>> {
    let text = files::read(place, file)?;
    // Its writer has just begun.
    ensure!(!text.is_empty(), "{}: is empty now", file.display());
    Ok(text)
}

impl Sources {
    /// A pipe or a socket can be read once only: its text counts as typed.
    fn settle(&mut self) -> Result<()> {
        let can_be_read_once = |file: &Path| file.metadata().is_ok_and(|it| !it.is_file());
        for given in take(&mut self.rules) {
            match given {
                Given::InFile(file) if can_be_read_once(&file) => {
                    let rules = rules_in(&file, files::read)?;
                    self.rules.extend(rules.into_iter().map(Given::Typed));
                }
                given => self.rules.push(given),
            }
        }
        if let Some(Given::InFile(file)) = &self.user
            && can_be_read_once(file)
        {
            self.user = Some(Given::Typed(user_in(file, files::read)?));
        }
        Ok(())
    }
}

impl Current {
    fn new(sources: &Sources, read: Read) -> Result<Self> {
        let mut rules = Vec::new();
        for given in &sources.rules {
            match given {
                Given::Typed(rule) => rules.push(rule.clone()),
                Given::InFile(file) => rules.extend(rules_in(file, read)?),
            }
        }
        let user = match &sources.user {
            Some(Given::InFile(file)) => Some(user_in(file, read)?),
            Some(Given::Typed(user)) => Some(user.clone()),
            None => None,
        };
        let mut list = sources.own.clone();
        list.extend(user.map(|user| Header::new("Authorization", user.basic())));
        list.retain(|own| !rules.iter().any(|rule| own.is(rule.name())));
        list.extend(rules.iter().filter_map(|rule| match rule {
            HeaderRule::Send(header) if !header.is("Content-Type") => Some(header.clone()),
            _ => None,
        }));
        Ok(Current { list, rules })
    }
}

/// One header from each line that is not empty.
fn rules_in(file: &Path, read: Read) -> Result<Vec<HeaderRule>> {
    let text = read("@FILE", file).map_err(|error| anyhow!("--header: {error}"))?;
    let mut rules = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            let place = |why| anyhow!("--header: {}: line {}: {why}", file.display(), index + 1);
            rules.push(HeaderRule::parse(line).map_err(place)?);
        }
    }
    Ok(rules)
}

fn user_in(file: &Path, read: Read) -> Result<UserInfo> {
    let text = read("@FILE", file).map_err(|error| anyhow!("--user: {error}"))?;
    UserInfo::parse(&files::without_line_end(text))
        .map_err(|why| anyhow!("--user: {}: {why}", file.display()))
}
