//! PGM, PPM and PAM (netpbm's pgm(5), ppm(5), pam(5)), as netpbm, ffmpeg and ImageMagick write
//! them.
//!
//! The length of a header shows only at its end, so we read it byte by byte. Samples keep their maxval; the
//! encoder scales them.

use std::collections::HashMap;
use std::io::Read;

use crate::frame::{ByteOrder, ChannelOrder, Color, FrameSize, Layout, Samples};
use crate::messages::{count_of, foreign};

use super::source::Source;
use super::{Cause, Image, frame_size, malformed, unread};

/// The longest header, comments included.
pub const MAX_HEADER_BYTES: u64 = 64 << 10;

/// `behind`: the number and the kind of the image before this one.
pub fn read<R: Read>(
    source: &mut Source<R>,
    behind: Option<(u64, &str)>,
    bytes: &mut Vec<u8>,
) -> Result<Image, Cause> {
    let mut magic = [0; 2];
    source.fill(&mut magic)?;
    match magic[1] {
        kind @ b'1'..=b'4' => malformed(unread_kind(kind)),
        kind @ b'5'..=b'7' => {
            let (size, layout) = read_header(kind, source)?;
            source.samples(size, layout, bytes)
        }
        _ => malformed(unread::why(&magic, behind)),
    }
}

/// The advice for P1 to P4.
fn unread_kind(kind: u8) -> &'static str {
    match kind {
        b'1' | b'4' => "PBM is not read; 'pamdepth 255' turns it into PGM",
        _ => "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary",
    }
}

/// Why `bytes` are no headerless frames, if they begin with a whole header. Frames do not begin so by chance.
pub fn why_not_headerless(bytes: &[u8]) -> Option<String> {
    let [b'P', kind @ b'1'..=b'7', rest @ ..] = bytes else { return None };
    match (kind, read_header(*kind, &mut Source::new(rest))) {
        (b'1'..=b'4', Ok(_)) => Some(unread_kind(*kind).to_owned()),
        (b'5', Ok(_)) => Some("begins as a PGM does; leave --size out".to_owned()),
        (b'6', Ok(_)) => Some("begins as a PPM does; leave --size out".to_owned()),
        (b'7', Ok(_)) => Some("begins as a PAM does; leave --size out".to_owned()),
        // The message of a header that is whole, and not read.
        (b'7', Err(Cause::Malformed(why))) if rest.windows(8).any(|it| it == b"\nENDHDR\n") => {
            Some(why)
        }
        _ => None,
    }
}

fn read_header<R: Read>(kind: u8, source: &mut Source<R>) -> Result<(FrameSize, Layout), Cause> {
    let mut header = HeaderReader { source };
    let (width, height, color, maxval) = match kind {
        b'7' => header.pam()?,
        _ => header.plain(kind)?,
    };
    let samples = match maxval {
        0 => return malformed("maxval is 0; it must be from 1 to 65535"),
        255 => Samples::U8,
        65535 => Samples::U16(ByteOrder::Big),
        maxval => match u16::try_from(maxval) {
            Ok(maxval) => Samples::Maxval(maxval),
            Err(_) => return malformed(format!("maxval {maxval} is over 65535")),
        },
    };
    let layout = Layout { color, order: ChannelOrder::Png, samples };
    Ok((frame_size(width, height)?, layout))
}

/// Width, height, channels, maxval.
type Fields = (u64, u64, Color, u64);

struct HeaderReader<'a, R> {
    source: &'a mut Source<R>,
}

impl<R: Read> HeaderReader<'_, R> {
    fn byte(&mut self) -> Result<u8, Cause> {
        if self.source.taken() >= MAX_HEADER_BYTES {
            return malformed(format!("PNM header is over the limit of {MAX_HEADER_BYTES} bytes"));
        }
        let mut byte = [0];
        self.source.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// Two numbers for PBM, which has no maxval, or else three. One blank after the last of them ends the header.
    fn plain(&mut self, kind: u8) -> Result<Fields, Cause> {
        // Without this, "P564 64 255" would be an image.
        match self.byte()? {
            b'#' => self.comment()?,
            byte if is_blank(byte) => {}
            _ => return malformed("no blank after the magic number of PNM"),
        }
        let (width, height) = (self.number("width")?, self.number("height")?);
        Ok(match kind {
            b'1' | b'4' => (width, height, Color::Gray, 1),
            b'2' | b'5' => (width, height, Color::Gray, self.number("maxval")?),
            _ => (width, height, Color::Rgb, self.number("maxval")?),
        })
    }

    /// A number, with blanks and comments before it, and the one blank or comment after it.
    fn number(&mut self, name: &str) -> Result<u64, Cause> {
        let mut digits = String::new();
        loop {
            match self.byte()? {
                digit @ b'0'..=b'9' => {
                    digits.push(digit.into());
                    continue;
                }
                b'#' => self.comment()?,
                byte if is_blank(byte) => {}
                // netpbm ends a number with any byte, and begins none behind these.
                b'\x0b' | b'\x0c' if !digits.is_empty() => {}
                _ => return malformed(format!("PNM header: {name} is not a number")),
            }
            if !digits.is_empty() {
                let too_large = |_| malformed(format!("PNM header: {name} is too large"));
                return digits.parse().or_else(too_large);
            }
        }
    }

    /// The rest of a comment, with its line end.
    fn comment(&mut self) -> Result<(), Cause> {
        while !matches!(self.byte()?, b'\n' | b'\r') {}
        Ok(())
    }

    /// Lines with a name and a value, in any order, up to ENDHDR. A name that comes again belongs to another image: ENDHDR
    /// is missing.
    fn pam(&mut self) -> Result<Fields, Cause> {
        let rest = self.line()?;
        if !rest.is_empty() && !rest.starts_with('#') {
            return malformed("no line end after the magic number of PAM");
        }
        let mut values = HashMap::new();
        loop {
            let line = self.line()?;
            let (name, value) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
            match name {
                "ENDHDR" => break,
                "WIDTH" | "HEIGHT" | "DEPTH" | "MAXVAL" | "TUPLTYPE" => {
                    if values.insert(name.to_owned(), value.trim().to_owned()).is_some() {
                        return malformed(format!("PAM header: {name} is given twice"));
                    }
                }
                _ if name.is_empty() || name.starts_with('#') => {}
                _ => return malformed(format!("PAM header: {} is unknown", foreign(name))),
            }
        }
        let number = |name| match values.get(name).map(|value| value.parse()) {
            Some(Ok(number)) => Ok(number),
            Some(Err(_)) => malformed(format!("PAM header: {name} is not a number, or too large")),
            None => malformed(format!("PAM header: no {name}")),
        };
        let tuple_type = values.get("TUPLTYPE").map_or("", String::as_str);
        let color = pam_color(number("DEPTH")?, tuple_type)?;
        Ok((number("WIDTH")?, number("HEIGHT")?, color, number("MAXVAL")?))
    }

    /// A line without blanks around it.
    fn line(&mut self) -> Result<String, Cause> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
                byte => line.push(byte),
            }
        }
    }
}

fn pam_color(depth: u64, tuple_type: &str) -> Result<Color, Cause> {
    let color = match tuple_type {
        "" => {
            return malformed(
                "PAM header: no TUPLTYPE says what its channels are (OpenCV's are B G R); \
                 write PPM, as -c:v ppm does in ffmpeg, or convert to RGB and write raw frames",
            );
        }
        "BLACKANDWHITE" | "GRAYSCALE" => Color::Gray,
        "BLACKANDWHITE_ALPHA" | "GRAYSCALE_ALPHA" => Color::GrayAlpha,
        "RGB" => Color::Rgb,
        "RGB_ALPHA" => Color::Rgba,
        other => {
            return malformed(format!(
                "PAM tuple type {} is not read; BLACKANDWHITE GRAYSCALE RGB are, and _ALPHA",
                foreign(other)
            ));
        }
    };
    if color.channels() as u64 == depth {
        return Ok(color);
    }
    malformed(format!(
        "PAM header: DEPTH is {depth}, but {tuple_type} has {}",
        count_of(color.channels() as u64, "channel", "channels")
    ))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
