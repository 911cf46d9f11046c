//! Every reader against whole, cut, mutated and random streams. The stream counts: the bytes that were taken,
//! and reads after its end.

use std::collections::BTreeSet;
use std::io::Write as _;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::*;
use crate::frame::{ByteOrder, ChannelOrder, Color, MAX_FRAME_BYTES, Samples};

/// A reader may hold this much more memory than the bytes that came: its first step.
const FIRST_STEP: u64 = 1 << 20;

/// A stream that gives at most `step` bytes with each read.
struct Stream<'a> {
    bytes: &'a [u8],
    step: usize,
    ends_told: usize,
}

fn stream(bytes: &[u8], step: usize) -> Stream<'_> {
    Stream { bytes, step, ends_told: 0 }
}

impl Read for Stream<'_> {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let count = place.len().min(self.step).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        place[..count].copy_from_slice(now);
        self.bytes = later;
        self.ends_told += usize::from(count == 0);
        assert!(self.ends_told <= 2, "asked again and again after the end");
        Ok(count)
    }
}

/// All frames of a self-describing stream, and the message after them.
fn images(bytes: &[u8]) -> (Vec<Frame>, Option<String>) {
    read_all(Input::self_describing(stream(bytes, usize::MAX), 0))
}

fn read_all<R: Read>(mut input: Input<R>) -> (Vec<Frame>, Option<String>) {
    let mut frames = Vec::new();
    loop {
        match input.read(Vec::new()) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

fn message(bytes: &[u8]) -> String {
    images(bytes).1.expect("bad input")
}

/// The only frame of the stream: its size, channels, samples and bytes.
fn only_pixels(bytes: &[u8]) -> (u32, u32, usize, Samples, Vec<u8>) {
    let (mut frames, error) = images(bytes);
    assert_eq!((frames.len(), error), (1, None), "{}", bytes.escape_ascii());
    let frame = frames.remove(0);
    match frame.content {
        Content::Pixels(layout) => {
            let size = frame.size;
            let channels = layout.color.channels();
            (size.width(), size.height(), channels, layout.samples, frame.bytes)
        }
        Content::Png => panic!("a PNG"),
    }
}

fn named(name: &str) -> PixelFormat {
    PixelFormat::ALL.into_iter().find(|known| known.name == name).unwrap()
}

fn raw(bytes: &[u8], format: &str, skip: u64) -> (Vec<Frame>, Option<String>) {
    let size = FrameSize::new(4, 3).unwrap();
    let format = named(format);
    read_all(Input::headerless(stream(bytes, 5), size, format, skip))
}

#[test]
fn raw_frames_are_numbered_from_0_and_skipped_ones_count() {
    let (frames, error) = raw(&[[1; 12], [2; 12], [3; 12]].concat(), "gray", 1);
    let frames: Vec<_> = frames.iter().map(|frame| (frame.number, frame.bytes[0])).collect();
    assert_eq!((frames, error), (vec![(1, 2), (2, 3)], None));
    let (frames, error) = raw(&[1; 24], "gray", 2);
    assert_eq!((frames.len(), error), (0, None));
    let (frames, error) = raw(&[1; 24], "gray", 3);
    let too_few = "--skip 3: the input has only 2 frames".to_owned();
    assert_eq!((frames.len(), error), (0, Some(too_few)));
}

#[test]
fn a_raw_frame_that_is_cut_says_what_the_input_would_fit() {
    let cut = |width, bytes: usize, format| {
        let size = FrameSize::new(width, 8).unwrap();
        let format = named(format);
        let bytes = vec![0; bytes];
        read_all(Input::headerless(stream(&bytes, 50), size, format, 9)).1.unwrap()
    };
    assert_eq!(
        cut(8, 193, "rgb24"),
        "frame 1: input ends after 1 of 192 bytes; \
         unless its producer was cut off, --size 8x8 or --pix-fmt rgb24 is wrong"
    );
    assert_eq!(
        cut(8, 256, "rgb24"),
        "frame 1: input ends after 64 of 192 bytes; \
         all 256 bytes would be whole 8x8 frames: 1 of rgba (or bgr0) or 2 of ya8 or 4 of gray; \
         from ffmpeg, it needs -pix_fmt rgb24"
    );
    assert_eq!(
        cut(8, 192, "rgba"),
        "frame 0: input ends after 192 of 256 bytes; \
         all 192 bytes would be whole 8x8 frames: 1 of rgb24 or 2 of yuv420p or 3 of gray; \
         from ffmpeg, it needs -pix_fmt rgba"
    );
    // The nearest first, and no word about video if none fits.
    assert_eq!(
        cut(8, 768, "rgba64le"),
        "frame 1: input ends after 256 of 512 bytes; \
         all 768 bytes would be whole 8x8 frames: 2 of rgb48le or 1 of rgbf32le or 3 of rgba (or bgr0) or 4 of rgb24 or 6 of gray16le or 8 of yuv420p; from ffmpeg, it needs -pix_fmt rgba64le"
    );
    // A frame as small as this fits anything.
    assert_eq!(cut(1, 32, "rgb24"), "frame 1: input ends after 8 of 24 bytes");
}

/// The hint of these bytes as headerless frames.
fn hint(width: u32, height: u32, format: &str, bytes: &[u8]) -> String {
    let size = FrameSize::new(width, height).unwrap();
    let input = Input::headerless(stream(bytes, 1000), size, named(format), 0);
    let message = read_all(input).1.unwrap();
    message.split_once(" bytes; ").map_or(String::new(), |(_, hint)| hint.to_owned())
}

#[test]
fn a_raw_frame_that_is_cut_names_other_mistakes_of_producers() {
    let of = |width, height, format, count: usize| hint(width, height, format, &vec![200; count]);
    let whole = |hint: &str, name: &str| assert!(hint.contains(name), "{hint}");
    // Rows of 30 bytes.
    for (step, row) in [(4, 32), (64, 64)] {
        let hint = of(10, 9, "rgb24", 9 * row);
        whole(&hint, &format!("1 of rgb24 with rows padded to {step} bytes"));
    }
    whole(&of(6, 12, "rgb24", 12 * 32), "1 of rgb24 with rows padded to 16 bytes");
    whole(&of(25, 3, "rgb24", 3 * 96), "1 of rgb24 with rows padded to 32 bytes");
    // By ffmpeg, 9x9 takes 81 and twice 25.
    whole(&of(9, 9, "rgb24", 2 * (81 + 50)), "2 of yuv420p; from ffmpeg, it needs -pix_fmt rgb24");
    whole(&of(9, 9, "rgb24", 9 * 20), "1 of yuyv422; from ffmpeg, it needs -pix_fmt rgb24");
    whole(&of(8, 8, "rgb24", 64 * 8), "1 of rgba64le, gray in float64 or gray in int64");
    whole(&of(8, 8, "rgb48le", 64 * 32), "1 of RGBA in float64 or int64");
    whole(&of(8, 8, "rgb24", 64 * 7), "whole 8x8 frames: 7 of gray");
    whole(&of(8, 8, "rgb48le", 64 * 22), "11 of gray16le");
}

#[test]
fn a_raw_frame_that_is_cut_shows_text_before_or_behind_the_frames() {
    let frames = [200; 2 * 192];
    let with =
        |before: &[u8], behind: &[u8]| hint(8, 8, "rgb24", &[before, &frames, behind].concat());
    let pipeline = b"Setting pipeline to PAUSED ...\nPipeline is PREROLLING ...\n";
    let shown = "the input begins with text: 'Setting pipeline to PAUSED ...\\nPipeline '";
    assert_eq!(with(pipeline, b""), shown);
    assert_eq!(with(pipeline, b"Got EOS\n"), shown);
    assert_eq!(with(b"done", b""), "the input begins with text: 'done'");
    assert_eq!(with(b"", b"done"), "the input ends with text: 'done'");
    assert_eq!(with(b"", b"\x1b[32mok\r\n"), "the input ends with text: '\\u{1b}[32mok\\r\\n'");
    let end = "x".repeat(39) + "\n";
    let behind = format!("{}\n{end}", "y".repeat(60));
    assert_eq!(
        with(b"", behind.as_bytes()),
        format!("the input ends with text: '{}\\n'", "x".repeat(39))
    );
    // Too short, and printable by chance.
    let wrong = "unless its producer was cut off, --size 8x8 or --pix-fmt rgb24 is wrong";
    assert_eq!(with(b"", b"abc"), wrong);
    assert_eq!(with(b"abcde", b"\x01\x02abcde"), wrong);
}

#[test]
fn images_with_headers_are_no_raw_frames() {
    let npy = npy("|u1", "(4, 3)", &[0; 12]);
    let pam = |lines| format!("P7\nWIDTH 4\nHEIGHT 3\n{lines}\nMAXVAL 9\nENDHDR\n");
    let read = |kind| format!("begins as {kind} does; leave --size out");
    let pbm = "PBM is not read; 'pamdepth 255' turns it into PGM";
    let plain = "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary";
    for (header, why) in [
        ("P1\n4 3\n".to_owned(), pbm.to_owned()),
        ("P4\n4 3\n".to_owned(), pbm.to_owned()),
        ("P2 4 3 9\n".to_owned(), plain.to_owned()),
        ("P3 4 3 9\n".to_owned(), plain.to_owned()),
        ("P5 4 3 255\n".to_owned(), read("a PGM")),
        ("P6 4 3 255\n".to_owned(), read("a PPM")),
        (pam("DEPTH 1\nTUPLTYPE GRAYSCALE"), read("a PAM")),
        (
            pam("DEPTH 4\nTUPLTYPE CMYK"),
            "PAM tuple type CMYK is not read; BLACKANDWHITE GRAYSCALE RGB are, and _ALPHA".into(),
        ),
        (pam("DEPTH 5\nTUPLTYPE RGB"), "PAM header: DEPTH is 5, but RGB has 3 channels".to_owned()),
    ] {
        let refused = format!("frame 0: {why}");
        let bytes = [header.as_bytes(), &[0; 200]].concat();
        let (frames, error) = raw(&bytes, "rgbf64le", 0);
        assert_eq!((frames.len(), error), (0, Some(refused)), "{header}");
    }
    for (bytes, kind) in [(png(4, 3, &[0; 36]), "a PNG"), (npy, "a .npy file")] {
        let refused = format!("frame 0: begins as {kind} does; leave --size out");
        for length in [8, 35, 36, bytes.len()] {
            let (frames, error) = raw(&bytes[..length], "rgb24", 0);
            assert_eq!((frames.len(), error.as_ref()), (0, Some(&refused)), "{length}");
        }
        // Later in the stream such bytes may be chance.
        assert_eq!(raw(&[&[0; 12], &bytes[..12]].concat(), "gray", 0).0.len(), 2);
    }
    assert_eq!(raw(b"\x89PNG\r\n\x1a.....", "gray", 0).0.len(), 1);
}

#[test]
fn a_spare_allocation_is_taken_whatever_it_holds() {
    let bytes = [[1; 12], [2; 12]].concat();
    let size = FrameSize::new(4, 3).unwrap();
    let gray = named("gray");
    let mut input = Input::headerless(stream(&bytes, 5), size, gray, 0);
    assert_eq!(input.read(vec![9; 5]).unwrap().unwrap().bytes, [1; 12]);
    assert_eq!(input.read(vec![9; 50]).unwrap().unwrap().bytes, [2; 12]);
}

/// A reader that waits for a place does not wait for input.
#[test]
fn after_a_read_no_frame_is_being_read() {
    let mut input =
        Input::headerless(stream(&[0; 16], 5), FrameSize::new(4, 3).unwrap(), named("gray"), 0);
    let incoming = input.incoming();
    for got in [12, 4] {
        assert_eq!(input.read(Vec::new()).is_ok(), got == 12);
        let now = [&incoming.frame, &incoming.got, &incoming.expected];
        assert_eq!(now.map(|it| it.load(Ordering::Relaxed)), [0, got, 12]);
    }
}

/// Width, height, channels, samples and bytes.
type Pixels = (u32, u32, usize, Samples, &'static [u8]);

#[test]
fn pnm_headers_as_tools_write_them() {
    let max = Samples::Maxval;
    let cases: [(&[u8], Pixels); 12] = [
        (b"P5 2 1 255 ab", (2, 1, 1, Samples::U8, b"ab")),
        (b"P6\n1 1\n255\nabc", (1, 1, 3, Samples::U8, b"abc")),
        (b"P5#x\n#\n 1#2\r1 # 255\n 65535\t\n#", (1, 1, 1, Samples::U16(ByteOrder::Big), b"\n#")),
        (b"P5\n1\n2\n7#comment\n\x01\x02", (1, 2, 1, max(7), b"\x01\x02")),
        (b"P6 1 1 256 abcdef", (1, 1, 3, max(256), b"abcdef")),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\na", (1, 1, 1, Samples::U8, b"a")),
        (
            b"P7\n#\n\n MAXVAL  1 \nDEPTH 2\nTUPLTYPE BLACKANDWHITE_ALPHA\n# E\nHEIGHT 1\nWIDTH 1\nENDHDR\n\0\x01",
            (1, 1, 2, max(1), b"\0\x01"),
        ),
        (
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 65535\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcdefgh",
            (1, 1, 4, Samples::U16(ByteOrder::Big), b"abcdefgh"),
        ),
        (
            b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 9\nTUPLTYPE RGB\nENDHDR\n\x01\x02\x03",
            (1, 1, 3, max(9), b"\x01\x02\x03"),
        ),
        (b"P6 1\x0b1\x0c255\x0cabc", (1, 1, 3, Samples::U8, b"abc")),
        (b"P5 1 1 255\x0b\x0c", (1, 1, 1, Samples::U8, b"\x0c")),
        (
            b"P7 # c\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\na",
            (1, 1, 1, Samples::U8, b"a"),
        ),
    ];
    for (bytes, (width, height, channels, samples, pixels)) in cases {
        assert_eq!(only_pixels(bytes), (width, height, channels, samples, pixels.to_vec()));
    }
}

#[test]
fn pnm_that_is_not_read_is_refused_by_name() {
    let unnamed = "PAM header: no TUPLTYPE says what its channels are (OpenCV's are B G R); \
                   write PPM, as -c:v ppm does in ffmpeg, or convert to RGB and write raw frames";
    let pam = |lines: &str| format!("P7\nWIDTH 1\nHEIGHT 1\nMAXVAL 255\n{lines}\nENDHDR\nabcd");
    let cases = [
        ("P1 1 1 0".into(), "PBM is not read; 'pamdepth 255' turns it into PGM"),
        ("P4 1 1 0".into(), "PBM is not read; 'pamdepth 255' turns it into PGM"),
        ("P2 1 1 9 0".into(), "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary"),
        ("P3 1 1 9 0".into(), "plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary"),
        ("P5 1 1 65536 ab".into(), "maxval 65536 is over 65535"),
        ("P5 1 1 0 ab".into(), "maxval is 0; it must be from 1 to 65535"),
        ("P5 0 1 255 ".into(), "size 0x1: width and height must be from 1 to 2147483647"),
        (
            "P5 1 2147483648 1 ".into(),
            "size 1x2147483648: width and height must be from 1 to 2147483647",
        ),
        (
            "P6 99999 99999 255 ".into(),
            "99999x99999 with 3 bytes a pixel is over the limit of 1073741824 bytes for a frame",
        ),
        ("P5 99999999999999999999 1 1 ".into(), "PNM header: width is too large"),
        ("P5 1 x".into(), "PNM header: height is not a number"),
        ("P564 64 255 ".into(), "no blank after the magic number of PNM"),
        ("P6 1 \x0c1 255 ".into(), "PNM header: height is not a number"),
        ("P7 332\n".into(), "no line end after the magic number of PAM"),
        (pam("DEPTH 5\nTUPLTYPE RGB"), "PAM header: DEPTH is 5, but RGB has 3 channels"),
        (pam("DEPTH 1"), unnamed),
        (pam("DEPTH 3\nTUPLTYPE  "), unnamed),
        (pam("DEPTH 4\nTUPLTYPE RGB"), "PAM header: DEPTH is 4, but RGB has 3 channels"),
        (
            pam("DEPTH 4\nTUPLTYPE CMYK"),
            "PAM tuple type CMYK is not read; BLACKANDWHITE GRAYSCALE RGB are, and _ALPHA",
        ),
        (pam("DEPTH 1\nDEPTH 1"), "PAM header: DEPTH is given twice"),
        (pam("DEPTH 1x"), "PAM header: DEPTH is not a number, or too large"),
        (pam("COLOR 1"), "PAM header: COLOR is unknown"),
        (pam(""), "PAM header: no DEPTH"),
    ];
    for (bytes, what) in cases {
        assert_eq!(message(bytes.as_bytes()), format!("frame 0: {what}"));
    }
}

#[test]
fn an_endless_header_ends_at_its_limit() {
    for start in ["P5 #", "P5 ", "P5 1", "P7\nWIDTH", "P7\n#"] {
        let filler = if start == "P5 1" { "0" } else { " " };
        let bytes = format!("{start}{}", filler.repeat(100_000));
        let what = message(bytes.as_bytes());
        assert!(what.ends_with("over the limit of 65536 bytes") || what.ends_with("too large"));
    }
}

fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.add_text_chunk("Title".into(), "a text".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// A PNG of these chunks, their lengths and CRCs right.
fn chunks(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*kind);
        bytes.extend(*data);
        bytes.extend(crc32fast::hash(&[&kind[..], data].concat()).to_be_bytes());
    }
    bytes
}

#[test]
fn a_png_is_passed_on_byte_for_byte() {
    let image = png(3, 2, &[7; 18]);
    let (frames, error) = images(&[&image[..], b"P5 1 1 255 x", &image].concat());
    assert_eq!((frames.len(), error), (3, None));
    for frame in [&frames[0], &frames[2]] {
        assert_eq!((frame.content, &frame.bytes), (Content::Png, &image));
        assert_eq!(frame.size, FrameSize::new(3, 2).unwrap());
    }
    let apart = chunks(&[
        (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x01\x03\0\0\x01"),
        (b"PLTE", b"abcdef"),
        (b"IDAT", b"a"),
        (b"IDAT", b""),
        (b"teXt", b"t"),
        (b"IEND", b""),
    ]);
    assert_eq!(images(&apart).0[0].bytes, apart);
}

#[test]
fn a_png_with_any_bit_flipped_is_bad_input() {
    let image = png(3, 2, &[7; 18]);
    for place in 0..image.len() * 8 {
        let mut broken = image.clone();
        broken[place / 8] ^= 1 << (place % 8);
        let (frames, error) = images(&broken);
        assert!(frames.is_empty() && error.is_some(), "bit {place}");
    }
}

#[test]
fn a_png_out_of_order_is_bad_input() {
    const IHDR: Chunk = (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0");
    const IDAT: Chunk = (b"IDAT", b"x");
    const PLTE: Chunk = (b"PLTE", b"rgb");
    const IEND: Chunk = (b"IEND", b"");
    fn header(data: &[u8]) -> Chunk<'_> {
        (b"IHDR", data)
    }
    let indexed = header(b"\0\0\0\x01\0\0\0\x01\x08\x03\0\0\0");
    let gray = header(b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0");
    let cases: [(&[Chunk], &str); 17] = [
        (&[IDAT, IHDR, IEND], "PNG chunk IDAT at byte 8: the first chunk must be IHDR"),
        (&[IHDR, IHDR], "PNG chunk IHDR at byte 33: it comes twice"),
        (&[header(b"abc")], "PNG chunk IHDR at byte 8: its length is not 13"),
        (&[IHDR, IEND], "PNG chunk IEND at byte 33: no IDAT before it"),
        (&[IHDR, IDAT, (b"IEND", b"x")], "PNG chunk IEND at byte 46: its length is not 0"),
        (
            &[IHDR, IDAT, (b"teXt", b""), IDAT],
            "PNG chunk IDAT at byte 58: another chunk stands between it and the IDAT before",
        ),
        (&[IHDR, IDAT, PLTE], "PNG chunk PLTE at byte 46: it comes after IDAT"),
        (&[IHDR, PLTE, PLTE], "PNG chunk PLTE at byte 48: it comes twice"),
        (
            &[IHDR, (b"PLTE", b"rg")],
            "PNG chunk PLTE at byte 33: its length is not that of 1 to 256 colors",
        ),
        (
            &[IHDR, (b"PLTE", &[0; 771])],
            "PNG chunk PLTE at byte 33: its length is not that of 1 to 256 colors",
        ),
        (&[gray, PLTE], "PNG chunk PLTE at byte 33: grey has no palette"),
        (&[indexed, IDAT], "PNG chunk IDAT at byte 33: no PLTE before it"),
        (
            &[header(b"\0\0\0\0\0\0\0\x01\x08\x02\0\0\0"), IDAT],
            "size 0x1: width and height must be from 1 to 2147483647",
        ),
        (
            &[header(b"\x80\0\0\0\0\0\0\x01\x08\x02\0\0\0"), IDAT],
            "size 2147483648x1: width and height must be from 1 to 2147483647",
        ),
        (
            &[header(b"\0\0\0\x01\0\0\0\x01\x04\x02\0\0\0"), IDAT],
            "PNG has no color type 2 with bit depth 4",
        ),
        (
            &[header(b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\x02"), IDAT],
            "PNG has an unknown compression, filter or interlace method",
        ),
        (&[IHDR, IDAT], "input ends after 46 bytes, inside it"),
    ];
    for (list, what) in cases {
        assert_eq!(message(&chunks(list)), format!("frame 0: {what}"));
    }
    let mut broken = chunks(&[IHDR, IDAT, IEND]);
    broken[41] ^= 1;
    assert_eq!(message(&broken), "frame 0: PNG chunk IDAT at byte 33: its CRC is wrong");
    broken[4] = b'\n';
    assert_eq!(message(&broken), "frame 0: begins like PNG, but its signature is broken");
}

#[test]
fn a_png_chunk_that_lies_about_its_length_takes_no_memory() {
    let head = chunks(&[(b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0")]);
    let with = |length: u32| [&head[..], &length.to_be_bytes(), b"IDATx"].concat();
    // 41 bytes to the end of the chunk's head; its CRC and the next one's head are 12 more.
    let most = MAX_FRAME_BYTES as u32 - 41 - 12;
    assert_eq!(message(&with(most)), "frame 0: input ends after 42 bytes, inside it");
    for over in [most + 1, 0x7fff_ffff, u32::MAX] {
        assert_eq!(message(&with(over)), "frame 0: PNG is over the limit of 1073741824 bytes");
    }
    let below = [&head[..], b"\x3f\0\0\0IDATx"].concat();
    let bytes = bytes_held(&below);
    assert!(bytes.capacity() <= FIRST_STEP as usize + 2 * below.len(), "{}", bytes.capacity());
}

/// The memory that a reader holds after it has read as far as it could.
fn bytes_held(stream_bytes: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut source = Source::new(stream(stream_bytes, usize::MAX));
    assert!(Images::default().read(&mut source, 0, &mut bytes).is_err());
    bytes
}

fn npy_of(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    write!(bytes, "{header}").unwrap();
    bytes.extend(data);
    bytes
}

fn npy(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}    \n");
    npy_of(1, &header, data)
}

#[test]
fn npy_of_every_dtype_shape_and_version() {
    use ByteOrder::{Big, Little};
    let data: Vec<u8> = (0..100).collect();
    for (dtype, samples) in [
        ("|u1", Samples::U8),
        ("=u2", Samples::U16(ByteOrder::NATIVE)),
        ("f4", Samples::F32(ByteOrder::NATIVE)),
        ("uint8", Samples::U8),
        ("|B", Samples::U8),
        ("uint16", Samples::U16(ByteOrder::NATIVE)),
        (">H", Samples::U16(Big)),
        ("float32", Samples::F32(ByteOrder::NATIVE)),
        ("single", Samples::F32(ByteOrder::NATIVE)),
        (">f", Samples::F32(Big)),
        ("float64", Samples::F64(ByteOrder::NATIVE)),
        ("<d", Samples::F64(Little)),
        ("<u2", Samples::U16(Little)),
        (">u2", Samples::U16(Big)),
        ("<f4", Samples::F32(Little)),
        (">f4", Samples::F32(Big)),
        ("<f8", Samples::F64(Little)),
        (">f8", Samples::F64(Big)),
    ] {
        for (shape, (width, height, channels)) in [
            ("(2, 3)", (3, 2, 1)),
            ("(2, 3, 1)", (3, 2, 1)),
            ("(3, 1, 2)", (1, 3, 2)),
            ("(1, 1, 3)", (1, 1, 3)),
            ("(1, 2, 4)", (2, 1, 4)),
            ("(1, 1, 2, 4)", (2, 1, 4)),
        ] {
            let count = (width * height) as usize * channels * samples.bytes();
            let expected = (width, height, channels, samples, data[..count].to_vec());
            assert_eq!(only_pixels(&npy(dtype, shape, &data[..count])), expected);
        }
    }
    let header = "{'shape':(1,1,),'fortran_order':True,'descr':'|u1'}";
    let padded = format!("{header:<0$}", npy::MAX_HEADER_BYTES);
    assert_eq!(only_pixels(&npy_of(1, &padded, b"x")).4, b"x");
    // One row or one column is the same in both orders.
    for shape in ["(1, 3)", "(3, 1)", "(3, 1, 1)"] {
        let header = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}}}");
        assert_eq!(only_pixels(&npy_of(1, &header, b"abc")).4, b"abc", "{shape}");
    }
    for version in [1, 2, 3] {
        let expected = (1, 1, 1, Samples::U8, b"x".to_vec());
        assert_eq!(only_pixels(&npy_of(version, header, b"x")), expected);
    }
}

#[test]
fn npy_of_many_images_is_many_frames() {
    let many = npy("|u1", "(3, 1, 1, 2)", b"aabbcc");
    let none = npy("|u1", "(0, 1, 1, 2)", b"");
    let stream_bytes = [&none[..], &many, &none, &none, b"P5 1 1 255 x", &none].concat();
    let (frames, error) = images(&stream_bytes);
    assert_eq!(error, None);
    let frames: Vec<_> = frames.iter().map(|frame| (frame.number, &frame.bytes[..])).collect();
    assert_eq!(frames, [(0, &b"aa"[..]), (1, b"bb"), (2, b"cc"), (3, b"x")]);
    let cut = message(&many[..many.len() - 3]);
    assert_eq!(cut, "frame 1: input ends after 1 of 2 bytes");
    let cut = message(&many[..many.len() - 2]);
    assert_eq!(cut, "frame 2: input ends after 0 of 2 bytes");
    // A header counts with the image after it; that of an array without images, with none.
    let header = many.len() - 6;
    let cut = message(&[&none[..], &many[..many.len() - 5]].concat());
    let (got, expected) = (header + 1, header + 2);
    let hint = format!("its header has {header} of them");
    assert_eq!(cut, format!("frame 0: input ends after {got} of {expected} bytes; {hint}"));
}

#[test]
fn npy_that_is_not_read_says_what_to_do_in_numpy() {
    let dtype = |dtype| npy(dtype, "(1, 1)", b"");
    let shape = |shape| npy("|u1", shape, b"");
    let header = |header| npy_of(1, header, b"");
    let whole = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1)}";
    let cases = [
        (dtype("|b1"), ".npy dtype |b1 is not read; save a.astype(np.uint8) * 255 instead"),
        (dtype("?"), ".npy dtype ? is not read; save a.astype(np.uint8) * 255 instead"),
        (dtype("half"), ".npy dtype half is not read; save a.astype(np.float32) instead"),
        (
            dtype("b"),
            ".npy dtype b is not read; save a.astype(np.uint8), np.uint16 or np.float32 instead",
        ),
        (dtype("<f16"), ".npy dtype <f16 is not read; save a.astype(np.float32) instead"),
        (dtype("<f2"), ".npy dtype <f2 is not read; save a.astype(np.float32) instead"),
        (
            dtype("<i8"),
            ".npy dtype <i8 is not read; save a.astype(np.uint8), np.uint16 or np.float32 instead",
        ),
        (
            header("{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (1, 1)}"),
            ".npy dtype is structured; save one field of it, a['name'], instead",
        ),
        (
            header("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 3)}"),
            ".npy is in Fortran order; save np.ascontiguousarray(a) instead",
        ),
        (shape("()"), ".npy shape () is no image; it is a single number, without rows and columns"),
        (shape("(5,)"), ".npy shape (5,) is no image; save a.reshape(height, width)"),
        (
            shape("(3, 64, 64)"),
            ".npy shape (3, 64, 64) is no image; channels are the last axis: save a.transpose(1, 2, 0)",
        ),
        (
            shape("(9, 3, 64, 64)"),
            ".npy shape (9, 3, 64, 64) is no image; \
             channels are the last axis: save a.transpose(0, 2, 3, 1)",
        ),
        (
            shape("(9, 64, 64)"),
            ".npy shape (9, 64, 64) is no image; \
             1 to 4 channels are the last axis; N grey frames: save a[..., np.newaxis]",
        ),
        (
            shape("(9, 8, 8, 5)"),
            ".npy shape (9, 8, 8, 5) is no image; 1 to 4 channels are the last axis",
        ),
        (
            shape("(1, 1, 1, 1, 1)"),
            ".npy shape (1, 1, 1, 1, 1) is no image; save a.reshape(-1, height, width, channels)",
        ),
        (shape("(0, 5)"), ".npy shape (0, 5) holds no pixels"),
        (shape("(0,)"), ".npy shape (0,) holds no pixels"),
        (shape("(3, 0, 64)"), ".npy shape (3, 0, 64) holds no pixels"),
        (shape("(4, 4, 0)"), ".npy shape (4, 4, 0) holds no pixels"),
        (shape("(0, 3, 64, 64)"), ".npy shape (0, 3, 64, 64) holds no pixels"),
        (shape("(9, 0, 64, 3)"), ".npy shape (9, 0, 64, 3) holds no pixels"),
        (
            npy("<f8", "(99999, 99999)", b""),
            "99999x99999 with 8 bytes a pixel is over the limit of 1073741824 bytes for a frame",
        ),
        (shape("(-1, 1)"), ".npy header is not the dict that numpy writes"),
        (shape("(1, 1,, )"), ".npy header is not the dict that numpy writes"),
        (shape("(01, 1)"), ".npy header is not the dict that numpy writes"),
        (shape("(1L, 1)"), ".npy header is not the dict that numpy writes"),
        (
            header(&whole.replace("'shape'", "\"shape\"")),
            ".npy header is not the dict that numpy writes",
        ),
        (shape("(99999999999999999999, 1)"), ".npy header is not the dict that numpy writes"),
        (header("{'descr': '|u1'}"), ".npy header is not the dict that numpy writes"),
        (header(""), ".npy header is not the dict that numpy writes"),
        (header(&format!("{whole} x")), ".npy header is not the dict that numpy writes"),
        (npy_of(4, whole, b""), ".npy version 4.0 is not read; versions 1.0, 2.0 and 3.0 are"),
        (
            npy_of(2, &" ".repeat(65536), b""),
            ".npy header of 65536 bytes is over the limit of 65535",
        ),
        (b"\x93NUMPX1234567".to_vec(), "begins like .npy, but its magic number is broken"),
        (b"\x93numpy1234567".to_vec(), "begins like .npy, but its magic number is broken"),
    ];
    for (bytes, what) in cases {
        assert_eq!(message(&bytes), format!("frame 0: {what}"));
    }
}

/// A read that is interrupted, or fails, after the bytes before it.
struct Disturbed<'a>(&'a [u8], Option<io::ErrorKind>);

impl Read for Disturbed<'_> {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        match self.1.take() {
            Some(kind) => Err(kind.into()),
            None => self.0.read(place),
        }
    }
}

#[test]
fn a_read_that_is_interrupted_is_done_again_and_one_that_fails_is_told() {
    let frame = |kind| read_all(Input::self_describing(Disturbed(b"P5 1 1 255 x", Some(kind)), 0));
    assert_eq!(frame(io::ErrorKind::Interrupted).0.len(), 1);
    let (frames, error) = frame(io::ErrorKind::BrokenPipe);
    assert_eq!((frames.len(), error.as_deref()), (0, Some("frame 0: stdin: broken pipe")));
}

#[test]
fn farbfeld_is_refused_by_its_whole_magic_number() {
    let refused = message(b"farbfeld\0\0\0\x01\0\0\0\x01");
    assert!(refused.starts_with("frame 0: begins as farbfeld does, "), "{refused}");
    let other = message(b"farbfelt\0\0\0\x01\0\0\0\x01");
    assert!(other.starts_with("frame 0: begins with 'fa', "), "{other}");
}

#[test]
fn memory_is_moved_now_and_then_only_and_never_grows_beyond_the_limit() {
    // A PNG of many chunks.
    let (mut source, mut bytes) = (Source::new(io::repeat(0)), Vec::new());
    let mut moves = BTreeSet::new();
    for _ in 0..5000 {
        source.append(&mut bytes, 1000).unwrap();
        moves.insert(bytes.capacity());
    }
    assert!((2..30).contains(&moves.len()), "{}", moves.len());
    // An allocation that is large enough stays as it is.
    for spare in [0, 1, 1 << 20] {
        const COUNT: usize = 12 << 20;
        let (size, gray) = (FrameSize::new(12, 1 << 20).unwrap(), named("gray").layout);
        let mut bytes = Vec::with_capacity(COUNT + spare);
        bytes.resize(10 << 20, 0);
        let room = bytes.capacity();
        Source::new(io::repeat(0)).samples(size, gray, &mut bytes).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (COUNT, room));
    }
    let mut bytes = vec![0; 600 << 20];
    source::grow(&mut bytes, (600 << 20) + 1).unwrap();
    assert_eq!(bytes.capacity(), MAX_FRAME_BYTES);
}

#[test]
fn other_bytes_are_no_image() {
    let text =
        "which is no magic number of PGM, PPM, PAM, PNG or .npy; headerless frames need --size";
    for (bytes, shown) in
        [(&b"\xff\xd9\xff"[..], "\\xff\\xd9"), (b"\n", "\\n"), (b"P8", "P8"), (b"PF\nx", "PF")]
    {
        assert_eq!(message(bytes), format!("frame 0: begins with '{shown}', {text}"));
    }
}

#[test]
fn padding_between_images_is_passed_over_and_other_bytes_are_told_with_the_image_before_them() {
    let (png, pgm) = (png(1, 1, &[7; 3]), b"P5 1 1 255 x");
    let (end, one, many) =
        (b"\0\0\0\0IEND\xaeB`\x82", npy("|u1", "(1, 1)", b"x"), npy("|u1", "(1, 1, 1, 1)", b"x"));
    for padding in [&b""[..], b"\0", b"\n", b" \t\r\n\x0b\x0c\0\0\n", &[0; 20000]] {
        for image in [&png[..], pgm, &one, &many] {
            let bytes = [image, padding, image, padding].concat();
            let (frames, error) = images(&bytes);
            assert_eq!((frames.len(), error), (2, None), "{}", padding.escape_ascii());
        }
    }
    for times in 1..4 {
        let bytes = [&png[..], &end.repeat(times), b"\n", end, &png].concat();
        let (frames, error) = images(&bytes);
        assert_eq!((frames.len(), error), (2, None));
        assert!(frames.iter().all(|frame| frame.bytes == png));
    }
    for (image, kind) in [(&png[..], "PNG"), (pgm, "PNM"), (&one, ".npy"), (&many, ".npy")] {
        for (other, shown) in
            [("ab", "ab"), ("\x01", "\\x01"), ("P8", "P8"), ("IENDxxxx", "IE"), ("IEN", "IE")]
        {
            let (frames, error) = images(&[image, b"\0\n", other.as_bytes()].concat());
            let why = "which is no magic number of PGM, PPM, PAM, PNG or .npy";
            let told =
                format!("frame 1: bytes behind frame 0's {kind} begin with '{shown}', {why}");
            assert_eq!((frames.len(), error), (1, Some(told)));
        }
    }
    // Padding comes behind an image, and a chunk behind its PNG.
    assert!(message(b"\0P5 1 1 255 x").starts_with("frame 0: begins with '\\x00P', "));
    assert!(images(&[&pgm[..], end].concat()).1.is_some());
}

/// A stream that never ends, and gives as many NULs as there is room for.
#[test]
fn padding_is_passed_over_in_whole_buffers() {
    struct Counted(u64);
    impl Read for Counted {
        fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            place.fill(if self.0 < 1000 { 0 } else { b'x' });
            Ok(place.len())
        }
    }
    let mut source = Source::new(Counted(0));
    source.pass_over_padding().unwrap();
    assert_eq!((source.reader().get_ref().0, source.taken()), (1000, 0));
}

#[test]
fn a_header_that_lies_about_its_size_takes_no_memory() {
    let lies = [
        b"P6 16000 16000 255 abc".to_vec(),
        b"P7\nWIDTH 16000\nHEIGHT 16000\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabc"
            .to_vec(),
        npy("<f8", "(1000, 16000, 4)", b"abc"),
        npy("<f8", "(18446744073709551615, 1000, 16000, 4)", b"abc"),
    ];
    for lie in lies {
        let bytes = bytes_held(&lie);
        assert!(bytes.capacity() <= FIRST_STEP as usize, "{}", bytes.capacity());
    }
}

#[test]
fn skipped_images_are_checked_but_not_handed_out() {
    let image = png(1, 1, &[1, 2, 3]);
    let many = npy("|u1", "(2, 1, 1, 1)", b"ab");
    let bytes = [&image[..], &many, b"P5 1 1 255 x"].concat();
    let (frames, error) = read_all(Input::self_describing(stream(&bytes, 3), 2));
    let frames: Vec<_> = frames.iter().map(|frame| (frame.number, &frame.bytes[..])).collect();
    assert_eq!((frames, error), (vec![(2, &b"b"[..]), (3, b"x")], None));
    let mut broken = bytes.clone();
    broken[40] ^= 1;
    let (frames, error) = read_all(Input::self_describing(stream(&broken, 3), 2));
    assert!(frames.is_empty() && error.unwrap().starts_with("frame 0: PNG chunk"));
}

/// One image of any kind, and how many frames it is.
fn any_image() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let size = (1_u32..5, 1_u32..5);
    let bytes = || prop::collection::vec(any::<u8>(), 5 * 4 * 4 * 8);
    let pnm = (size.clone(), 1..=65535_u32, any::<bool>(), bytes()).prop_map(
        |((width, height), maxval, color, data)| {
            let (kind, channels) = if color { (6, 3) } else { (5, 1) };
            let count = width * height * channels * (1 + u32::from(maxval > 255));
            let mut bytes = format!("P{kind}\n# c\n{width} {height}\n{maxval}\n").into_bytes();
            bytes.extend(&data[..count as usize]);
            (bytes, 1)
        },
    );
    let pam = (size.clone(), 1..=4_u32, 1..=65535_u32, bytes()).prop_map(
        |((width, height), depth, maxval, data)| {
            let count = width * height * depth * (1 + u32::from(maxval > 255));
            let sizes = format!("WIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\n");
            let kind = ["GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"][depth as usize - 1];
            let header = format!("P7\n{sizes}MAXVAL {maxval}\nTUPLTYPE {kind}\nENDHDR\n");
            let mut bytes = header.into_bytes();
            bytes.extend(&data[..count as usize]);
            (bytes, 1)
        },
    );
    let png = (size.clone(), bytes()).prop_map(|((width, height), data)| {
        (png(width, height, &data[..(3 * width * height) as usize]), 1)
    });
    let dtypes = prop::sample::select(vec!["|u1", "<u2", ">u2", "<f4", ">f4", "<f8", ">f8"]);
    let npy = (0_u32..5, size, 1..=4_u32, dtypes, bytes()).prop_map(
        |(count, (width, height), channels, dtype, data)| {
            let sample = u32::from(dtype.as_bytes()[2] - b'0');
            let total = count * width * height * channels * sample;
            let shape = format!("({count}, {height}, {width}, {channels})");
            let data: Vec<u8> = data.iter().copied().cycle().take(total as usize).collect();
            (npy(dtype, &shape, &data), count as usize)
        },
    );
    prop_oneof![pnm, pam, png, npy]
}

fn any_stream() -> impl Strategy<Value = Vec<(Vec<u8>, usize)>> {
    prop::collection::vec(any_image(), 1..4)
}

fn joined(images: &[(Vec<u8>, usize)]) -> Vec<u8> {
    images.iter().flat_map(|image| image.0.clone()).collect()
}

/// Reads a stream of any kind to its end, and checks memory on the way.
fn survives(bytes: &[u8], step: usize) -> usize {
    let mut source = Source::new(stream(bytes, step));
    let (mut images, mut frame, mut count) = (Images::default(), Vec::new(), 0);
    loop {
        source.begin();
        let result = images.read(&mut source, count as u64, &mut frame);
        assert!(frame.capacity() as u64 <= 2 * bytes.len() as u64 + FIRST_STEP);
        match result {
            Ok(Some((size, Content::Pixels(layout)))) => {
                assert_eq!(layout.frame_bytes(size), Some(frame.len()));
            }
            Ok(Some((_, Content::Png))) => assert!(frame.len() as u64 == source.taken()),
            Ok(None) | Err(_) => return count,
        }
        count += 1;
    }
}

/// What has failed once is kept in tests.regressions beside this file, which is committed and comes first in each run.
fn kept(cases: u32) -> ProptestConfig {
    let beside = Box::new(FileFailurePersistence::WithSource("regressions"));
    ProptestConfig { failure_persistence: Some(beside), ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(kept(400))]

    #[test]
    fn whole_streams_give_their_frames_and_nothing_more_is_waited_for(
        images in any_stream(),
        step in 1_usize..40,
    ) {
        let bytes = joined(&images);
        let mut input = Input::self_describing(stream(&bytes, step), 0);
        let mut end = 0;
        for (image, frames) in &images {
            let header_only = *frames == 0;
            end += image.len();
            for _ in 0..*frames {
                prop_assert!(input.read(Vec::new()).unwrap().is_some());
            }
            if !header_only {
                // What has come is an image and, of what follows it, less than a read gives.
                let ahead = input.source.reader().buffer().len();
                let unread = ahead + input.source.reader().get_ref().bytes.len();
                prop_assert_eq!(bytes.len() - unread, end);
                prop_assert!(ahead < step);
            }
        }
        prop_assert!(input.read(Vec::new()).unwrap().is_none());
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_whole_frames_and_then_an_error(
        image in any_image().prop_filter("no frame", |image| image.1 > 0),
        cut in any::<prop::sample::Index>(),
        step in 1_usize..40,
    ) {
        let (bytes, count) = (image.0, image.1);
        let cut = cut.index(bytes.len() - 1) + 1;
        let (frames, error) =
            read_all(Input::self_describing(stream(&bytes[..cut], step), 0));
        prop_assert!(frames.len() < count);
        let error = error.unwrap();
        let expected = format!("frame {}: input ends after ", frames.len());
        prop_assert!(error.starts_with(&expected), "{}", error);
        prop_assert_eq!(survives(&bytes[..cut], step), frames.len());
    }

    #[test]
    fn a_mutated_stream_is_survived(
        images in any_stream(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        step in 1_usize..40,
    ) {
        let mut bytes = joined(&images);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        survives(&bytes, step);
    }

    #[test]
    fn a_mutated_header_is_survived(
        image in any_image(),
        changes in prop::collection::vec((0_usize..80, "[ 0-9PWDn{}(),:'#\n]"), 1..6),
    ) {
        let mut bytes = image.0;
        for (place, text) in changes {
            let place = place.min(bytes.len());
            bytes.splice(place..place, text.bytes());
        }
        survives(&bytes, usize::MAX);
    }

    #[test]
    fn random_bytes_after_a_magic_number_are_survived(
        magic in prop::sample::select(vec![
            &b"P5 "[..], b"P6\n", b"P7\n", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
            b"\x93NUMPY\x01\0", b"\x93NUMPY\x02\0", b"\x93NUMPY\x01\0\x20\0{'descr': ", b"",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
        step in 1_usize..40,
    ) {
        survives(&[magic, &rest].concat(), step);
    }

    #[test]
    fn random_raw_streams_are_whole_frames_and_a_rest(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        format in prop::sample::select(PixelFormat::ALL.to_vec()),
        skip in 0_u64..3,
    ) {
        let (frames, error) = raw(&bytes, format.name, skip);
        let size = 12 * format.layout.pixel_bytes();
        let whole = (bytes.len() / size) as u64;
        prop_assert_eq!(frames.len() as u64, whole.saturating_sub(skip));
        prop_assert_eq!(error.is_some(), bytes.len() % size != 0 || whole < skip);
        for frame in frames {
            let start = frame.number as usize * size;
            prop_assert_eq!(&frame.bytes, &bytes[start..start + size]);
        }
    }
}

#[test]
fn a_layout_names_what_png_has() {
    // Only the frame itself tells its color.
    let colors = [Color::Gray, Color::GrayAlpha, Color::Rgb, Color::Rgba];
    for (channels, color) in (1..).zip(colors) {
        assert_eq!(
            (Color::of_channels(channels), color.channels() as u64),
            (Some(color), channels)
        );
    }
    assert_eq!((Color::of_channels(0), Color::of_channels(5)), (None, None));
    for format in PixelFormat::ALL {
        let is_planar = format.layout.order == ChannelOrder::PlanarGbr;
        assert_eq!(is_planar, format.name == "gbrp");
    }
}
