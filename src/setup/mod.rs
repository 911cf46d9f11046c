//! What the arguments name, opened and put together, before standard input is touched: field, header
//! and user files, the request's headers, the certificates. All errors here are bad usage.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::args::{Args, BodyArg, FormArg, HeaderArg, JsonArg, UserArg};
#[cfg(feature = "keep-alive")]
use crate::http::Kept;
use crate::http::{Client, Target};
use crate::messages::{Secrets, plain};
use crate::request::template::Template;
use crate::request::{Header, HeaderRule, Url, UserInfo};
use crate::request::{ImagePart, Json, Part, Shape};

/// The longest file that is taken for a field's value or for headers.
const MAX_FILE_BYTES: u64 = 16 << 20;

const USER_AGENT: &str = concat!("pngpost/", env!("CARGO_PKG_VERSION"));

/// All that the arguments say of the requests.
pub struct Setup {
    pub shape: Shape,
    pub client: Client,
    pub secrets: Secrets,
}

pub fn setup(args: &Args) -> Result<Setup> {
    let rules = header_rules(&args.headers)?;
    let mut secrets = Secrets::default();
    let accept = match args.body {
        BodyArg::Json(_) => "application/json",
        BodyArg::Form(_) | BodyArg::Raw | BodyArg::Base64 => "*/*",
    };
    let mut headers = vec![Header::new("User-Agent", USER_AGENT), Header::new("Accept", accept)];
    if let Some(user) = user_info(args)? {
        let credentials = STANDARD.encode(user.as_bytes());
        user.as_bytes().splitn(2, |&byte| byte == b':').for_each(|secret| secrets.add(secret));
        secrets.add(credentials.as_bytes());
        headers.push(Header::new("Authorization", format!("Basic {credentials}")));
    }
    let shape = shape(&args.body, &rules)?;
    match &shape {
        Shape::Multipart { parts, .. } => {
            let texts = parts.iter().filter_map(Part::value).flat_map(Template::texts);
            texts.for_each(|text| secrets.add(text));
        }
        Shape::Json { json, .. } => json.strings().iter().for_each(|s| secrets.add(s.as_bytes())),
        Shape::Raw { .. } | Shape::Base64 { .. } => {}
    }
    headers.retain(|own| !rules.iter().any(|rule| own.is(rule.name())));
    // Of "Bearer TOKEN" the token alone is a secret, too.
    let words = rules.iter().filter_map(HeaderRule::value).flat_map(|value| value.split(' '));
    words.for_each(|word| secrets.add(word.as_bytes()));
    headers.extend(rules.into_iter().filter_map(|rule| match rule {
        HeaderRule::Send(header) if !header.is("Content-Type") => Some(header),
        _ => None,
    }));
    if args.url.https {
        check_certificates()?;
    }
    let path = Template::with_number(args.url.target.as_bytes());
    let path = path.map_err(|why| anyhow!("URL: {why}; '{{{{' itself is %7B%7B"))?;
    let target = Target { url: args.url.clone(), path, method: args.method.clone(), headers };
    Ok(Setup { shape, client: client(args, target)?, secrets })
}

#[cfg(feature = "keep-alive")]
fn client(args: &Args, target: Target) -> Result<Client> {
    if !args.keep_alive {
        ensure!(!target.url.is_ipv6(), "URL: IPv6 addresses need --keep-alive; or use a host name");
        return Ok(Client::Minreq(target));
    }
    let client = Kept::new(target, args.jobs, args.max_time);
    client.map(|client| Client::Kept(Box::new(client))).map_err(|why| anyhow!("URL: {why}"))
}

#[cfg(not(feature = "keep-alive"))]
fn client(_: &Args, target: Target) -> Result<Client> {
    ensure!(!target.url.is_ipv6(), "URL: IPv6 addresses are not supported here; use a host name");
    Ok(Client::Minreq(target))
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
        // What curl -d says: the servers that take such a body document it so, and some insist.
        BodyArg::Base64 => {
            Shape::Base64 { content_type: content_type("application/x-www-form-urlencoded") }
        }
    })
}

fn json(argument: &JsonArg) -> Result<Json> {
    match argument {
        JsonArg::Text(text) => Json::parse(text).map_err(|why| anyhow!("--json: {why}")),
        JsonArg::File(file) => {
            let json = Json::parse(&read_file("--json", file)?);
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
                // As it is: whoever wrote the file may not know of templates, and a secret may look like one.
                let value = Template::literal(without_line_end(read_file("--form", file)?));
                Part::Field { name: name.clone(), value }
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
            HeaderArg::File(file) => rules.extend(rules_in(file)?),
        }
    }
    Ok(rules)
}

/// One header from each line that is not empty.
fn rules_in(file: &Path) -> Result<Vec<HeaderRule>> {
    let text = read_file("--header", file)?;
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

fn user_info(args: &Args) -> Result<Option<UserInfo>> {
    match &args.user {
        None => Ok(args.url_user.clone()),
        Some(UserArg::UserInfo(user)) => Ok(Some(user.clone())),
        Some(UserArg::File(file)) => {
            // It may be a user whose name begins with '@', and the password.
            let may_be_secret = file.as_os_str().as_bytes().contains(&b':') && !file.exists();
            ensure!(
                !may_be_secret,
                "--user: @FILE takes USER:PASSWORD from a file; there is no such file"
            );
            let text = without_line_end(read_file("--user", file)?);
            let user = UserInfo::parse(&text);
            user.map(Some).map_err(|why| anyhow!("--user: {}: {why}", file.display()))
        }
    }
}

fn read_file(option: &str, path: &Path) -> Result<Vec<u8>> {
    ensure!(
        !is_stdin(path),
        "{option}: {}: takes another file; standard input is for the frames",
        path.display()
    );
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = read().map_err(|error| anyhow!(plain(&error.to_string())));
    let bytes = bytes.with_context(|| format!("{option}: {}", path.display()))?;
    ensure!(
        bytes.len() as u64 <= MAX_FILE_BYTES,
        "{option}: {}: over the limit of {MAX_FILE_BYTES} bytes",
        path.display()
    );
    Ok(bytes)
}

/// Whether it is what the frames come from, such as /dev/stdin: read here, it would take frames away,
/// or send them as a value. Not so for devices: /dev/null has nothing to lose.
fn is_stdin(path: &Path) -> bool {
    let stdin = io::stdin().as_fd().try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    let (Ok(stdin), Ok(file)) = (stdin, path.metadata()) else { return false };
    (stdin.dev(), stdin.ino()) == (file.dev(), file.ino()) && !file.file_type().is_char_device()
}

fn without_line_end(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&b'\n') {
        text.pop();
        if text.last() == Some(&b'\r') {
            text.pop();
        }
    }
    text
}

/// The TLS crates pass over a certificate file that they can't read without a word, and would then
/// trust nobody: better to say so first.
fn check_certificates() -> Result<()> {
    if let Some(file) = env::var_os("SSL_CERT_FILE") {
        ensure!(!file.is_empty(), "SSL_CERT_FILE: is set to nothing; unset it, or name a file");
        let pem = read_file("SSL_CERT_FILE", Path::new(&file))?;
        let found = memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_some();
        ensure!(found, "SSL_CERT_FILE: {}: holds no PEM certificate", Path::new(&file).display());
    }
    if let Some(folders) = env::var_os("SSL_CERT_DIR") {
        // Empty ones are passed over by the TLS crates, too.
        for folder in env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty()) {
            let listed = folder.read_dir().map_err(|error| anyhow!(plain(&error.to_string())));
            listed.with_context(|| format!("SSL_CERT_DIR: {}", folder.display()))?;
        }
    }
    Ok(())
}

/// The environment variable that asks for a proxy for this URL, after curl's rules: pngpost uses none.
pub fn unused_proxy(url: &Url) -> Option<&'static str> {
    let candidates: &[&'static str] = match url.https {
        true => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        false => &["http_proxy", "all_proxy", "ALL_PROXY"],
    };
    let is_set = |name: &&&'static str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxy = candidates.iter().find(is_set)?;
    let exceptions = env::var("no_proxy").or_else(|_| env::var("NO_PROXY")).unwrap_or_default();
    let spares_host = |pattern: &str| {
        let pattern = pattern.trim().trim_start_matches('.').to_ascii_lowercase();
        let is_parent = || url.host.strip_suffix(&pattern).is_some_and(|rest| rest.ends_with('.'));
        pattern == "*" || (!pattern.is_empty() && (url.host == pattern || is_parent()))
    };
    (!exceptions.split(',').any(spares_host)).then_some(proxy)
}
