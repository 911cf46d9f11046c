//! PNG images, passed on byte for byte (PNG specification, third edition).
//!
//! An image that is passed on begins with the signature and IHDR, ends with IEND, has its IDAT chunks in one
//! run, and each chunk's CRC is right. We do not decompress the data of IDAT.

use std::io::Read;

use byteorder::{BE, ByteOrder};

use crate::frame::{FrameSize, MAX_FRAME_BYTES};

use super::source::Source;
use super::{Cause, frame_size, malformed};

pub const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The last chunk from its type on, which some writers repeat. Its length is 0, and is passed over as NULs are.
pub const END: [u8; 8] = *b"IEND\xaeB`\x82";

/// Length and type before a chunk's data.
const HEAD: usize = 8;

/// The CRC after it.
const CRC: usize = 4;

/// The length of IHDR's data.
const IHDR_BYTES: usize = 13;

pub fn read<R: Read>(source: &mut Source<R>, bytes: &mut Vec<u8>) -> Result<FrameSize, Cause> {
    bytes.clear();
    // Every PNG is at least this long.
    source.append(bytes, SIGNATURE.len() + HEAD)?;
    if bytes[..SIGNATURE.len()] != SIGNATURE {
        return malformed("begins like PNG, but its signature is broken");
    }
    let mut order = Order::default();
    loop {
        let head = bytes.len() - HEAD;
        let length = BE::read_u32(&bytes[head..]);
        let kind = [bytes[head + 4], bytes[head + 5], bytes[head + 6], bytes[head + 7]];
        order.check(kind, length).or_else(|what| broken(kind, head, what))?;
        let is_last = kind == *b"IEND";
        // Another chunk follows each but the last, so we read its head with the same call.
        let rest = (length as usize).saturating_add(CRC + if is_last { 0 } else { HEAD });
        if rest > MAX_FRAME_BYTES - bytes.len() {
            return malformed(format!("PNG is over the limit of {MAX_FRAME_BYTES} bytes"));
        }
        source.append(bytes, rest)?;
        let data = head + HEAD..head + HEAD + length as usize;
        if crc32fast::hash(&bytes[head + 4..data.end]) != BE::read_u32(&bytes[data.end..]) {
            return broken(kind, head, "its CRC is wrong");
        }
        order.take_in(kind, &bytes[data])?;
        if is_last {
            // IHDR comes first.
            return size(&bytes[SIGNATURE.len() + HEAD..]);
        }
    }
}

fn broken<T>(kind: [u8; 4], offset: usize, what: &str) -> Result<T, Cause> {
    malformed(format!("PNG chunk {} at byte {offset}: {what}", kind.escape_ascii()))
}

/// The chunks that have come.
#[derive(Default)]
struct Order {
    last: Option<[u8; 4]>,
    color_type: u8,
    has_palette: bool,
    has_data: bool,
}

impl Order {
    /// Whether a chunk of this type and length may come now.
    fn check(&self, kind: [u8; 4], length: u32) -> Result<(), &'static str> {
        match &kind {
            b"IHDR" if self.last.is_some() => Err("it comes twice"),
            b"IHDR" if length as usize != IHDR_BYTES => Err("its length is not 13"),
            b"IHDR" => Ok(()),
            _ if self.last.is_none() => Err("the first chunk must be IHDR"),
            b"PLTE" if self.has_palette => Err("it comes twice"),
            b"PLTE" if self.has_data => Err("it comes after IDAT"),
            b"PLTE" if matches!(self.color_type, 0 | 4) => Err("grey has no palette"),
            b"PLTE" if !length.is_multiple_of(3) || !(3..=768).contains(&length) => {
                Err("its length is not that of 1 to 256 colors")
            }
            b"IDAT" if self.color_type == 3 && !self.has_palette => Err("no PLTE before it"),
            b"IDAT" if self.has_data && self.last != Some(*b"IDAT") => {
                Err("another chunk stands between it and the IDAT before")
            }
            b"IEND" if length != 0 => Err("its length is not 0"),
            b"IEND" if !self.has_data => Err("no IDAT before it"),
            _ => Ok(()),
        }
    }

    /// Notes a chunk that has passed `check` and is whole.
    fn take_in(&mut self, kind: [u8; 4], data: &[u8]) -> Result<(), Cause> {
        self.last = Some(kind);
        match &kind {
            b"IHDR" => {
                check_header(data)?;
                self.color_type = data[9];
            }
            b"PLTE" => self.has_palette = true,
            b"IDAT" => self.has_data = true,
            _ => {}
        }
        Ok(())
    }
}

fn size(header: &[u8]) -> Result<FrameSize, Cause> {
    frame_size(BE::read_u32(header).into(), BE::read_u32(&header[4..]).into())
}

fn check_header(data: &[u8]) -> Result<(), Cause> {
    size(data)?;
    let (bit_depth, color_type) = (data[8], data[9]);
    let fits = match color_type {
        0 => matches!(bit_depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(bit_depth, 1 | 2 | 4 | 8),
        2 | 4 | 6 => matches!(bit_depth, 8 | 16),
        _ => false,
    };
    if !fits {
        return malformed(format!("PNG has no color type {color_type} with bit depth {bit_depth}"));
    }
    match (data[10], data[11], data[12]) {
        (0, 0, 0 | 1) => Ok(()),
        _ => malformed("PNG has an unknown compression, filter or interlace method"),
    }
}
