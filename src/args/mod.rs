//! The command line into checked values. Opens nothing, sends nothing.
//!
//! Every error is bad usage: it names the option by its long form and says which values it takes. No error
//! repeats a text that may be a secret: values of fields, headers and user-info, the URL, stray operands.

#[cfg(test)]
mod completions;
mod conflicts;
mod form;
mod habits;
mod options;
mod values;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};

use crate::encode::Level;
use crate::frame::{FrameSize, PixelFormat, SampleRange};
use crate::request::template::Template;
use crate::request::{HeaderRule, ImagePart, Proxy, Url, UserInfo};
pub use conflicts::BodyArg;
pub use options::HELP;
use options::{Action, OPTIONS, Opt};

/// The most uploads in flight: each has a thread and a connection.
const MAX_JOBS: u64 = 1000;

/// The default of --retry-max-time.
const RETRY_MAX_TIME: Duration = Duration::from_secs(600);

/// The default of --connect-timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The most retries of a frame.
const MAX_RETRIES: u64 = 1_000_000;

/// The user's command.
pub enum Command {
    Help,
    Version,
    Post(Box<Args>),
}

pub struct Args {
    /// Size and layout of headerless frames; `None`: each image brings its own header.
    pub headerless: Option<(FrameSize, PixelFormat)>,
    pub range: SampleRange,
    pub skip: u64,
    pub level: Level,
    pub body: BodyArg,
    pub headers: Vec<HeaderArg>,
    pub user: Option<UserArg>,
    pub method: String,
    pub jobs: usize,
    /// Whether a newer frame takes the place of one that waits.
    pub latest: bool,
    pub max_time: Duration,
    /// `None`: each cause has its own number.
    pub retries: Option<u32>,
    /// `None`: each cause has its own pause.
    pub retry_delay: Option<Duration>,
    /// `None`: without limit.
    pub retry_max_time: Option<Duration>,
    pub retry_all_errors: bool,
    /// The least time between the starts of two attempts.
    pub spacing: Duration,
    pub keep_going: bool,
    /// Whether connections are kept between uploads.
    pub keeps_connections: bool,
    /// Whether the minreq crate sends.
    pub minreq: bool,
    pub reach: ReachArgs,
    pub ndjson: bool,
    /// Whether nothing is sent.
    pub is_dry: bool,
    pub verbose: bool,
    pub quiet: bool,
    pub url: Url,
    pub url_user: Option<UserInfo>,
}

impl Args {
    /// As in curl, 0 means the default; in curl's own 300 s, a server that drops packets would cost five
    /// minutes an attempt.
    pub fn connect_timeout(&self) -> Duration {
        self.reach.connect_timeout.filter(|it| !it.is_zero()).unwrap_or(CONNECT_TIMEOUT)
    }
}

/// How to reach the server.
#[derive(Default)]
pub struct ReachArgs {
    /// `Some(None)`: no proxy, whatever the environment says.
    pub proxy: Option<Option<Proxy>>,
    /// Hosts that need no proxy, in the place of the environment's.
    pub noproxy: Option<String>,
    pub cacert: Option<PathBuf>,
    pub insecure: bool,
    pub cert: Option<PathBuf>,
    /// `None`: the key is in the file of the certificate.
    pub key: Option<PathBuf>,
    pub unix_socket: Option<PathBuf>,
    pub connect_timeout: Option<Duration>,
}

pub enum JsonArg {
    Text(Vec<u8>),
    File(PathBuf),
}

/// A part of the form: `NAME=VALUE`, `NAME=<FILE`, `NAME=@-…`.
pub enum FormArg {
    Field { name: Vec<u8>, value: Template },
    FieldFile { name: Vec<u8>, file: PathBuf },
    Image(ImagePart),
}

pub enum HeaderArg {
    Rule(HeaderRule),
    File(PathBuf),
}

pub enum UserArg {
    UserInfo(UserInfo),
    File(PathBuf),
}

/// The options so far. The last value of an option counts.
#[derive(Default)]
struct Typed {
    size: Option<FrameSize>,
    format: Option<PixelFormat>,
    range: Option<SampleRange>,
    skip: Option<u64>,
    level: Option<Level>,
    raw: bool,
    json: Option<JsonArg>,
    base64: bool,
    form: Vec<FormArg>,
    headers: Vec<HeaderArg>,
    user: Option<UserArg>,
    method: Option<String>,
    jobs: Option<u64>,
    latest: bool,
    max_time: Option<Duration>,
    retries: Option<u64>,
    retry_delay: Option<Duration>,
    retry_max_time: Option<Duration>,
    retry_all_errors: bool,
    spacing: Option<Duration>,
    keep_going: bool,
    no_keep_alive: bool,
    minreq: bool,
    reach: ReachArgs,
    ndjson: bool,
    dry_run: bool,
    verbose: bool,
    quiet: bool,
    operands: Vec<OsString>,
}

/// Parses the arguments after the program's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut typed = Typed::default();
    while let Some(option) = next_option(&mut parser, &mut typed.operands)? {
        let long = option.long;
        match option.action {
            // `-height` parses as `-h` with the value "eight". We refuse it instead of printing the help.
            Action::Help | Action::Version
                if parser.optional_value().is_some_and(|rest| !are_flags(&rest)) =>
            {
                return Err(anyhow!("--{long}: takes no value"));
            }
            Action::Help => return Ok(Command::Help),
            Action::Version => return Ok(Command::Version),
            Action::Flag(set) => set(&mut typed),
            Action::Value(set) => {
                let value = parser.value().map_err(|_| anyhow!("--{long}: no value given"))?;
                set(&mut typed, long, &value)?;
            }
        }
    }
    typed.check().map(|args| Command::Post(Box::new(args)))
}

/// The next option. Operands before it are collected.
fn next_option(
    parser: &mut lexopt::Parser,
    operands: &mut Vec<OsString>,
) -> Result<Option<&'static Opt>> {
    loop {
        if let Some(message) =
            parser.try_raw_args().and_then(|raw| raw.peek().and_then(habits::of_argument))
        {
            bail!(message);
        }
        let argument = parser.next().map_err(|error| match error {
            lexopt::Error::UnexpectedValue { option, .. } => anyhow!("{option}: takes no value"),
            error => anyhow!("{error}"),
        })?;
        let mut options = OPTIONS.iter();
        return Ok(match argument {
            None => None,
            Some(lexopt::Arg::Value(operand)) => {
                operands.push(operand);
                continue;
            }
            Some(lexopt::Arg::Short(short)) => {
                let option = options.find(|option| option.short == Some(short));
                Some(option.ok_or_else(|| anyhow!(habits::of_short(short)))?)
            }
            Some(lexopt::Arg::Long(long)) => {
                let option = options.find(|option| option.long == long);
                Some(option.ok_or_else(|| anyhow!(habits::of_long(long)))?)
            }
        });
    }
}

/// Whether each letter is a short option without a value, as in `-hv`.
fn are_flags(letters: &OsStr) -> bool {
    let is_flag =
        |letter| OPTIONS.iter().any(|option| option.short == Some(letter) && !option.takes_value());
    letters.to_str().is_some_and(|letters| letters.chars().all(is_flag))
}

impl Typed {
    /// Checks the options together.
    fn check(self) -> Result<Args> {
        let [operand] =
            <[OsString; 1]>::try_from(self.operands).map_err(|operands| match operands.len() {
                0 => anyhow!(
                    "no URL given; usage: pngpost [-s WxH] [OPTION]... URL; \
                     'pngpost --help' lists the options"
                ),
                count => anyhow!(
                    "takes one URL, but {count} operands are given; \
                     frames come on standard input: < FILE"
                ),
            })?;
        let url = operand.to_str().ok_or_else(|| anyhow!("URL: is not UTF-8"))?;
        let (url, url_user) = Url::parse(url).map_err(|why| anyhow!("URL: {why}"))?;
        let headerless = conflicts::headerless(self.size, self.format, self.range.is_some())?;
        ensure!(url_user.is_none() || self.user.is_none(), "--user: the URL names a user already");
        ensure!(
            self.skip.is_none() || !self.latest,
            "--skip: cannot go with --latest; which frames are dropped there is chance"
        );
        ensure!(!(self.verbose && self.quiet), "--verbose: cannot go with --quiet");
        conflicts::reach(&self.reach, self.dry_run, self.minreq)?;
        let body = conflicts::body(self.form, self.raw, self.json, self.base64)?;
        Ok(Args {
            headerless,
            range: self.range.unwrap_or_default(),
            skip: self.skip.unwrap_or(0),
            level: self.level.unwrap_or(Level::Fast),
            body,
            headers: self.headers,
            user: self.user,
            method: self.method.unwrap_or_else(|| "POST".to_owned()),
            jobs: usize::try_from(self.jobs.unwrap_or(1))?,
            latest: self.latest,
            max_time: self.max_time.unwrap_or(Duration::from_secs(300)),
            retries: self.retries.map(u32::try_from).transpose()?,
            // As in curl, 0 means the default pause, and no limit.
            retry_delay: self.retry_delay.filter(|it| !it.is_zero()),
            retry_max_time: Some(self.retry_max_time.unwrap_or(RETRY_MAX_TIME))
                .filter(|it| !it.is_zero()),
            retry_all_errors: self.retry_all_errors,
            spacing: self.spacing.unwrap_or_default(),
            keep_going: self.keep_going,
            keeps_connections: !self.no_keep_alive,
            minreq: self.minreq,
            reach: self.reach,
            ndjson: self.ndjson,
            is_dry: self.dry_run,
            verbose: self.verbose,
            quiet: self.quiet,
            url,
            url_user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(options: &[&str]) -> Args {
        match parse([&["http://h/"], options].concat().into_iter().map(OsString::from)) {
            Ok(Command::Post(args)) => *args,
            _ => panic!("{options:?}"),
        }
    }

    #[test]
    fn zero_is_what_it_is_in_curl() {
        let parsed = |seconds: &str| {
            let options = ["--retry-delay", "--retry-max-time", "--connect-timeout"];
            let args = args(&options.map(|option| [option, seconds]).concat());
            (args.retry_delay, args.retry_max_time, args.connect_timeout())
        };
        let ms = Duration::from_millis;
        assert_eq!(parsed("0.5"), (Some(ms(500)), Some(ms(500)), ms(500)));
        assert_eq!(parsed("0"), (None, None, CONNECT_TIMEOUT));
        assert_eq!(parsed("0.0"), (None, None, CONNECT_TIMEOUT));
    }
}
