//! Which options need or exclude each other.

use anyhow::{Result, bail, ensure};

use super::{FormArg, JsonArg, ReachArgs};
use crate::frame::{FrameSize, MAX_FRAME_BYTES, PixelFormat};

/// Which body is sent: a form, unless an option says otherwise.
pub enum BodyArg {
    Form(Vec<FormArg>),
    Raw,
    Json(JsonArg),
    Base64,
}

/// Which kind of images `--size`, `--pix-fmt` and `--range` ask for together.
pub fn headerless(
    size: Option<FrameSize>,
    format: Option<PixelFormat>,
    has_range: bool,
) -> Result<Option<(FrameSize, PixelFormat)>> {
    let Some(size) = size else {
        ensure!(format.is_none(), "--pix-fmt: is the layout of headerless frames; needs --size");
        return Ok(None);
    };
    let format = format.unwrap_or(PixelFormat::RGB24);
    ensure!(
        format.layout().frame_bytes(size).is_some(),
        "--size: {size} {} is over the limit of {MAX_FRAME_BYTES} bytes for a frame",
        format.name()
    );
    ensure!(
        !has_range || format.layout().samples.are_floats(),
        "--range: is for float samples; {} has none",
        format.name()
    );
    Ok(Some((size, format)))
}

/// The one body that `--form`, `--raw`, `--json` and `--body-b64` ask for.
pub fn body(form: Vec<FormArg>, raw: bool, json: Option<JsonArg>, base64: bool) -> Result<BodyArg> {
    let given = [("raw", raw), ("json", json.is_some()), ("body-b64", base64)];
    let mut given = given.iter().filter(|(_, is_given)| *is_given).map(|(long, _)| long);
    if let Some(long) = given.next() {
        ensure!(form.is_empty(), "--{long}: the body is no form; --form cannot go with it");
        if let Some(other) = given.next() {
            bail!("--{other}: cannot go with --{long}; there is one body");
        }
    }
    let images = form.iter().filter(|part| matches!(part, FormArg::Image(_))).count();
    ensure!(images <= 1, "--form: @- is given {images} times; the frame is one part");
    Ok(match json {
        Some(json) => BodyArg::Json(json),
        None if raw => BodyArg::Raw,
        None if base64 => BodyArg::Base64,
        None => BodyArg::Form(form),
    })
}

/// The options about the way to the server: which need another, and none goes with `--minreq`.
pub fn reach(reach: &ReachArgs, is_dry: bool, minreq: bool) -> Result<()> {
    let given = [
        ("proxy", reach.proxy.is_some()),
        ("noproxy", reach.noproxy.is_some()),
        ("cacert", reach.cacert.is_some()),
        ("insecure", reach.insecure),
        ("cert", reach.cert.is_some()),
        ("key", reach.key.is_some()),
        ("unix-socket", reach.unix_socket.is_some()),
        ("connect-timeout", reach.connect_timeout.is_some()),
        ("dry-run", is_dry),
    ];
    if let Some((long, _)) = given.iter().find(|(_, is_given)| *is_given && minreq) {
        bail!("--{long}: cannot go with --minreq");
    }
    ensure!(
        reach.key.is_none() || reach.cert.is_some(),
        "--key: is that of a certificate; needs --cert"
    );
    let has_proxy = reach.proxy.as_ref().is_some_and(Option::is_some);
    ensure!(
        !has_proxy || reach.unix_socket.is_none(),
        "--proxy: cannot go with --unix-socket; a proxy connects to hosts"
    );
    Ok(())
}
