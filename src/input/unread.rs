//! Bytes that are no image that is read. Of the kinds that are told by their header, a message names the command that
//! makes frames of them.
//!
//! One table serves streams with and without --size, so each magic number is longer than chance makes in pixels.

const STILL: &str = "'convert - png:-' turns it into PNG";
const FRAMES: &str = "'ffmpeg -i - -f image2pipe -c:v ppm -' makes frames of it";
/// What ffmpeg can't read from a pipe.
const FRAMES_OF_FILE: &str = "'ffmpeg -i FILE -f image2pipe -c:v ppm -' makes frames of it";
const ANIMATION: &str = "'convert - -coalesce png:-' turns it into PNG";
const JPEG: &str = "'convert - -auto-orient ppm:-' turns it into PPM, and \
                    'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them of one size";

/// The first bytes, in which ? is any byte, the name and the advice.
const KINDS: [(&[&[u8]], &str, &str); 18] = [
    (&[b"farbfeld"], "farbfeld", "'ff2png' turns it into PNG"),
    (&[b"YUV4MPEG2 "], "Y4M", FRAMES),
    (&[b"GIF87a", b"GIF89a"], "a GIF", ANIMATION),
    (&[b"RIFF????WEBP"], "a WebP", STILL),
    (&[b"RIFF????AVI "], "an AVI", FRAMES),
    (&[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"], "a TIFF", STILL),
    (&[b"v/1\x01"], "an EXR", FRAMES_OF_FILE),
    // The length of the header, version 7, an image of whole pixels.
    (&[b"\0\0\0?\0\0\0\x07\0\0\0\x02\0\0\0?"], "an XWD", "'convert xwd:- png:-' turns it into PNG"),
    (&[b"qoif"], "a QOI", FRAMES_OF_FILE),
    (&[b"SDPX", b"XPDS"], "a DPX", STILL),
    (&[b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51\0"], "a JPEG 2000", STILL),
    (&[b"????ftypavif", b"????ftyphei"], "an AVIF or HEIC", STILL),
    (
        &[b"????ftyp", b"????moov", b"????mdat", b"????wide", b"????free"],
        "mp4 or mov",
        FRAMES_OF_FILE,
    ),
    (&[b"\x1a\x45\xdf\xa3"], "mkv or webm", FRAMES),
    (
        &[b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"],
        "a zip or .npz",
        "'unzip -p FILE' writes what is in it",
    ),
    (&[b"BZh?1AY&SY"], "bzip2", "'bzip2 -dc' writes what is in it"),
    (&[b"\xfd7zXZ\0"], "xz", "'xz -dc' writes what is in it"),
    (&[b"\x28\xb5\x2f\xfd"], "zstd", "'zstd -dc' writes what is in it"),
];

/// What these bytes are instead of an image. `behind`: the number and the kind of the image before them.
pub fn why(bytes: &[u8], behind: Option<(u64, &str)>) -> String {
    let magic = bytes[..bytes.len().min(2)].escape_ascii();
    let other = format!("'{magic}', which is no magic number of PGM, PPM, PAM, PNG or .npy");
    match behind {
        Some((number, kind)) => format!("bytes behind frame {number}'s {kind} begin with {other}"),
        None => format!("begins with {other}; headerless frames need --size"),
    }
}

/// The kind whose header stands at the beginning of `bytes`, and not by chance, with the advice.
pub fn known(bytes: &[u8]) -> Option<String> {
    let (kind, advice) = match bytes {
        // Deflate, no reserved flag, the time, one of three levels, a system.
        [0x1f, 0x8b, 8, ..0x20, _, _, _, _, 0 | 2 | 4, ..14 | 0xff, ..] => {
            ("gzip", "'gzip -dc' writes what is in it")
        }
        // The size of the file, two words that are 0, the offset of the pixels, the length of the next header.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, length, 0, 0, 0, ..]
            if [12, 40, 52, 56, 64, 108, 124].contains(length) =>
        {
            ("a BMP", STILL)
        }
        _ if is_jpeg(bytes) => ("a JPEG", JPEG),
        [b'P', b'F' | b'f', b'\n', b'1'..=b'9', b'0'..=b'9' | b' ' | b'\n', ..] => ("a PFM", STILL),
        _ if is_transport_stream(bytes) => ("MPEG-TS", FRAMES),
        _ => {
            let begins = |magic: &[u8]| {
                bytes.len() >= magic.len()
                    && magic.iter().zip(bytes).all(|(&it, byte)| it == b'?' || it == *byte)
            };
            let kind = KINDS.into_iter().find(|kind| kind.0.iter().any(|magic| begins(magic)))?;
            (kind.1, kind.2)
        }
    };
    Some(format!("begins as {kind} does, which is not read; {advice}"))
}

/// Packets of 188 bytes, each with 0x47, no error, no scrambling and some content. Pixels of one color are not meant.
fn is_transport_stream(bytes: &[u8]) -> bool {
    let is_packet = |at: usize| {
        let head = bytes.get(at..at + 4);
        matches!(head, Some([0x47, ..0x80, _, 0x10..0x40]))
    };
    [0, 188, 376].into_iter().all(is_packet) && bytes[..4] != bytes[4..8]
}

/// Whether these bytes begin with the header of a JPEG, and not by chance (ITU-T T.81, B.1.1): SOI, then a segment
/// of an application, of tables or of a comment, then another segment. If the bytes end before that one, the
/// application must be one that is common.
fn is_jpeg(bytes: &[u8]) -> bool {
    let Some(first) = bytes.strip_prefix(b"\xff\xd8") else { return false };
    let [0xff, 0xe0..=0xef | 0xc4 | 0xdb | 0xfe, high, low, data @ ..] = first else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // The length counts its own two bytes.
    let Some(data_bytes) = length.checked_sub(2) else { return false };
    match data.get(data_bytes..) {
        Some([0xff, marker, ..]) => {
            matches!(marker, 0xc0..=0xc4 | 0xdb..=0xdd | 0xe0..=0xef | 0xfe)
        }
        Some([0xff] | []) | None => data.starts_with(b"JFIF\0") || data.starts_with(b"Exif\0\0"),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_is_told_by_its_first_two_segments() {
        let jfif = b"\xff\xd8\xff\xe0\0\x07JFIF\0";
        let exif = b"\xff\xd8\xff\xe1\0\x08Exif\0\0";
        for bytes in [&jfif[..], exif, b"\xff\xd8\xff\xfe\0\x03x\xff\xdb"] {
            assert!(is_jpeg(bytes), "{}", bytes.escape_ascii());
        }
        assert!(is_jpeg(&[jfif, &b"\xff\xdb"[..]].concat()));
        for bytes in [
            &b"\xff\xd8"[..],
            b"\xff\xd8\xff\xe0\0\x07other",
            b"\xff\xd8\xff\xe0\0\x01JFIF\0",
            b"\xff\xd8\xff\xe0\0\x07JFIF\0x",
            b"\xff\xd8\xff\xe0\0\x07JFIF\0\xff\x01",
            b"\xff\xd8\xff\x01\0\x07JFIF\0",
        ] {
            assert!(!is_jpeg(bytes), "{}", bytes.escape_ascii());
        }
    }
}
