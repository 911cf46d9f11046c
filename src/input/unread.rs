//! Bytes that are no image that is read. Of the kinds that are told by their header, a message names the command that
//! converts them.

/// What these bytes are instead of an image.
pub fn why(bytes: &[u8]) -> String {
    known(bytes).unwrap_or_else(|| {
        let magic = bytes[..bytes.len().min(2)].escape_ascii();
        format!(
            "begins with '{magic}', which is no magic number of PGM, PPM, PAM, PNG or .npy; \
             headerless frames need --size"
        )
    })
}

/// The kind whose header stands at the beginning of `bytes`, and not by chance, with the advice.
pub fn known(bytes: &[u8]) -> Option<String> {
    const RAW: &str = "ffmpeg writes headerless frames with '-f rawvideo -pix_fmt rgb24'";
    const CONVERTED: &str = "'convert - png:-' turns it into PNG";
    let (kind, advice) = match bytes {
        _ if bytes.starts_with(b"farbfeld") => ("farbfeld", "'ff2png' turns it into PNG"),
        _ if is_jpeg(bytes) => (
            "a JPEG",
            "'djpeg' turns it into PPM, and \
             'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them",
        ),
        _ if bytes.starts_with(b"YUV4MPEG2 ") => ("Y4M", RAW),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => ("an AVI", RAW),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => ("a WebP", CONVERTED),
        _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => ("a GIF", CONVERTED),
        // The size of the file, two words that are 0, the offset of the pixels, the length of the next header.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, _, _, 12 | 40 | 108 | 124, 0, 0, 0, ..] => {
            ("a BMP", CONVERTED)
        }
        _ => return None,
    };
    Some(format!("begins as {kind} does, which is not read; {advice}"))
}

/// Whether these bytes begin with the header of a JPEG, and not by chance (ITU-T T.81, B.1.1): SOI, then a segment
/// of an application, of quantization tables or of a comment, then another segment. If the bytes end before that one, the
/// application must be one that is common.
fn is_jpeg(bytes: &[u8]) -> bool {
    let Some(first) = bytes.strip_prefix(b"\xff\xd8") else { return false };
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
