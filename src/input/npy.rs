//! .npy arrays (numpy.lib.format, versions 1.0, 2.0 and 3.0): one image, or N in one array.
//!
//! The header is a Python dict in text, with three keys. An array that is no image is refused with the numpy call
//! that makes it one.

use std::io::Read;

use serde_json::Value;

use crate::frame::{ByteOrder, ChannelOrder, Color, FrameSize, Layout, Samples};
use crate::messages::foreign;

use super::source::Source;
use super::{Cause, frame_size, malformed};

/// The first bytes of every array.
pub const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header, in bytes: the limit of version 1.0.
pub const MAX_HEADER_BYTES: usize = 65535;

/// Images of one size and layout that follow each other without a gap.
#[derive(Debug, PartialEq, Eq)]
pub struct Array {
    /// The number of images still to come.
    pub left: u64,
    pub size: FrameSize,
    pub layout: Layout,
}

pub fn read_header<R: Read>(source: &mut Source<R>) -> Result<Array, Cause> {
    let mut magic = [0; 6];
    source.fill(&mut magic)?;
    if magic != MAGIC {
        return malformed("begins like .npy, but its magic number is broken");
    }
    let (mut version, mut length) = ([0; 2], [0; 4]);
    source.fill(&mut version)?;
    match version {
        [1, 0] => source.fill(&mut length[..2])?,
        [2 | 3, 0] => source.fill(&mut length)?,
        [major, minor] => {
            return malformed(format!(
                ".npy version {major}.{minor} is not read; versions 1.0, 2.0 and 3.0 are"
            ));
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER_BYTES {
        return malformed(format!(
            ".npy header of {length} bytes is over the limit of {MAX_HEADER_BYTES}"
        ));
    }
    let mut text = vec![0; length];
    source.fill(&mut text)?;
    match dict(&text) {
        Some(dict) => array(&dict),
        None => malformed(".npy header is not the dict that numpy writes"),
    }
}

/// The dict of a header.
struct Dict {
    /// `None` if it is structured: a list, not a name.
    dtype: Option<String>,
    fortran_order: bool,
    shape: Vec<u64>,
}

/// What makes JSON of the literal that numpy writes, which has a comma behind its last item.
const AS_JSON: [(&str, &str); 9] = [
    ("'", "\""),
    ("True", "true"),
    ("False", "false"),
    ("(", "["),
    (")", "]"),
    // In this order, so that of two commas one stays.
    (",}", "}"),
    (", }", "}"),
    (",]", "]"),
    (", ]", "]"),
];

fn dict(text: &[u8]) -> Option<Dict> {
    // With quotes of two kinds in it, a string would end at either.
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains('"'))?;
    let json = AS_JSON.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let Ok(Value::Object(dict)) = serde_json::from_str(&json) else { return None };
    if dict.len() != 3 {
        return None;
    }
    let dtype = match dict.get("descr")? {
        Value::String(dtype) => Some(dtype.clone()),
        Value::Array(_) => None,
        _ => return None,
    };
    let fortran_order = dict.get("fortran_order")?.as_bool()?;
    let axes = dict.get("shape")?.as_array()?;
    let shape = axes.iter().map(Value::as_u64).collect::<Option<_>>()?;
    Some(Dict { dtype, fortran_order, shape })
}

fn array(header: &Dict) -> Result<Array, Cause> {
    let Some(dtype) = &header.dtype else {
        return malformed(".npy dtype is structured; save one field of it, a['name'], instead");
    };
    let samples = samples(dtype)?;
    let shape = header.shape.as_slice();
    let (left, height, width, channels) = match *shape {
        [height, width] => (1, height, width, 1),
        [height, width, channels] => (1, height, width, channels),
        [count, height, width, channels] => (count, height, width, channels),
        _ => return no_image(shape),
    };
    // N images of a size may be none: then they are no frames.
    let color = Color::of_channels(channels).filter(|_| width > 0 && height > 0);
    let Some(color) = color else { return no_image(shape) };
    // An array of one row or of no images has the same bytes in both orders.
    let has_order = left > 0 && shape.iter().filter(|&&axis| axis > 1).count() > 1;
    if header.fortran_order && has_order {
        return malformed(".npy is in Fortran order; save np.ascontiguousarray(a) instead");
    }
    let size = frame_size(width, height)?;
    let layout = Layout { color, order: ChannelOrder::Png, samples };
    Ok(Array { left, size, layout })
}

/// A dtype is a byte order and a type: `<f4`. Without an order, or with `=` or `|`, it is that of the machine, as
/// numpy reads it. In numpy a name as long as `float32` has none.
fn samples(dtype: &str) -> Result<Samples, Cause> {
    let order = match dtype.as_bytes() {
        [b'<', ..] => ByteOrder::Little,
        [b'>', ..] => ByteOrder::Big,
        _ => ByteOrder::NATIVE,
    };
    Ok(match dtype.strip_prefix(['<', '>', '=', '|']).unwrap_or(dtype) {
        "u1" | "B" | "uint8" | "ubyte" => Samples::U8,
        "u2" | "H" | "uint16" | "ushort" => Samples::U16(order),
        "f4" | "f" | "float32" | "single" => Samples::F32(order),
        "f8" | "d" | "float64" | "double" | "float" => Samples::F64(order),
        other => {
            let cast = match other {
                "b1" | "?" | "bool" | "bool_" => "a.astype(np.uint8) * 255",
                "half" | "longdouble" => "a.astype(np.float32)",
                _ if other.starts_with(['f', 'e', 'g']) => "a.astype(np.float32)",
                _ => "a.astype(np.uint8), np.uint16 or np.float32",
            };
            let dtype = foreign(dtype);
            return malformed(format!(".npy dtype {dtype} is not read; save {cast} instead"));
        }
    })
}

fn no_image<T>(shape: &[u64]) -> Result<T, Cause> {
    let axes = foreign(&shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", "));
    let comma = if shape.len() == 1 { "," } else { "" };
    let why = match shape.contains(&0) {
        true => "holds no pixels".to_owned(),
        false => format!("is no image; {}", advice(shape)),
    };
    malformed(format!(".npy shape ({axes}{comma}) {why}"))
}

/// The numpy call for a shape that is no image.
fn advice(shape: &[u64]) -> &'static str {
    match shape {
        [] => "it is a single number, without rows and columns",
        [1..=4, _, _] => "channels are the last axis: save a.transpose(1, 2, 0)",
        [_, 1..=4, _, _] => "channels are the last axis: save a.transpose(0, 2, 3, 1)",
        [_, _, _] => "1 to 4 channels are the last axis; N grey frames: save a[..., np.newaxis]",
        [_, _, _, _] => "1 to 4 channels are the last axis",
        [_, _, _, _, _, ..] => "save a.reshape(-1, height, width, channels)",
        _ => "save a.reshape(height, width)",
    }
}
