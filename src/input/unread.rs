//! Kinds of images that are told by their header, and are not read: a message names the command that converts
//! them.

/// The first bytes of a farbfeld image.
pub const FARBFELD: [u8; 8] = *b"farbfeld";

/// The first bytes of a JPEG: the marker SOI.
pub const JPEG: [u8; 2] = [0xff, 0xd8];

pub const FARBFELD_ADVICE: &str = "which is not read; 'ff2png' turns it into PNG";

pub const JPEG_ADVICE: &str = "which is not read; 'djpeg' turns it into PPM, and \
     'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them";

/// The kind whose header stands at the beginning of `bytes`, and not by chance, with the advice.
pub fn kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const RAW: &str =
        "which is not read; ffmpeg writes headerless frames with '-f rawvideo -pix_fmt rgb24'";
    const CONVERTED: &str = "which is not read; 'convert - png:-' turns it into PNG";
    match bytes {
        _ if bytes.starts_with(&FARBFELD) => Some(("farbfeld", FARBFELD_ADVICE)),
        _ if is_jpeg(bytes) => Some(("a JPEG", JPEG_ADVICE)),
        _ if bytes.starts_with(b"YUV4MPEG2 ") => Some(("Y4M", RAW)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Some(("an AVI", RAW)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            Some(("a WebP", CONVERTED))
        }
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => {
            Some(("a GIF", CONVERTED))
        }
        // The size of the file, two words that are 0, the offset of the pixels, the length of the next header.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 108 | 124, 0, 0, 0, ..] => {
            Some(("a BMP", CONVERTED))
        }
        _ => None,
    }
}

/// Whether these bytes begin with the header of a JPEG, and not by chance (ITU-T T.81, B.1.1): SOI, then a segment
/// of an application, of quantization tables or of a comment, then another segment. If the bytes end before that one, the
/// application must be one that is common.
fn is_jpeg(bytes: &[u8]) -> bool {
    let Some(first) = bytes.strip_prefix(&JPEG) else { return false };
    let [0xff, 0xe0..=0xef | 0xdb | 0xfe, high, low, data @ ..] = first else { return false };
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
