//! The value of --pix-fmt. A layout that has another name elsewhere is told by ours.

use std::ffi::OsStr;

use anyhow::{Result, anyhow};

use super::values::one_of;
use crate::frame::PixelFormat;
use crate::messages::shown;

/// Names in lower case, and the layout that is meant. Those of an array's samples leave the channels open.
const ELSEWHERE: [(&str, &str); 8] = [
    ("gray8", "gray"),
    ("l", "gray"),
    ("rgb", "rgb24"),
    ("bgr", "bgr24"),
    ("uint8", "rgb24, or gray"),
    ("uint16", "rgb48le, or gray16le"),
    ("float32", "rgbf32le, or grayf32le"),
    ("float64", "rgbf64le, or grayf64le"),
];

pub fn parse_format(value: &OsStr) -> Result<PixelFormat> {
    one_of(value, &PixelFormat::ALL, |format| format.name).map_err(|error| match meant(value) {
        Some(meant) => anyhow!("{}: no such layout; write {meant}", shown(value)),
        None => error,
    })
}

/// What is meant by a name of another program: in capitals, with an x for the byte that means nothing, with an
/// underscore or nothing before the byte order (GRAY16_LE and BGRx of GStreamer, gray16 of ffmpeg).
fn meant(value: &OsStr) -> Option<&'static str> {
    let name = value.to_str()?.to_ascii_lowercase().replace('x', "0").replace('_', "");
    let is_ours =
        |ours: &&str| ours.strip_prefix(&*name).is_some_and(|rest| ["", "le"].contains(&rest));
    let ours = PixelFormat::ALL.iter().map(|format| format.name).find(is_ours);
    ours.or_else(|| ELSEWHERE.iter().find(|row| row.0 == name).map(|row| row.1))
}
