//! Images with headers under `--size`: they are no headerless frames.

use crate::support::posted::post;

/// Nothing is posted: no frame begins by chance with a whole header.
#[test]
fn images_with_headers_are_not_posted_as_headerless_frames() {
    let jpeg = "a JPEG does, which is not read; 'djpeg' turns it into PPM, and \
                'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them";
    let raw = "does, which is not read; ffmpeg writes headerless frames with '-f rawvideo -pix_fmt rgb24'";
    let converted = "does, which is not read; 'convert - png:-' turns it into PNG";
    let (y4m, avi) = (format!("Y4M {raw}"), format!("an AVI {raw}"));
    let [webp, gif, bmp] = ["a WebP", "a GIF", "a BMP"].map(|kind| format!("{kind} {converted}"));
    let cases: [(&[u8], &str); 12] = [
        (b"P6\n# a comment\n8 8\n65535\n", "a PPM does; leave --size out"),
        (
            b"farbfeld\0\0\0\x08\0\0\0\x08",
            "farbfeld does, which is not read; 'ff2png' turns it into PNG",
        ),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xdb", jpeg),
        (b"\xff\xd8\xff\xe1\xff\0Exif\0\0MM", jpeg),
        // As ffmpeg writes it.
        (b"\xff\xd8\xff\xfe\0\x10Lavc59.37.100\0\xff\xdb", jpeg),
        (b"\xff\xd8\xff\xdb\0\x05abc\xff\xc0", jpeg),
        (b"\xff\xd8\xff\xed\0\x02\xff\xdb\0\x43", jpeg),
        (b"YUV4MPEG2 W8 H8 F25:1\n", &y4m),
        (b"RIFF\x9a\x01\0\0AVI LIST", &avi),
        (b"RIFF\x9a\x01\0\0WEBPVP8 ", &webp),
        (b"GIF89a\x08\0\x08\0", &gif),
        (b"BM\x9a\x01\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0", &bmp),
    ];
    for (header, message) in cases {
        // A whole frame and more, and less than a frame.
        for length in [192 * 3, 191] {
            let mut stream = header.to_vec();
            stream.resize(length, b'x');
            let posted = post(&["-s", "8x8", "-j", "4"], &stream);
            assert!(posted.pngs.is_empty(), "{message}");
            posted.run.fails(3, &format!("frame 0: begins as {message}"));
        }
        // Later in the stream it may be chance.
        let mut stream = vec![b'x'; 192];
        stream.extend(header);
        stream.resize(2 * 192, b'x');
        let posted = post(&["-s", "8x8"], &stream);
        assert_eq!(posted.pngs.len(), 2);
        posted.run.ok();
    }
}

#[test]
fn frames_that_only_begin_like_an_image_are_posted() {
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
    ] {
        let mut stream = begin.to_vec();
        stream.resize(192, b'x');
        let posted = post(&["-s", "8x8"], &stream);
        assert_eq!(posted.pngs.len(), 1, "{}", begin.escape_ascii());
        posted.run.ok();
    }
}
