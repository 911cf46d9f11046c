//! The value of --pix-fmt. A layout that has another name elsewhere is told by ours.

use std::ffi::OsStr;

use anyhow::{Result, anyhow};

use super::values::one_of;
use crate::frame::PixelFormat;
use crate::messages::shown;

/// Names of numpy, GStreamer and others, without underscores, and ffmpeg's without a byte order; and those that are meant.
const ELSEWHERE: &[(&str, &str)] = &[
    ("gray8 grey grey8 y8 l", "gray"),
    ("gray16 grey16", "gray16le"),
    ("ya gray8a", "ya8"),
    ("ya16", "ya16le"),
    ("rgb rgb888", "rgb24"),
    ("bgr bgr888", "bgr24"),
    ("rgbx", "rgb0"),
    ("bgrx", "bgr0"),
    ("xrgb", "0rgb"),
    ("xbgr", "0bgr"),
    ("rgb48", "rgb48le"),
    ("rgba64", "rgba64le"),
    ("grayf32", "grayf32le"),
    ("rgbf32", "rgbf32le"),
    ("uint8 u8 u1", "rgb24, or gray"),
    ("uint16 u16 u2", "rgb48le, or gray16le"),
    ("float32 float f32 f4", "rgbf32le, or grayf32le"),
    ("float64 double f64 f8", "rgbf64le, or grayf64le"),
];

pub fn parse_format(value: &OsStr) -> Result<PixelFormat> {
    one_of(value, &PixelFormat::ALL, |format| format.name).map_err(|error| match meant(value) {
        Some(meant) => anyhow!("{}: no such layout; write {meant}", shown(value)),
        None => error,
    })
}

fn meant(value: &OsStr) -> Option<&'static str> {
    let name = value.to_str()?.to_ascii_lowercase().replace('_', "");
    let ours = PixelFormat::ALL.iter().map(|format| format.name).find(|ours| *ours == name);
    let is_in = |names: &str| names.split(' ').any(|known| known == name);
    ours.or_else(|| ELSEWHERE.iter().find(|row| is_in(row.0)).map(|row| row.1))
}
