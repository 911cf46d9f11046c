//! Every layout of whole-number samples, at every size, becomes the PNG of the same pixels.

use crate::support::posted::images;
use crate::support::{Image, noise};

/// A layout of whole-number samples, and PNG's for it.
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
    let (name, dimensions) = (layout.name, format!("{}x{}", size.0, size.1));
    let bytes = (size.0 * size.1) as usize * layout.places.len();
    let frames = noise(7, 2 * bytes);
    let expected: Vec<_> =
        frames.chunks_exact(bytes).map(|frame| expected(frame, size, layout)).collect();
    let images = images(&["-s", &dimensions, "-p", name], &frames);
    assert!(images == expected, "{name} {dimensions}");
}
