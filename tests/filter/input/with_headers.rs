//! Images with headers under `--size`: they are no headerless frames.

use crate::support::posted::post;

fn padded(begin: &[u8], length: usize) -> Vec<u8> {
    [begin, &vec![b'x'; length - begin.len()]].concat()
}

/// Nothing is posted: no frame begins by chance with a whole header.
#[test]
fn images_with_headers_are_not_posted_as_headerless_frames() {
    let jpeg = "'convert - -auto-orient ppm:-' turns it into PPM, and \
                'ffmpeg -f mjpeg -i - -f image2pipe -c:v ppm -' a stream of them of one size";
    let frames = "'ffmpeg -i - -f image2pipe -c:v ppm -' makes frames of it";
    let of_file = "'ffmpeg -i FILE -f image2pipe -c:v ppm -' makes frames of it";
    let converted = "'convert - png:-' turns it into PNG";
    let packet = [&b"G@\x11\x10"[..], &[0xff; 184]].concat();
    let cases: [(&[u8], &str, &str); 39] = [
        (b"farbfeld\0\0\0\x08\0\0\0\x08", "farbfeld", "'ff2png' turns it into PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xdb", "a JPEG", jpeg),
        (b"\xff\xd8\xff\xe1\xff\0Exif\0\0MM", "a JPEG", jpeg),
        // As ffmpeg writes it.
        (b"\xff\xd8\xff\xfe\0\x10Lavc59.37.100\0\xff\xdb", "a JPEG", jpeg),
        (b"\xff\xd8\xff\xdb\0\x05abc\xff\xc0", "a JPEG", jpeg),
        (b"\xff\xd8\xff\xc4\0\x05abc\xff\xdb", "a JPEG", jpeg),
        (b"\xff\xd8\xff\xed\0\x02\xff\xdb\0\x43", "a JPEG", jpeg),
        (b"YUV4MPEG2 W8 H8 F25:1\n", "Y4M", frames),
        (b"RIFF\x9a\x01\0\0AVI LIST", "an AVI", frames),
        (b"RIFF\x9a\x01\0\0WEBPVP8 ", "a WebP", converted),
        (b"GIF89a\x08\0\x08\0", "a GIF", "'convert - -coalesce png:-' turns it into PNG"),
        (b"BM\x9a\x01\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0", "a BMP", converted),
        (b"II*\0\x08\0\0\0", "a TIFF", converted),
        (b"MM\0*\0\0\0\x08", "a TIFF", converted),
        (b"II+\0\x08\0\0\0", "a TIFF", converted),
        (b"PF\n8 8\n-1.0\n", "a PFM", converted),
        (b"Pf\n8 8\n1\n", "a PFM", converted),
        (b"v/1\x01\x02\0\0\0", "an EXR", of_file),
        (
            b"\0\0\0\x65\0\0\0\x07\0\0\0\x02\0\0\0\x18",
            "an XWD",
            "'convert xwd:- png:-' turns it into PNG",
        ),
        (b"qoif\0\0\0\x08\0\0\0\x08\x03\0", "a QOI", of_file),
        (b"SDPX\0\0\x20\0V2.0", "a DPX", converted),
        (b"XPDS\0\x20\0\0V2.0", "a DPX", converted),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000", converted),
        (b"\xff\x4f\xff\x51\0\x2f", "a JPEG 2000", converted),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "mp4 or mov", of_file),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0", "mp4 or mov", of_file),
        (b"\0\0\x10\x20moov\0\0\0\x6cmvhd", "mp4 or mov", of_file),
        (b"\0\0\0\x08wide\0\0\x10\x20mdat", "mp4 or mov", of_file),
        (b"\0\0\0\x08free\0\0\x10\x20moov", "mp4 or mov", of_file),
        (b"\0\0\0\x1cftypavif", "an AVIF or HEIC", converted),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", "mkv or webm", frames),
        (&packet.repeat(3), "MPEG-TS", frames),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xed\xc1", "gzip", "'gzip -dc' writes what is in it"),
        // As Python writes it, with the name of a file.
        (b"\x1f\x8b\x08\x08\x74\xac\x0d\x6b\x02\xffd\0", "gzip", "'gzip -dc' writes what is in it"),
        (b"PK\x05\x06\0\0\0\0", "a zip or .npz", "'unzip -p FILE' writes what is in it"),
        (b"PK\x03\x04\x2d\0\0\0\0\0\0\0", "a zip or .npz", "'unzip -p FILE' writes what is in it"),
        (b"BZh91AY&SY", "bzip2", "'bzip2 -dc' writes what is in it"),
        (b"\xfd7zXZ\0\0\x04", "xz", "'xz -dc' writes what is in it"),
        (b"\x28\xb5\x2f\xfd\x24\0", "zstd", "'zstd -dc' writes what is in it"),
    ];
    for (header, kind, advice) in cases {
        let message = format!("frame 0: begins as {kind} does, which is not read; {advice}");
        // Whole frames, less than one, and without --size.
        let size = ["-s", "16x16", "-j", "4"];
        for (options, length) in [(&size[..], 768 * 3), (&size, 767), (&size[2..], 767)] {
            let posted = post(options, &padded(header, length));
            assert!(posted.pngs.is_empty(), "{message}");
            posted.run.fails(3, &message);
        }
        // Later in the stream it may be chance.
        let posted = post(&size, &[&[b'x'; 768], &padded(header, 768)[..]].concat());
        assert_eq!(posted.pngs.len(), 2);
        posted.run.ok();
    }
}

#[test]
fn an_image_that_is_read_is_told_to_need_no_size() {
    for length in [768 * 3, 767] {
        let posted = post(&["-s", "16x16"], &padded(b"P6\n# a comment\n8 8\n65535\n", length));
        assert!(posted.pngs.is_empty());
        posted.run.fails(3, "frame 0: begins as a PPM does; leave --size out");
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
        let posted = post(&["-s", "16x16"], &padded(begin, 768));
        assert_eq!(posted.pngs.len(), 1, "{}", begin.escape_ascii());
        posted.run.ok();
    }
}
