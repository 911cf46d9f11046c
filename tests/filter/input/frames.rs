//! Frames in, PNG out: every layout and size, however the bytes come.

use std::io::Write;

use crate::support::form_server::FormServer;
use crate::support::posted::judged;
use crate::support::program::{Running, command, run};
use crate::support::server::{Server, ok};
use crate::support::{Image, decode, noise, tiny_frames};

/// What PNG makes of a layout of whole-number samples.
#[derive(Clone)]
struct Layout {
    name: &'static str,
    color_type: png::ColorType,
    bit_depth: png::BitDepth,
    /// For each byte of PNG's pixel its place in a pixel of ours; where ours is planar, the plane.
    places: &'static [usize],
    planar: bool,
}

const fn layout(
    name: &'static str,
    color_type: png::ColorType,
    bit_depth: png::BitDepth,
    places: &'static [usize],
) -> Layout {
    Layout { name, color_type, bit_depth, places, planar: false }
}

const LAYOUTS: [Layout; 17] = {
    use png::BitDepth::{Eight, Sixteen};
    use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    [
        layout("rgb24", Rgb, Eight, &[0, 1, 2]),
        layout("bgr24", Rgb, Eight, &[2, 1, 0]),
        layout("rgba", Rgba, Eight, &[0, 1, 2, 3]),
        layout("bgra", Rgba, Eight, &[2, 1, 0, 3]),
        layout("argb", Rgba, Eight, &[1, 2, 3, 0]),
        layout("abgr", Rgba, Eight, &[3, 2, 1, 0]),
        layout("gray", Grayscale, Eight, &[0]),
        layout("ya8", GrayscaleAlpha, Eight, &[0, 1]),
        layout("rgb48le", Rgb, Sixteen, &[1, 0, 3, 2, 5, 4]),
        layout("rgb48be", Rgb, Sixteen, &[0, 1, 2, 3, 4, 5]),
        layout("rgba64le", Rgba, Sixteen, &[1, 0, 3, 2, 5, 4, 7, 6]),
        layout("rgba64be", Rgba, Sixteen, &[0, 1, 2, 3, 4, 5, 6, 7]),
        layout("gray16le", Grayscale, Sixteen, &[1, 0]),
        layout("gray16be", Grayscale, Sixteen, &[0, 1]),
        layout("ya16le", GrayscaleAlpha, Sixteen, &[1, 0, 3, 2]),
        layout("ya16be", GrayscaleAlpha, Sixteen, &[0, 1, 2, 3]),
        Layout { planar: true, ..layout("gbrp", Rgb, Eight, &[2, 0, 1]) },
    ]
};

fn expected(frame: &[u8], (width, height): (u32, u32), layout: &Layout) -> Image {
    let (count, length) = ((width * height) as usize, layout.places.len());
    let byte = |pixel: usize, place: usize| match layout.planar {
        true => frame[place * count + pixel],
        false => frame[pixel * length + place],
    };
    let pixel = |pixel| layout.places.iter().map(move |&place| byte(pixel, place));
    Image {
        width,
        height,
        color_type: layout.color_type,
        bit_depth: layout.bit_depth,
        pixels: (0..count).flat_map(pixel).collect(),
    }
}

#[test]
fn every_layout_at_every_size_arrives_pixel_for_pixel() {
    for layout in &LAYOUTS {
        for size in [(1, 1), (1, 7), (7, 1), (64, 64), (319, 241)] {
            arrives_pixel_for_pixel(layout, size);
        }
    }
    for layout in &[&LAYOUTS[..2], &LAYOUTS[16..]].concat() {
        arrives_pixel_for_pixel(layout, (1919, 1080));
    }
}

fn arrives_pixel_for_pixel(layout: &Layout, size: (u32, u32)) {
    let server = FormServer::start();
    let (name, dimensions) = (layout.name, format!("{}x{}", size.0, size.1));
    let bytes = (size.0 * size.1) as usize * layout.places.len();
    let frames = noise(7, 2 * bytes);
    let arguments = ["-s", &dimensions, "-p", name, "-z", "fastest", &server.url()];
    assert_eq!(run(&arguments, &frames).ok().stdout, b"1\n1\n");
    for (form, frame) in server.forms().iter().zip(frames.chunks_exact(bytes)) {
        assert!(judged(form.image()) == expected(frame, size, layout), "{name} {dimensions}");
    }
}

#[test]
fn every_level_gives_the_same_pixels() {
    let frames = include_bytes!("../../data/astronaut-64x64.rgb");
    let mut sizes = Vec::new();
    for level in ["none", "fastest", "fast", "balanced", "high"] {
        let server = FormServer::start();
        let lines = run(&["-s", "64x64", "-z", level, &server.url()], frames).ok().lines();
        assert_eq!(lines, vec!["1"; 64]);
        let forms = server.forms();
        for (form, frame) in forms.iter().zip(frames.chunks_exact(64 * 64 * 3)) {
            assert_eq!(decode(form.image()).pixels, frame);
        }
        sizes.push(forms.iter().map(|form| form.image().len()).sum::<usize>());
    }
    // Which of the middle ones is smaller depends on the picture; but each is another.
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    assert!(sizes[3] != sizes[2] && sizes[3] > sizes[4], "{sizes:?}");
}

#[test]
fn a_frame_may_come_in_many_short_writes() {
    let server = FormServer::start();
    let mut program = Running::start(command(&["-s", "5x3", &server.url()]));
    let frames = noise(3, 3 * 45);
    for byte in &frames {
        program.stdin.as_mut().unwrap().write_all(&[*byte]).unwrap();
    }
    assert_eq!(program.finish().ok().stdout, b"1\n1\n1\n");
    let pixels: Vec<u8> =
        server.forms().iter().flat_map(|form| decode(form.image()).pixels).collect();
    assert_eq!(pixels, frames);
}

#[test]
fn no_frames_is_no_error_and_no_request() {
    let server = Server::answering(|_, _| ok(""));
    assert_eq!(run(&["-s", "64x64", &server.url()], b"").ok().stdout, b"");
    assert_eq!(server.connections(), 0);
}

#[test]
fn input_that_ends_inside_the_first_frame_sends_nothing() {
    let server = Server::answering(|_, _| ok(""));
    let run = run(&["-s", "64x64", &server.url()], &[0; 100]);
    run.fails(3, "frame 0: input ends after 100 of 12288 bytes");
    assert_eq!(server.connections(), 0);
}

#[test]
fn skip_drops_frames_and_goes_on_numbering() {
    let server = Server::answering(|_, request| ok(format!("{}", decode(&request.body).pixels[2])));
    let skip = |count| {
        run(&["-s", "1x1", "--raw", "--skip", count, &server.url()], &tiny_frames(6)).ok().lines()
    };
    assert_eq!(skip("0"), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(skip("4"), ["4", "5"]);
    assert_eq!(skip("6"), [""; 0]);
    let mut cut = tiny_frames(3);
    cut.pop();
    let run = run(&["-s", "1x1", "--raw", "--skip", "7", &server.url()], &cut);
    run.fails(3, "frame 2: input ends after 2 of 3 bytes");
}

#[test]
fn an_input_of_fewer_frames_than_are_skipped_is_bad_input() {
    let server = Server::answering(|_, _| ok(""));
    let skip = |options: &[&str], count, frames: &[u8]| {
        let run = run(&[options, &["--skip", count, &server.url()]].concat(), frames);
        assert!(run.stdout.is_empty());
        run
    };
    let raw = ["-s", "1x1"];
    skip(&raw, "3", &tiny_frames(3)).ok();
    skip(&raw, "4", &tiny_frames(3)).fails(3, "--skip 4: the input has only 3 frames");
    skip(&raw, "2", &tiny_frames(1)).fails(3, "--skip 2: the input has only 1 frame");
    let longest = u64::MAX.to_string();
    let message = format!("--skip {longest}: the input has only 0 frames");
    skip(&raw, &longest, &[]).fails(3, &message);
    let images = [&b"P5 1 1 255 a"[..], b"P6 1 1 255 rgb"].concat();
    skip(&[], "2", &images).ok();
    skip(&[], "3", &images).fails(3, "--skip 3: the input has only 2 frames");
    assert_eq!(server.connections(), 0);
}

#[test]
fn stdin_that_cannot_be_read_is_an_error() {
    let server = Server::answering(|_, _| ok(""));
    let mut program = command(&["-s", "1x1", &server.url()]);
    program.stdin(std::fs::File::open("/").unwrap());
    let run = Running::start(program).finish();
    run.fails(1, "frame 0: stdin: is a directory");
}
