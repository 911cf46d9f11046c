//! Arguments into the machines of a run: its input, encoder, uploader and lines. Every error is bad usage,
//! and comes before we read standard input.

mod environment;
mod files;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::{Args, BodyArg, FormArg, HeaderArg, JsonArg, UserArg};
use crate::encode::Encoder;
use crate::http::{Client, Kept, Minreq};
use crate::input::{Input, Stdin};
use crate::messages::{Secrets, foreign, say};
use crate::output::{Lines, SoFar, Stdout};
use crate::progress::Counts;
use crate::request::template::Template;
use crate::request::{Header, HeaderRule, ImagePart, Json, Part, Request, Shape, UserInfo};
use crate::upload::{Policy, Uploader};

const USER_AGENT: &str = concat!("pngpost/", env!("CARGO_PKG_VERSION"));

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
    let (request, secrets) = request(args)?;
    let request = Arc::new(request);
    let client = client(args, &request)?;
    let policy = Policy {
        retries: args.retries,
        delay: args.retry_delay,
        max_time: args.retry_max_time,
        all_errors: args.retry_all_errors,
        spacing: args.spacing,
    };
    let counts = Arc::new(Counts::default());
    let run = Run {
        input: input(args)?,
        encoder: Encoder { level: args.level, range: args.range },
        uploader: Uploader::new(client, policy, args.keep_going, Arc::clone(&counts)),
        lines: Lines {
            out: Stdout::new().context("stdout")?,
            so_far: SoFar::default(),
            records: args.ndjson,
            keep_going: args.keep_going,
            skip: args.skip,
            request: Arc::clone(&request),
            secrets,
            counts: Arc::clone(&counts),
        },
        request,
        counts,
    };
    if let Some(name) = environment::unused_proxy(&args.url) {
        say(format!("{name} is set; pngpost uses no proxy and connects directly"));
    }
    Ok(run)
}

fn input(args: &Args) -> Result<Input<Stdin>> {
    let stdin = Stdin::new().context("stdin")?;
    match args.headerless {
        Some((size, format)) => Input::headerless(stdin, size, format, args.skip)
            .map_err(|why| anyhow!("--size: {why}")),
        None => Ok(Input::self_describing(stdin, args.skip)),
    }
}

fn client(args: &Args, request: &Arc<Request>) -> Result<Client> {
    let request = Arc::clone(request);
    if args.keeps_connections {
        return Ok(Client::Kept(Box::new(Kept::new(request, args.max_time)?)));
    }
    ensure!(
        !request.url.is_ipv6(),
        "URL: --no-http-keep-alive takes no IPv6 address; use a host name"
    );
    Ok(Client::Minreq(Minreq::new(request, args.max_time)))
}

/// The request, and the secrets that no message may show.
fn request(args: &Args) -> Result<(Request, Secrets)> {
    let rules = header_rules(&args.headers)?;
    let mut secrets = Secrets::default();
    let user = user_info(args)?;
    let shape = shape(&args.body, &rules)?;
    add_secrets(&shape, &mut secrets);
    let values = rules.iter().filter_map(HeaderRule::value);
    values.for_each(|value| secrets.add(value.as_bytes()));
    let headers = headers(args, rules, user, &mut secrets);
    if args.url.https {
        environment::check_certificates()?;
    }
    let path = Template::with_number(args.url.target.as_bytes());
    let path = path.map_err(|why| anyhow!("URL: {why}; '{{{{' itself is %7B%7B"))?;
    let (method, url) = (args.method.clone(), args.url.clone());
    Ok((Request { method, url, path, headers, shape }, secrets))
}

fn add_secrets(shape: &Shape, secrets: &mut Secrets) {
    match shape {
        Shape::Multipart { parts, .. } => {
            let texts = parts.iter().filter_map(Part::value).flat_map(Template::texts);
            texts.for_each(|text| secrets.add(text));
        }
        Shape::Json { json, .. } => json.strings().iter().for_each(|s| secrets.add(s.as_bytes())),
        Shape::Raw { .. } | Shape::Base64 { .. } => {}
    }
}

/// Our own headers, except those that a rule replaces or leaves out; then those of the rules.
fn headers(
    args: &Args,
    rules: Vec<HeaderRule>,
    user: Option<UserInfo>,
    secrets: &mut Secrets,
) -> Vec<Header> {
    let accept = match args.body {
        BodyArg::Json(_) => "application/json",
        BodyArg::Form(_) | BodyArg::Raw | BodyArg::Base64 => "*/*",
    };
    let mut headers = vec![
        Header::new("User-Agent", USER_AGENT),
        Header::new("Accept", accept),
        Header::new("Accept-Encoding", "identity"),
    ];
    if let Some(user) = user {
        let credentials = STANDARD.encode(user.as_bytes());
        user.as_bytes().splitn(2, |&byte| byte == b':').for_each(|secret| secrets.add(secret));
        secrets.add(credentials.as_bytes());
        headers.push(Header::new("Authorization", format!("Basic {credentials}")));
    }
    headers.retain(|own| !rules.iter().any(|rule| own.is(rule.name())));
    headers.extend(rules.into_iter().filter_map(|rule| match rule {
        HeaderRule::Send(header) if !header.is("Content-Type") => Some(header),
        _ => None,
    }));
    headers
}

fn shape(body: &BodyArg, rules: &[HeaderRule]) -> Result<Shape> {
    let mut given = rules.iter().filter(|rule| rule.name().eq_ignore_ascii_case("Content-Type"));
    let rule = given.next();
    ensure!(given.next().is_none(), "--header: Content-Type is given twice");
    let content_type = |own: &str| match rule {
        None => Some(own.to_owned()),
        Some(HeaderRule::Send(header)) => Some(header.value.clone()),
        Some(HeaderRule::Omit(_)) => None,
    };
    Ok(match body {
        BodyArg::Form(form) => {
            let content_type = content_type("multipart/form-data").filter(|it| is_multipart(it));
            let bad = "--header: the Content-Type of a form is multipart/…, without a boundary";
            let content_type = content_type.ok_or_else(|| anyhow!(bad))?;
            Shape::Multipart { parts: parts(form)?, content_type }
        }
        BodyArg::Raw => Shape::Raw { content_type: content_type("image/png") },
        BodyArg::Json(text) => {
            Shape::Json { json: json(text)?, content_type: content_type("application/json") }
        }
        // curl -d sends this type: the documents of servers with such a body say so, and some servers insist.
        BodyArg::Base64 => {
            Shape::Base64 { content_type: content_type("application/x-www-form-urlencoded") }
        }
    })
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

fn header_rules(headers: &[HeaderArg]) -> Result<Vec<HeaderRule>> {
    let mut rules = Vec::new();
    for header in headers {
        match header {
            HeaderArg::Rule(rule) => rules.push(rule.clone()),
            HeaderArg::File(file) => rules.extend(files::header_rules(file)?),
        }
    }
    Ok(rules)
}

fn user_info(args: &Args) -> Result<Option<UserInfo>> {
    match &args.user {
        None => Ok(args.url_user.clone()),
        Some(UserArg::UserInfo(user)) => Ok(Some(user.clone())),
        Some(UserArg::File(file)) => {
            let text = files::without_line_end(files::read("--user", "@FILE", file)?);
            let user = UserInfo::parse(&text);
            user.map(Some).map_err(|why| anyhow!("--user: {}: {why}", file.display()))
        }
    }
}
