//! .npy arrays (numpy.lib.format, versions 1.0, 2.0 and 3.0): one image, or N in one array.
//!
//! The header is a Python dict in text. We know that dict's three keys and the kinds of their values, and
//! refuse anything else with the numpy call that avoids it.

use std::io::Read;

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
    match Literal::header(&text, version[0] < 3) {
        Some(header) => array(&header?),
        None => malformed(".npy header is not the dict that numpy writes"),
    }
}

/// The dict of a header.
struct Dict {
    dtype: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

fn array(header: &Dict) -> Result<Array, Cause> {
    let samples = samples(&header.dtype)?;
    let shape = header.shape.as_slice();
    // An array of one row or of no images has the same bytes in both orders.
    let has_order = !shape.contains(&0) && shape.iter().filter(|&&axis| axis > 1).count() > 1;
    if header.fortran_order && has_order {
        return malformed(".npy is in Fortran order; save np.ascontiguousarray(a) instead");
    }
    let (left, height, width, channels) = match *shape {
        [height, width] => (1, height, width, 1),
        [height, width, channels] => (1, height, width, channels),
        [count, height, width, channels] => (count, height, width, channels),
        _ => return no_image(shape),
    };
    let Some(color) = Color::of_channels(channels) else { return no_image(shape) };
    let size = frame_size(width, height)?;
    let layout = Layout { color, order: ChannelOrder::Png, samples };
    Ok(Array { left, size, layout })
}

/// A dtype is a byte order and a type: `<f4`. Without an order, or with `=` or `|`, it is that of the machine, as
/// numpy reads it.
fn samples(dtype: &str) -> Result<Samples, Cause> {
    let (order, kind) = match dtype.strip_prefix(['<', '>', '=', '|']) {
        Some(kind) if dtype.starts_with('<') => (ByteOrder::Little, kind),
        Some(kind) if dtype.starts_with('>') => (ByteOrder::Big, kind),
        Some(kind) => (ByteOrder::NATIVE, kind),
        None => (ByteOrder::NATIVE, dtype),
    };
    Ok(match kind {
        "u1" => Samples::U8,
        "u2" => Samples::U16(order),
        "f4" => Samples::F32(order),
        "f8" => Samples::F64(order),
        other => {
            let cast = match other.as_bytes().first() {
                Some(b'b') => "a.astype(np.uint8) * 255",
                Some(b'f') => "a.astype(np.float32)",
                _ => "a.astype(np.uint8), np.uint16 or np.float32",
            };
            let dtype = foreign(dtype);
            return malformed(format!(".npy dtype {dtype} is not read; save {cast} instead"));
        }
    })
}

/// The error for such a shape, which it has in Python's notation.
fn no_image<T>(shape: &[u64]) -> Result<T, Cause> {
    let axes = shape.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let comma = if shape.len() == 1 { "," } else { "" };
    malformed(format!(".npy shape ({axes}{comma}) is no image; {}", advice(shape)))
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

/// The rest of a Python literal. Each method takes a piece off; `None`: that piece is not there.
struct Literal<'a> {
    text: &'a [u8],
    /// Python 2 wrote long integers with an L. Version 3.0 is later.
    may_be_long: bool,
}

impl Literal<'_> {
    /// The whole header. The error: it is a valid header, but not one that we take.
    fn header(text: &[u8], may_be_long: bool) -> Option<Result<Dict, Cause>> {
        let mut literal = Literal { text, may_be_long };
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        literal.take(b'{')?;
        while literal.take(b'}').is_none() {
            let key = literal.string()?;
            literal.take(b':')?;
            match key.as_str() {
                "descr" if dtype.is_none() && matches!(literal.next()?, b'[' | b'(') => {
                    let what = "is structured; save one field of it, a['name'], instead";
                    return Some(malformed(format!(".npy dtype {what}")));
                }
                "descr" if dtype.is_none() => dtype = Some(literal.string()?),
                "fortran_order" if fortran_order.is_none() => {
                    fortran_order = Some(literal.boolean()?);
                }
                "shape" if shape.is_none() => shape = Some(literal.integers()?),
                _ => return None,
            }
            if literal.take(b',').is_none() && literal.next()? != b'}' {
                return None;
            }
        }
        let is_whole = literal.next().is_none();
        let header = Dict { dtype: dtype?, fortran_order: fortran_order?, shape: shape? };
        is_whole.then_some(Ok(header))
    }

    /// The next byte that is no blank; it is not taken off.
    fn next(&mut self) -> Option<u8> {
        self.text = self.text.trim_ascii_start();
        self.text.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.text = &self.text[1..])
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.next().filter(|byte| matches!(byte, b'\'' | b'"'))?;
        let length = self.text[1..].iter().position(|&byte| byte == quote)?;
        let (string, rest) = (&self.text[1..=length], &self.text[length + 2..]);
        self.text = rest;
        Some(String::from_utf8_lossy(string).into_owned())
    }

    fn boolean(&mut self) -> Option<bool> {
        let value = self.next()? == b'T';
        self.text = self.text.strip_prefix(if value { &b"True"[..] } else { b"False" })?;
        Some(value)
    }

    fn integers(&mut self) -> Option<Vec<u64>> {
        let mut integers = Vec::new();
        self.take(b'(')?;
        while self.take(b')').is_none() {
            integers.push(self.integer()?);
            if self.take(b',').is_none() && self.next()? != b')' {
                return None;
            }
        }
        Some(integers)
    }

    /// Python takes no zeros before another digit.
    fn integer(&mut self) -> Option<u64> {
        self.next()?;
        let length = self.text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.text.split_at(length);
        self.text = rest.strip_prefix(b"L").filter(|_| self.may_be_long).unwrap_or(rest);
        let integer = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (integer == 0 || !digits.starts_with(b"0")).then_some(integer)
    }
}
