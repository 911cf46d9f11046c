//! The ground of all tests: the real binary, real servers on ports of their own, and frames.

pub mod almost_right;
#[path = "../../tools/daemon.rs"]
pub mod daemon;
pub mod echo;
#[path = "../../tools/folder.rs"]
pub mod folder;
pub mod foreign;
pub mod holding;
pub mod images;
pub mod live;
pub mod multipart;
pub mod native;
pub mod pool;
pub mod ports;
pub mod posted;
pub mod program;
#[path = "../../tools/server.rs"]
pub mod server;
pub mod signals;
pub mod tls;
pub mod tracer;
#[path = "../../tools/turnstile.rs"]
pub mod turnstile;
#[path = "../../tools/wait.rs"]
mod wait;

pub use wait::{PATIENCE, wait_until};

/// Frame `number` of a stream of 1x1 rgb24 frames: its three bytes are the number.
pub fn tiny(number: u32) -> [u8; 3] {
    let [_, r, g, b] = number.to_be_bytes();
    [r, g, b]
}

/// Frames 0 to `count` - 1 of 1x1 rgb24.
pub fn tiny_frames(count: u32) -> Vec<u8> {
    (0..count).flat_map(tiny).collect()
}

/// The number of the tiny frame whose PNG is the body.
pub fn tiny_number(png: &[u8]) -> u32 {
    let image = decode(png);
    assert_eq!((image.width, image.height), (1, 1));
    let [r, g, b] = image.pixels[..] else { panic!("{:?} is no rgb24 pixel", image.pixels) };
    u32::from_be_bytes([0, r, g, b])
}

/// The size of a frame of 12 MB: more than all buffers between the program and a server hold.
pub const BIG: [&str; 4] = ["-s", "2000x2000", "-z", "none"];
pub const BIG_BYTES: usize = 2000 * 2000 * 3;

/// A decoded PNG.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub color_type: png::ColorType,
    pub bit_depth: png::BitDepth,
    pub pixels: Vec<u8>,
}

/// Decodes a PNG whole, to its end.
pub fn decode(bytes: &[u8]) -> Image {
    let mut reader =
        png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("PNG header");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("PNG image");
    reader.finish().expect("PNG end");
    pixels.truncate(info.buffer_size());
    Image {
        width: info.width,
        height: info.height,
        color_type: info.color_type,
        bit_depth: info.bit_depth,
        pixels,
    }
}

/// Bytes that look random and are the same every time (xorshift64, Marsaglia 2003).
pub fn noise(seed: u64, count: usize) -> Vec<u8> {
    // Spread over all bits first: neighbouring seeds must not begin alike.
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A file of this name in a folder of the test run's own, below the target directory.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let run = format!("filter-{}", std::process::id());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(run);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}
