//! An upload into what is said of it. Only one whole PNG is described: decoded to its end, with all its
//! checksums right and nothing after it.

use std::io::Cursor;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::upload::Upload;

/// The most bytes of pixels that are decoded: what pngpost takes for a frame. A header that lies
/// must not exhaust the memory.
const MAX_PIXEL_BYTES: usize = 1 << 30;

pub fn describe(upload: &Upload) -> Result<Value> {
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
