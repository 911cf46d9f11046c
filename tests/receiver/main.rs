//! receiver: a server on loopback to try a pipeline on, `cargo run --example receiver`.
//!
//! It takes a PNG on any path and by any method, in a form (axum's multipart parser) or as the bare
//! body, and answers what it has seen as one JSON object on one line. 200 stands for one image, decoded
//! to its end, with all its checksums right and nothing after it; anything else is 400 and an "error".
//! The body is read whole before it is judged, so that a client always gets its answer.

use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail, ensure};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime, task};

const HELP: &str = "\
Usage: cargo run --example receiver [-- OPTION...]

A server on 127.0.0.1 to try pngpost on. It takes PNG uploads on any path, in a
form or as the bare body, and answers each with one line of JSON:

  width, height, color_type, bit_depth
                 as in the PNG's header
  crc32          of the decoded pixels, 8 hex digits; in Python, for a frame of
                 rgb24, rgba, gray or ya8: '%08x' % zlib.crc32(frame)
  fields         the form's text fields, each as [name, value], in their order
  part, file_name, content_type
                 of the image; null where there is none

Anything but one whole PNG is answered with status 400 and {\"error\": ...}.

      --port N   listen on port N [0: a free one]
  -h, --help     this text

The first line on standard output is 'listening on http://127.0.0.1:PORT/'.
Ctrl-C ends it.
";

/// The most bytes of pixels that are decoded: what pngpost takes for a frame. A header that lies
/// must not exhaust the memory.
const MAX_PIXEL_BYTES: usize = 1 << 30;

struct Options {
    port: u16,
}

fn main() -> ExitCode {
    let (failure, result) = match parse(std::env::args_os().skip(1)) {
        Ok(None) => (1, print(HELP)),
        Ok(Some(options)) => (1, serve(&options)),
        Err(error) => (2, Err(error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "receiver: {error:#}");
            ExitCode::from(failure)
        }
    }
}

/// `None` asks for help.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>> {
    use lexopt::Arg::{Long, Short};
    let mut options = Options { port: 0 };
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("port") => options.port = port(parser.value()?)?,
            Long("help") | Short('h') => return Ok(None),
            argument => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(options))
}

fn port(value: OsString) -> Result<u16> {
    let port = value.to_str().and_then(|text| text.parse().ok());
    port.ok_or_else(|| anyhow!("--port: takes a whole number from 0 to 65535"))
}

fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| anyhow!("stdout: {}", error.kind()))
}

fn serve(options: &Options) -> Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| anyhow!("{address}: {}", error.kind()))?;
        print(&format!("listening on http://{}/\n", listener.local_addr()?))?;
        // axum's limit of 2 MB is for servers on the open net.
        let app = Router::new().fallback(take).layer(DefaultBodyLimit::disable());
        axum::serve(listener, app).await.context("serve")
    })
}

async fn take(request: Request) -> Response {
    let (status, answer) = match answer(request).await {
        Ok(seen) => (StatusCode::OK, seen),
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": format!("{error:#}") })),
    };
    (status, [(CONTENT_TYPE, "application/json")], format!("{answer}\n")).into_response()
}

/// A request into what is said of it; every error is the client's.
async fn answer(request: Request) -> Result<Value> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.context("body")?;
    let upload = if is_form(&head.headers) {
        let request = Request::from_parts(head, Body::from(body));
        form_upload(request).await?
    } else {
        raw_upload(&head.headers, body)?
    };
    // Decoding must not keep other connections waiting.
    task::spawn_blocking(move || describe(&upload)).await.context("decoder")?
}

/// The image that a request brings, and what came with it.
struct Upload {
    /// Names and values of the text fields, in their order.
    fields: Vec<(Option<String>, String)>,
    part: Option<String>,
    file_name: Option<String>,
    content_type: Option<String>,
    png: Bytes,
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("multipart/form-data")
}

fn raw_upload(headers: &HeaderMap, png: Bytes) -> Result<Upload> {
    ensure!(!png.is_empty(), "no image: the body is empty");
    let content_type = content_type(headers);
    Ok(Upload { fields: Vec::new(), part: None, file_name: None, content_type, png })
}

/// A part with a file name is an image, any other one a field. Names stand as axum reads them: escapes
/// such as %22 are kept, and a name that is not UTF-8 is none.
async fn form_upload(request: Request) -> Result<Upload> {
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| anyhow!("form: {}", error.body_text()))?;
    let (mut fields, mut images) = (Vec::new(), Vec::new());
    while let Some(part) = form.next_field().await.map_err(form_error)? {
        let name = part.name().map(str::to_owned);
        let file_name = part.file_name().map(str::to_owned);
        let content_type = content_type(part.headers());
        let bytes = part.bytes().await.map_err(form_error)?;
        match file_name {
            None => fields.push((name, String::from_utf8_lossy(&bytes).into_owned())),
            Some(_) => images.push((name, file_name, content_type, bytes)),
        }
    }
    ensure!(images.len() < 2, "{} images: takes one", images.len());
    let Some((part, file_name, content_type, png)) = images.pop() else {
        bail!("no image: no part of the form has a file name");
    };
    Ok(Upload { fields, part, file_name, content_type, png })
}

fn form_error(error: axum::extract::multipart::MultipartError) -> anyhow::Error {
    anyhow!("form: {}", error.body_text())
}

fn describe(upload: &Upload) -> Result<Value> {
    let (info, pixels) = decode(&upload.png).context("no whole PNG")?;
    Ok(json!({
        "width": info.width,
        "height": info.height,
        "color_type": color_type(info.color_type),
        "bit_depth": info.bit_depth as u8,
        "crc32": format!("{:08x}", crc32fast::hash(&pixels)),
        "fields": upload.fields,
        "part": upload.part,
        "file_name": upload.file_name,
        "content_type": upload.content_type,
    }))
}

fn color_type(color_type: png::ColorType) -> &'static str {
    match color_type {
        png::ColorType::Grayscale => "grayscale",
        png::ColorType::GrayscaleAlpha => "grayscale-alpha",
        png::ColorType::Rgb => "rgb",
        png::ColorType::Rgba => "rgba",
        png::ColorType::Indexed => "indexed",
    }
}

/// The pixels as the PNG holds them, row after row: 16-bit samples big-endian, samples of under 8 bits
/// packed, indexed ones as indices.
fn decode(bytes: &[u8]) -> Result<(png::OutputInfo, Vec<u8>)> {
    let mut strict = png::DecodeOptions::default();
    strict.set_ignore_checksums(false);
    strict.set_skip_ancillary_crc_failures(false);
    let mut cursor = Cursor::new(bytes);
    let mut decoder = png::Decoder::new_with_options(&mut cursor, strict);
    decoder.set_limits(png::Limits { bytes: MAX_PIXEL_BYTES });
    let mut reader = decoder.read_info()?;
    let size = reader.output_buffer_size().filter(|&size| size <= MAX_PIXEL_BYTES);
    let size =
        size.ok_or_else(|| anyhow!("over the limit of {MAX_PIXEL_BYTES} bytes of pixels"))?;
    let indexed = reader.info().color_type == png::ColorType::Indexed;
    ensure!(!indexed || reader.info().palette.is_some(), "no palette");
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels)?;
    reader.finish()?;
    drop(reader);
    pixels.truncate(info.buffer_size());
    let after = bytes.len() as u64 - cursor.position();
    ensure!(after == 0, "{after} bytes after IEND");
    Ok((info, pixels))
}
