//! Images with headers under `--size`: they are no headerless frames.

use crate::support::posted::post;

/// Nothing is posted: no frame begins by chance with a whole header.
#[test]
fn images_with_headers_are_not_posted_as_headerless_frames() {
    let jpeg = "a JPEG does, which is not read; 'convert - -auto-orient ppm:-' turns it into PPM, and \
                'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them of one size";
    let frames =
        "does, which is not read; 'ffmpeg -i - -f image2pipe -c:v ppm -' makes frames of it";
    let of_file = frames.replace("-i - ", "-i FILE ");
    let converted = "does, which is not read; 'convert - png:-' turns it into PNG";
    let out = |tool| format!("does, which is not read; '{tool} -dc' writes what is in it");
    let packet = [&b"G@\x11\x10"[..], &[0xff; 184]].concat();
    let cases: [(&[u8], String); 34] = [
        (b"P6\n# a comment\n8 8\n65535\n", "a PPM does; leave --size out".to_owned()),
        (
            b"farbfeld\0\0\0\x08\0\0\0\x08",
            "farbfeld does, which is not read; 'ff2png' turns it into PNG".to_owned(),
        ),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xdb", jpeg.to_owned()),
        (b"\xff\xd8\xff\xe1\xff\0Exif\0\0MM", jpeg.to_owned()),
        // As ffmpeg writes it.
        (b"\xff\xd8\xff\xfe\0\x10Lavc59.37.100\0\xff\xdb", jpeg.to_owned()),
        (b"\xff\xd8\xff\xdb\0\x05abc\xff\xc0", jpeg.to_owned()),
        (b"\xff\xd8\xff\xed\0\x02\xff\xdb\0\x43", jpeg.to_owned()),
        (b"YUV4MPEG2 W8 H8 F25:1\n", format!("Y4M {frames}")),
        (b"RIFF\x9a\x01\0\0AVI LIST", format!("an AVI {frames}")),
        (b"RIFF\x9a\x01\0\0WEBPVP8 ", format!("a WebP {converted}")),
        (
            b"GIF89a\x08\0\x08\0",
            format!("a GIF {}", converted.replace("convert -", "convert - -coalesce")),
        ),
        (b"BM\x9a\x01\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0", format!("a BMP {converted}")),
        (b"II*\0\x08\0\0\0", format!("a TIFF {converted}")),
        (b"MM\0*\0\0\0\x08", format!("a TIFF {converted}")),
        (b"PF\n8 8\n-1.0\n", format!("a PFM {converted}")),
        (b"Pf\n8 8\n1\n", format!("a PFM {converted}")),
        (b"v/1\x01\x02\0\0\0", format!("an EXR {of_file}")),
        (
            b"\0\0\0\x65\0\0\0\x07\0\0\0\x02\0\0\0\x18",
            format!("an XWD {}", converted.replace("convert -", "convert xwd:-")),
        ),
        (b"qoif\0\0\0\x08\0\0\0\x08\x03\0", format!("a QOI {of_file}")),
        (b"SDPX\0\0\x20\0V2.0", format!("a DPX {converted}")),
        (b"XPDS\0\x20\0\0V2.0", format!("a DPX {converted}")),
        (b"\0\0\0\x0cjP  \r\n\x87\n", format!("a JPEG 2000 {converted}")),
        (b"\xff\x4f\xff\x51\0\x2f", format!("a JPEG 2000 {converted}")),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", format!("mp4 or mov {of_file}")),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0", format!("mp4 or mov {of_file}")),
        (b"\0\0\x10\x20moov\0\0\0\x6cmvhd", format!("mp4 or mov {of_file}")),
        (b"\0\0\0\x1cftypavif", format!("an AVIF or HEIC {converted}")),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", format!("mkv or webm {frames}")),
        (&packet.repeat(3), format!("MPEG-TS {frames}")),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1", format!("gzip {}", out("gzip"))),
        // As Python writes it, with the name of a file.
        (b"\x1f\x8b\x08\x08\x74\xac\x0d\x6b\x02\xffd\0", format!("gzip {}", out("gzip"))),
        (
            b"PK\x03\x04\x2d\0\0\0\0\0\0\0",
            "a zip or .npz does, which is not read; 'unzip -p FILE' writes what is in it"
                .to_owned(),
        ),
        (b"\xfd7zXZ\0\0\x04", format!("xz {}", out("xz"))),
        (b"\x28\xb5\x2f\xfd\x24\0", format!("zstd {}", out("zstd"))),
    ];
    for (header, message) in cases {
        // Whole frames, less than one, and without --size.
        let refused: [(&[&str], usize); 3] = [
            (&["-s", "16x16", "-j", "4"], 768 * 3),
            (&["-s", "16x16", "-j", "4"], 767),
            (&["-j", "4"], 767),
        ];
        for (options, length) in refused {
            if options.len() == 2 && header.starts_with(b"P6") {
                continue;
            }
            let mut stream = header.to_vec();
            stream.resize(length, b'x');
            let posted = post(options, &stream);
            assert!(posted.pngs.is_empty(), "{message}");
            posted.run.fails(3, &format!("frame 0: begins as {message}"));
        }
        // Later in the stream it may be chance.
        let mut stream = vec![b'x'; 768];
        stream.extend(header);
        stream.resize(2 * 768, b'x');
        let posted = post(&["-s", "16x16"], &stream);
        assert_eq!(posted.pngs.len(), 2);
        posted.run.ok();
    }
}

#[test]
fn frames_that_only_begin_like_an_image_are_posted() {
    let packet = |sync: u8| [&[sync][..], b"@\x11\x10", &[0xff; 184]].concat();
    for begin in [
        &b"P6"[..],
        b"BM\x9a\x01\0\0\0\0\0\x01\x36\0\0\0\x28\0\0\0",
        b"RIFF\x9a\x01\0\0AVIx",
        b"GIF88a",
        b"YUV4MPEG3 ",
        b"P6\n8 x",
        b"P6\n0 8\n255\n",
        b"P6 8 8 65536\n",
        b"P8 8 8 255\n",
        b"P68 8 255\n",
        b"P7\nWIDTH 8\n",
        b"farbfel",
        b"BM",
        b"\x1f\x8b\x08\x20\0\0\0\0\0\x03",
        b"\x1f\x8b\x08\0\0\0\0\0\x01\x03",
        b"PF\n0 8",
        b"PF\n8x8",
        b"PF 8 8",
        b"\0\0\0\x65\0\0\0\x07\0\0\0\x03",
        b"PK\x03",
        b"\x1a\x45\xdf\xa4",
        // A color, and packets of which one is another.
        &[0x47, 0x10].repeat(300),
        &[&packet(0x47)[..], &packet(0x47), &packet(0x48)].concat(),
        &[&packet(0x47)[..], &packet(0x48), &packet(0x47)].concat(),
    ] {
        let mut stream = begin.to_vec();
        stream.resize(768, b'x');
        let posted = post(&["-s", "16x16"], &stream);
        assert_eq!(posted.pngs.len(), 1, "{}", begin.escape_ascii());
        posted.run.ok();
    }
}
