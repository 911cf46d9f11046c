//! Arguments into the machines of a run: its input, encoder, uploader and lines. Every error is bad usage,
//! and comes before we read standard input.

mod environment;
mod no_proxy;
mod way;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};

use crate::args::{Args, BodyArg, FormArg, HeaderArg, JsonArg, UserArg};
use crate::counts::Counts;
use crate::encode::Encoder;
use crate::files;
use crate::headers::{Headers, Source, Sources, User};
use crate::http::{Client, Kept, Limits, Minreq, USER_AGENT};
use crate::input::{Input, Stdin};
use crate::messages::foreign;
use crate::output::{Lines, Rules};
use crate::rehearsal::Rehearsal;
use crate::request::template::Template;
use crate::request::{Header, HeaderRule, ImagePart, Json, Part, Request, Shape};
use crate::upload::{Policy, Uploader};

use way::{Way, way};

/// The machines of a run, ready to start.
pub struct Run {
    pub input: Input<Stdin>,
    pub encoder: Encoder,
    pub request: Arc<Request>,
    pub uploader: Uploader,
    pub lines: Lines,
    pub counts: Arc<Counts>,
}

pub fn run(args: &Args) -> Result<Run> {
    let headers = headers(args)?;
    let request = Arc::new(request(args, &headers.current().rules)?);
    let client = match args.minreq {
        true => Client::Minreq(minreq(args, &request)?),
        false => Client::Kept(kept(args, &request, &headers)?),
    };
    let policy = Policy {
        retries: args.retries,
        delay: args.retry_delay,
        max_time: args.retry_max_time,
        all_errors: args.retry_all_errors,
        spacing: args.spacing,
    };
    let rules = Rules {
        records: args.ndjson,
        keep_going: args.keep_going,
        skip: args.skip,
        can_go_on: !args.latest,
    };
    let counts = Arc::new(Counts::default());
    Ok(Run {
        input: input(args)?,
        encoder: Encoder { level: args.level, range: args.range },
        uploader: Uploader::new(client, headers, policy, args.keep_going, Arc::clone(&counts)),
        lines: Lines::new(rules, Arc::clone(&request), Arc::clone(&counts)).context("stdout")?,
        request,
        counts,
    })
}

fn input(args: &Args) -> Result<Input<Stdin>> {
    let stdin = Stdin::new().context("stdin")?;
    match args.headerless {
        Some((size, format)) => Input::headerless(stdin, size, format, args.skip)
            .map_err(|why| anyhow!("--size: {why}")),
        None => Ok(Input::self_describing(stdin, args.skip)),
    }
}

/// The machines of a run that sends nothing.
pub fn rehearsal(args: &Args) -> Result<Rehearsal> {
    let headers = headers(args)?;
    let request = Arc::new(request(args, &headers.current().rules)?);
    Ok(Rehearsal {
        input: input(args)?,
        encoder: Encoder { level: args.level, range: args.range },
        client: kept(args, &request, &headers)?,
        headers: headers.current(),
        request,
        keep_going: args.keep_going,
    })
}

fn kept(args: &Args, request: &Arc<Request>, headers: &Headers) -> Result<Box<Kept>> {
    let Way { route, tls, proxy_tls } = way(args)?;
    let limits = Limits { max_time: args.max_time, connect_timeout: args.connect_timeout() };
    let kept = Kept::new(Arc::clone(request), route, tls, proxy_tls, &limits)?;
    kept.check(&headers.current().list)?;
    Ok(Box::new(kept))
}

fn minreq(args: &Args, request: &Arc<Request>) -> Result<Minreq> {
    way::refuse_proxy(args)?;
    if args.url.https {
        environment::certificates()?;
    }
    ensure!(!request.url.is_ipv6(), "URL: --minreq takes no IPv6 address; use a host name");
    Ok(Minreq::new(Arc::clone(request), args.max_time))
}

/// `rules`: the header lines of the user, which may say the body's type.
fn request(args: &Args, rules: &[HeaderRule]) -> Result<Request> {
    let shape = shape(&args.body)?;
    let content_type = content_type(&shape, rules)?;
    let path = Template::with_number(args.url.target.as_bytes());
    let path = path.map_err(|why| anyhow!("URL: {why}; '{{{{' itself is %7B%7B"))?;
    let (method, url) = (args.method.clone(), args.url.clone());
    Ok(Request { method, url, path, content_type, shape })
}

fn headers(args: &Args) -> Result<Headers> {
    let accept = match args.body {
        BodyArg::Json(_) => "application/json",
        BodyArg::Form(_) | BodyArg::Raw | BodyArg::Base64 => "*/*",
    };
    let mut own = vec![
        Header::new("User-Agent", USER_AGENT),
        Header::new("Accept", accept),
        Header::new("Accept-Encoding", "identity"),
    ];
    if !args.keeps_connections {
        own.push(Header::new("Connection", "close"));
    }
    let rules = args.headers.iter().map(|header| match header {
        HeaderArg::Rule(rule) => Source::Rule(rule.clone()),
        HeaderArg::File(file) => Source::File(file.clone()),
    });
    let user = match &args.user {
        Some(UserArg::UserInfo(user)) => Some(User::Known(user.clone())),
        Some(UserArg::File(file)) => Some(User::File(file.clone())),
        None => args.url_user.clone().map(User::Known),
    };
    Headers::read(Sources { own, rules: rules.collect(), user })
}

fn shape(body: &BodyArg) -> Result<Shape> {
    Ok(match body {
        BodyArg::Form(form) => Shape::Form(parts(form)?),
        BodyArg::Raw => Shape::Raw,
        BodyArg::Json(text) => Shape::Json(json(text)?),
        BodyArg::Base64 => Shape::Base64,
    })
}

/// The body's type: the user's, or else our own. `None` if the user leaves it out.
fn content_type(shape: &Shape, rules: &[HeaderRule]) -> Result<Option<String>> {
    let mut given = rules.iter().filter(|rule| rule.name().eq_ignore_ascii_case("Content-Type"));
    let rule = given.next();
    ensure!(given.next().is_none(), "--header: Content-Type is given twice");
    let own = match shape {
        Shape::Form(_) => "multipart/form-data",
        Shape::Raw => "image/png",
        Shape::Json(_) => "application/json",
        // curl -d sends this type: the documents of servers with such a body say so, and some servers insist.
        Shape::Base64 => "application/x-www-form-urlencoded",
    };
    let content_type = match rule {
        None => Some(own.to_owned()),
        Some(HeaderRule::Send(header)) => Some(header.fill(0)),
        Some(HeaderRule::Omit(_)) => None,
    };
    ensure!(
        !matches!(shape, Shape::Form(_)) || content_type.as_deref().is_some_and(is_multipart),
        "--header: the Content-Type of a form is multipart/…, without a boundary"
    );
    Ok(content_type)
}

fn json(argument: &JsonArg) -> Result<Json> {
    match argument {
        JsonArg::Text(text) => Json::parse(text).map_err(|why| anyhow!("--json: {why}")),
        JsonArg::File(file) => {
            let json = Json::parse(&files::read("--json", "@FILE", file)?);
            json.map_err(|why| anyhow!("--json: {}: {why}", file.display()))
        }
    }
}

fn is_multipart(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value.starts_with("multipart/") && !value.contains("boundary")
}

fn parts(form: &[FormArg]) -> Result<Vec<Part>> {
    let part = |argument: &FormArg| {
        Ok(match argument {
            FormArg::Field { name, value } => {
                Part::Field { name: name.clone(), value: value.clone() }
            }
            FormArg::FieldFile { name, file } => {
                let place = format!("{}=<FILE", foreign(&String::from_utf8_lossy(name)));
                let text = files::without_line_end(files::read("--form", &place, file)?);
                // Not a template: its author may not know of templates, and a secret may look like one.
                Part::Field { name: name.clone(), value: Template::literal(text) }
            }
            FormArg::Image(image) => Part::Image(image.clone()),
        })
    };
    let mut parts = form.iter().map(part).collect::<Result<Vec<_>>>()?;
    if !parts.iter().any(|part| matches!(part, Part::Image(_))) {
        parts.push(Part::Image(ImagePart::default()));
    }
    Ok(parts)
}
