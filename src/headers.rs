//! The headers of the requests, and the files that some of them come from.
//!
//! A server that answers 401 has not taken the frame. If a file has changed since it was read, because a script
//! has put a new token there, it is read again, and the frame is sent once more. All jobs share the headers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context, Result, anyhow, ensure};

use crate::files;
use crate::request::{Header, HeaderRule, UserInfo};

/// Header lines of the user.
pub enum Source {
    Rule(HeaderRule),
    /// One from each line of this file.
    File(PathBuf),
}

/// The user of basic authentication.
pub enum User {
    Known(UserInfo),
    File(PathBuf),
}

/// Where the headers come from.
pub struct Sources {
    /// pngpost's own, which the user may replace or leave out.
    pub own: Vec<Header>,
    pub rules: Vec<Source>,
    pub user: Option<User>,
}

pub struct Headers {
    sources: Sources,
    current: RwLock<Arc<Current>>,
    /// Held by the job that reads the files again.
    renewing: Mutex<()>,
}

/// The headers as the files gave them.
pub struct Current {
    /// All headers except those of the body (Content-Type, Content-Length) and of the connection.
    pub list: Vec<Header>,
    pub rules: Vec<HeaderRule>,
    texts: Texts,
}

/// The contents of the files: those of `rules` in their order, and that of the user.
#[derive(PartialEq, Eq)]
struct Texts {
    rules: Vec<Vec<u8>>,
    user: Option<Vec<u8>>,
}

impl Headers {
    /// The error is bad usage: a file can't be read, or holds something else.
    pub fn read(sources: Sources) -> Result<Self> {
        let texts = Texts {
            rules: sources.files().map(read_rules).collect::<Result<_>>()?,
            user: sources.user_file().map(read_user).transpose()?,
        };
        let current = Current::new(&sources, texts)?;
        let current = RwLock::new(Arc::new(current));
        Ok(Headers { sources, current, renewing: Mutex::default() })
    }

    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again, unless another job has done so since `used` was current. Returns whether the
    /// headers differ from those. Pipes and sockets can be read once only, and count as unchanged.
    pub fn renew(&self, used: &Arc<Current>) -> Result<bool> {
        let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&self.current(), used) {
            return Ok(true);
        }
        let again = |read: fn(&Path) -> Result<Vec<u8>>, file: &Path, before: &Vec<u8>| {
            if file.metadata().is_ok_and(|it| !it.is_file()) {
                return Ok(before.clone());
            }
            let text = read(file)?;
            // Its writer has just begun.
            ensure!(!text.is_empty(), "{}: is empty now", file.display());
            Ok(text)
        };
        let rules = self.sources.files().zip(&used.texts.rules);
        let rules = rules.map(|(file, before)| again(read_rules, file, before));
        let user = self.sources.user_file().zip(used.texts.user.as_ref());
        let texts = Texts {
            rules: rules.collect::<Result<_>>()?,
            user: user.map(|(file, before)| again(read_user, file, before)).transpose()?,
        };
        if texts == used.texts {
            return Ok(false);
        }
        let current = Arc::new(Current::new(&self.sources, texts)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(true)
    }
}

impl Sources {
    fn files(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().filter_map(|source| match source {
            Source::File(file) => Some(file.as_path()),
            Source::Rule(_) => None,
        })
    }

    fn user_file(&self) -> Option<&Path> {
        match &self.user {
            Some(User::File(file)) => Some(file),
            Some(User::Known(_)) | None => None,
        }
    }

    fn rules(&self, texts: &[Vec<u8>]) -> Result<Vec<HeaderRule>> {
        let mut texts = texts.iter();
        let mut rules = Vec::new();
        for source in &self.rules {
            match source {
                Source::Rule(rule) => rules.push(rule.clone()),
                Source::File(file) => {
                    rules.extend(parse(file, texts.next().map_or(&[], Vec::as_slice))?);
                }
            }
        }
        Ok(rules)
    }

    fn user(&self, text: Option<&Vec<u8>>) -> Result<Option<UserInfo>> {
        match (&self.user, text) {
            (Some(User::Known(user)), _) => Ok(Some(user.clone())),
            (Some(User::File(file)), Some(text)) => {
                let user = UserInfo::parse(text).map_err(|why| anyhow!(why));
                user.map(Some).with_context(|| format!("--user: {}", file.display()))
            }
            _ => Ok(None),
        }
    }
}

impl Current {
    fn new(sources: &Sources, texts: Texts) -> Result<Self> {
        let rules = sources.rules(&texts.rules)?;
        let mut list = sources.own.clone();
        if let Some(user) = sources.user(texts.user.as_ref())? {
            list.push(Header::new("Authorization", user.basic()));
        }
        list.retain(|own| !rules.iter().any(|rule| own.is(rule.name())));
        list.extend(rules.iter().filter_map(|rule| match rule {
            HeaderRule::Send(header) if !header.is("Content-Type") => Some(header.clone()),
            _ => None,
        }));
        Ok(Current { list, rules, texts })
    }
}

fn read_rules(file: &Path) -> Result<Vec<u8>> {
    files::read("--header", "@FILE", file)
}

fn read_user(file: &Path) -> Result<Vec<u8>> {
    Ok(files::without_line_end(files::read("--user", "@FILE", file)?))
}

/// One header from each line that is not empty.
fn parse(file: &Path, text: &[u8]) -> Result<Vec<HeaderRule>> {
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
