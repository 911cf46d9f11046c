//! Frames of PNG's own layouts, all of one size: noise goes in, and images must have its samples.

use super::{Image, noise};

pub const WIDTH: u32 = 37;
pub const HEIGHT: u32 = 29;
pub const PIXELS: usize = (WIDTH * HEIGHT) as usize;

/// PNG's own layouts by ffmpeg's names, and the bytes of a pixel.
pub const NATIVE: [(&str, usize); 8] = [
    ("gray", 1),
    ("ya8", 2),
    ("rgb24", 3),
    ("rgba", 4),
    ("gray16be", 2),
    ("ya16be", 4),
    ("rgb48be", 6),
    ("rgba64be", 8),
];

/// Three frames of this layout.
pub fn native_frames(name: &str) -> Vec<u8> {
    let (_, bytes) = NATIVE.into_iter().find(|native| native.0 == name).expect("PNG's layout");
    noise(bytes as u64, 3 * PIXELS * bytes)
}

/// The samples of all images, in a row.
pub fn joined(images: &[Image]) -> Vec<u8> {
    images.iter().flat_map(|image| image.pixels.clone()).collect()
}

/// The images are these frames: sizes, color type, bit depth and each sample.
#[track_caller]
pub fn assert_native(images: &[Image], name: &str, frames: &[u8], what: &str) {
    let color_type = match name {
        _ if name.starts_with("gray") => png::ColorType::Grayscale,
        _ if name.starts_with("ya") => png::ColorType::GrayscaleAlpha,
        _ if name.starts_with("rgba") => png::ColorType::Rgba,
        _ => png::ColorType::Rgb,
    };
    let bit_depth = match name.ends_with("be") {
        true => png::BitDepth::Sixteen,
        false => png::BitDepth::Eight,
    };
    assert!(joined(images) == frames, "{what}: other samples");
    for image in images {
        assert_eq!((image.width, image.height), (WIDTH, HEIGHT), "{what}");
        assert_eq!((image.color_type, image.bit_depth), (color_type, bit_depth), "{what}");
    }
}
