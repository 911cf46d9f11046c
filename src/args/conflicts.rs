//! Options that exclude or need each other, and values that do not go together.

use anyhow::{Result, bail, ensure};

use super::Args;
use crate::frame::MAX_FRAME_BYTES;

/// None of the first options goes with any of the second. The message is that of the first.
pub const EXCLUDED: &[(&str, &str, &str)] = &[
    ("skip", "latest", "cannot go with --latest; which frames are dropped there is chance"),
    ("verbose progress", "quiet", "cannot go with --quiet"),
    ("raw json body-b64", "form form-string", "the body is no form; --form cannot go with it"),
    ("json body-b64", "raw", "cannot go with --raw; there is one body"),
    ("body-b64", "json", "cannot go with --json; there is one body"),
    ("oauth2-bearer", "user", "cannot go with --user; a request has one Authorization"),
    (
        "proxy noproxy cacert insecure cert key unix-socket connect-timeout dry-run",
        "minreq",
        "cannot go with --minreq",
    ),
];

/// Each first option needs the second.
pub const NEEDED: &[(&str, &str, &str)] = &[
    ("pix-fmt", "size", "is the layout of headerless frames; needs --size"),
    ("key", "cert", "is that of a certificate; needs --cert"),
];

pub fn check_names(is_given: impl Fn(&str) -> bool) -> Result<()> {
    let first_of = |options: &'static str| options.split(' ').find(|long| is_given(long));
    for (options, others, why) in EXCLUDED {
        if let (Some(long), Some(_)) = (first_of(options), first_of(others)) {
            bail!("--{long}: {why}");
        }
    }
    for (long, needed, why) in NEEDED {
        ensure!(!is_given(long) || is_given(needed), "--{long}: {why}");
    }
    Ok(())
}

pub fn check_values(args: &Args) -> Result<()> {
    if let Some(size) = args.size {
        let (layout, name) = (args.format.layout, args.format.name);
        ensure!(
            layout.frame_bytes(size).is_some(),
            "--size: {size} {name} is over the limit of {MAX_FRAME_BYTES} bytes for a frame"
        );
        ensure!(
            args.encoder.range.is_none() || layout.samples.are_floats(),
            "--range: is for float samples; {name} has none"
        );
    }
    let has_proxy = args.reach.proxy.as_ref().is_some_and(Option::is_some);
    ensure!(
        !has_proxy || args.reach.unix_socket.is_none(),
        "--proxy: cannot go with --unix-socket; a proxy connects to hosts"
    );
    Ok(())
}
