//! The command line into the parts of a run. Opens the files that give a value, and sends nothing.
//!
//! Every error is bad usage: it names the option by its long form and says which values it takes. No error
//! repeats a text that may be a secret: values of fields, headers and user-info, the URL, stray operands.

mod conflicts;
mod form;
mod habits;
mod options;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::mem::take;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail, ensure};
use lexopt::Arg;

use crate::encode::Encoder;
use crate::frame::{FrameSize, PixelFormat};
use crate::headers::{Source, authorization};
use crate::request::template::{Piece, Template};
use crate::request::{Part, Proxy, Request, Url, UserInfo, form};
use crate::upload::Policy;
use form::parse_form;
use options::{Action, OPTIONS, Opt};

/// The types of two bodies.
pub const FORM: &str = "multipart/form-data";
pub const JSON: &str = "application/json";

/// The most uploads in flight: each has a thread and a connection.
const MAX_JOBS: usize = 1000;

/// The most retries of a frame.
const MAX_RETRIES: u32 = 1_000_000;

/// The user's command.
pub enum Command {
    Print(&'static str),
    Post(Box<Args>),
}

/// The values of the options, and the defaults of those that are not given.
pub struct Args {
    /// The size of headerless frames; `None`: each image brings its own header.
    pub size: Option<FrameSize>,
    /// The layout of headerless frames.
    pub format: PixelFormat,
    pub skip: u64,
    /// The frame to show; nothing is posted then.
    pub show: Option<u64>,
    pub encoder: Encoder,
    /// The body's type is left to `setup`: a file of headers may name it.
    pub request: Request,
    /// The Content-Type of the body, unless a header says otherwise.
    pub body_type: &'static str,
    /// Those of a form: its template is made of them at the end.
    parts: Vec<Part>,
    pub headers: Vec<Source>,
    /// From --user, --oauth2-bearer or the URL.
    pub authorization: Option<Source>,
    pub jobs: usize,
    /// Whether a newer frame takes the place of one that waits.
    pub latest: bool,
    /// Whether connections are kept between uploads.
    pub keeps_connections: bool,
    pub reach: Reach,
    pub max_time: Duration,
    pub policy: Policy,
    /// Whether a frame that has failed has no line.
    pub fail: bool,
    pub keep_going: bool,
    pub ndjson: bool,
    /// Whether nothing is sent.
    pub is_dry: bool,
    pub progress: bool,
    pub verbose: bool,
    pub quiet: bool,
}

/// How the server is reached.
#[derive(Default)]
pub struct Reach {
    /// Whether the minreq crate sends.
    pub minreq: bool,
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
    /// Until a connection is there.
    pub connect_timeout: Option<Duration>,
}

/// Parses the arguments after the program's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut operands, mut given) = (Vec::new(), Vec::new());
    while let Some(option) = next_option(&mut parser, &mut operands)? {
        let long = option.long;
        let value = match option.action {
            Action::Print(text) => return Ok(Command::Print(text)),
            Action::Flag(_) => OsString::new(),
            Action::Value(_) => parser.value().map_err(|_| anyhow!("--{long}: no value given"))?,
        };
        if let Some(other) = habits::in_place_of_value(long, &value) {
            bail!("--{long}: no value given; {other} stands in its place");
        }
        given.push((option, value));
    }
    Args::new(operands, &given).map(|args| Command::Post(Box::new(args)))
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
        let option = match argument {
            None => return Ok(None),
            Some(Arg::Value(operand)) => {
                operands.push(operand);
                continue;
            }
            Some(Arg::Short(short)) => {
                options.find(|it| it.short == Some(short)).ok_or_else(|| habits::of_short(short))
            }
            Some(Arg::Long(long)) => {
                options.find(|it| it.long == long).ok_or_else(|| habits::of_long(long))
            }
        };
        return option.map(Some).map_err(Error::msg);
    }
}

impl Args {
    /// Sets the options in their order: the last value of an option counts.
    fn new(mut operands: Vec<OsString>, given: &[(&Opt, OsString)]) -> Result<Args> {
        let is_given = |long: &str| given.iter().any(|(option, _)| option.long == long);
        conflicts::check_names(is_given)?;
        // Nothing is posted there: any URL will do.
        if is_given("show") && operands.is_empty() {
            operands.push("http://localhost/".into());
        }
        let (url, user) = url(operands)?;
        for long in ["user", "oauth2-bearer"] {
            ensure!(user.is_none() || !is_given(long), "--{long}: the URL names a user already");
        }
        let mut args = Args::defaults(url, user)?;
        for (option, value) in given {
            match option.action {
                Action::Print(_) => {}
                Action::Flag(set) => set(&mut args),
                Action::Value(set) => {
                    set(&mut args, value)
                        .map_err(|error| anyhow!("--{}: {error:#}", option.long))?;
                }
            }
        }
        conflicts::check_values(&args)?;
        args.make_form()?;
        Ok(args)
    }

    fn defaults(url: Url, user: Option<UserInfo>) -> Result<Args> {
        let path = Template::with_number(url.target.as_bytes());
        let path = path.map_err(|why| anyhow!("URL: {why}; '{{{{' itself is %7B%7B"))?;
        let (method, template) = ("POST".to_owned(), Template::of(Piece::Png));
        Ok(Args {
            size: None,
            format: PixelFormat::RGB24,
            skip: 0,
            show: None,
            encoder: Encoder::DEFAULT,
            request: Request { method, url, path, content_type: None, template, part: None },
            body_type: FORM,
            parts: Vec::new(),
            headers: Vec::new(),
            authorization: user.map(|user| Source::Typed(authorization(user.basic()))),
            jobs: 1,
            latest: false,
            keeps_connections: true,
            reach: Reach::default(),
            max_time: Duration::from_secs(300),
            policy: Policy {
                retries: None,
                delay: None,
                max_time: Some(Duration::from_secs(600)),
                all_errors: false,
                spacing: Duration::ZERO,
            },
            fail: false,
            keep_going: false,
            ndjson: false,
            is_dry: false,
            progress: false,
            verbose: false,
            quiet: false,
        })
    }

    /// A form that does not name the place of the frame has it at the end.
    fn make_form(&mut self) -> Result<()> {
        if self.body_type != FORM {
            return Ok(());
        }
        let images = self.parts.iter().filter(|part| part.image.is_some()).count();
        ensure!(images < 2, "--form: @- is given {images} times; the frame is one part");
        if images == 0 {
            self.parts.push(parse_form("image=@-".as_ref())?);
        }
        self.request.part = self.parts.iter().find_map(|part| part.image.clone());
        self.request.template = form(take(&mut self.parts));
        Ok(())
    }
}

/// The only operand.
fn url(operands: Vec<OsString>) -> Result<(Url, Option<UserInfo>)> {
    let [operand] =
        <[OsString; 1]>::try_from(operands).map_err(|operands| match operands.len() {
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
    Url::parse(url).map_err(|why| anyhow!("URL: {why}"))
}
