//! Arguments into the parts of a run: its input, encoder, uploader and lines. Every error is bad usage,
//! and comes before we read standard input.

mod environment;
mod no_proxy;
mod way;

use std::io::Read;
use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::args::{Args, FORM, JSON, Reach};
use crate::counts::{Counts, Figures};
use crate::dry::Dry;
use crate::encode::Encoder;
use crate::headers::{Headers, Source};
use crate::http::{Client, Kept, Minreq, USER_AGENT};
use crate::input::{First, Input, Stdin};
use crate::output::{Lines, Rules};
use crate::request::{Header, HeaderRule, Request};
use crate::upload::Uploader;

use way::{check_minreq, way};

/// The parts of a run, ready to start.
pub struct Run {
    pub input: Input<Stdin>,
    pub encoder: Encoder,
    pub request: Arc<Request>,
    pub uploader: Uploader,
    pub lines: Lines,
    pub counts: Arc<Counts>,
    pub jobs: usize,
    pub latest: bool,
    pub dry: Option<Arc<Dry>>,
    /// Whether the progress line was asked for.
    pub progress: bool,
}

pub fn run(mut args: Args) -> Result<Run> {
    // Without a server there is no pace to keep and no frame to drop; and one job shows frame 0, not another.
    if args.is_dry {
        (args.policy.spacing, args.jobs, args.latest) = (Duration::ZERO, 1, false);
    }
    let headers = headers(&mut args)?;
    args.request.content_type = content_type(args.body_type, &headers.current().rules)?;
    let stdin = Stdin::new().context("stdin")?;
    let total = total(&args, &stdin);
    let input = input(&args, stdin, args.skip);
    let request = Arc::new(args.request);
    let dry = args.is_dry.then(|| Arc::new(Dry::new(&headers.current().rules)));
    let figures = Figures { total, incoming: input.incoming(), ..Figures::default() };
    let counts = Arc::new(Counts { figures, ..Counts::default() });
    let stop = Arc::clone(&counts.is_stopping);
    let client = client(&args.reach, Arc::clone(&request), args.max_time, stop, dry.as_ref())?;
    let has_key = headers.current().has_key();
    let rules = Rules {
        records: args.ndjson,
        fail: args.fail,
        keep_going: args.keep_going,
        advises_repeat: !args.policy.all_errors && args.policy.retries != Some(0),
        has_key,
        skip: args.skip,
        can_go_on: !args.latest,
        is_dry: args.is_dry,
    };
    Ok(Run {
        input,
        encoder: args.encoder,
        uploader: Uploader::new(client, headers, args.policy, args.keep_going, Arc::clone(&counts)),
        lines: Lines::new(rules, Arc::clone(&request), Arc::clone(&counts)).context("stdout")?,
        request,
        counts,
        jobs: args.jobs,
        latest: args.latest,
        dry,
        progress: args.progress,
    })
}

/// The number of whole frames that a file holds after those to skip.
fn total(args: &Args, stdin: &Stdin) -> Option<u64> {
    let frame_bytes = args.format.layout.frame_bytes(args.size?)?;
    (stdin.left()? / frame_bytes as u64).checked_sub(args.skip)
}

/// The frames of `reader`, but for those to skip.
pub fn input<R: Read>(args: &Args, reader: R, skip: u64) -> Input<R> {
    let mut input = match args.size {
        Some(size) => Input::headerless(reader, size, args.format, skip),
        None => Input::self_describing(reader, skip),
    };
    input.first = Some(First {
        format: args.size.map(|_| args.format),
        has_range: args.encoder.range.is_some(),
        is_told: args.is_dry || args.verbose,
    });
    input
}

fn client(
    reach: &Reach,
    request: Arc<Request>,
    max_time: Duration,
    stop: Arc<AtomicBool>,
    dry: Option<&Arc<Dry>>,
) -> Result<Client> {
    if reach.minreq {
        check_minreq(&request.url)?;
        return Ok(Client::Minreq(Minreq::new(request, max_time)));
    }
    let way = way(reach, &request.url, stop)?;
    let kept = Box::new(Kept::new(request, way, max_time)?);
    Ok(match dry {
        Some(dry) => Client::Dry(kept, Arc::clone(dry)),
        None => Client::Kept(kept),
    })
}

fn headers(args: &mut Args) -> Result<Headers> {
    let accept = if args.body_type == JSON { JSON } else { "*/*" };
    let header = |name, value| Source::Typed(vec![HeaderRule::Send(Header::new(name, value))]);
    let mut own = vec![
        header("User-Agent", USER_AGENT),
        header("Accept", accept),
        header("Accept-Encoding", "identity"),
    ];
    if args.reach.minreq || !args.keeps_connections {
        own.push(header("Connection", "close"));
    }
    own.extend(args.authorization.take());
    Headers::read(own, take(&mut args.headers), args.request.url.https)
}

/// The body's type: the user's, or else `own`. `None` if the user leaves it out.
fn content_type(own: &str, rules: &[HeaderRule]) -> Result<Option<String>> {
    let mut given = rules.iter().filter(|rule| rule.is("Content-Type"));
    let rule = given.next();
    ensure!(given.next().is_none(), "--header: Content-Type is given twice");
    let content_type = match rule {
        None => Some(own.to_owned()),
        Some(HeaderRule::Send(header)) => Some(header.fill(0)),
        Some(HeaderRule::Omit(_)) => None,
    };
    ensure!(
        own != FORM || content_type.as_deref().is_some_and(is_multipart),
        "--header: the Content-Type of a form is multipart/…, without a boundary"
    );
    Ok(content_type)
}

fn is_multipart(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value.starts_with("multipart/") && !value.contains("boundary")
}
