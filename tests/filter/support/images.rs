//! Images of each kind as streams have them, and the pixels that PNG has of them.

use png::BitDepth::Eight;
use png::ColorType::{self, Grayscale, GrayscaleAlpha, Rgb, Rgba};

use super::Image;

/// PNG's color types by the number of their channels, less one.
const COLORS: [ColorType; 4] = [Grayscale, GrayscaleAlpha, Rgb, Rgba];

pub fn image_8(width: u32, height: u32, channels: usize, pixels: impl Into<Vec<u8>>) -> Image {
    let (color_type, pixels) = (COLORS[channels - 1], pixels.into());
    Image { width, height, color_type, bit_depth: Eight, pixels }
}

pub fn pgm(width: u32, height: u32, samples: &[u8]) -> Vec<u8> {
    [format!("P5\n{width} {height}\n255\n").as_bytes(), samples].concat()
}

pub fn pam(width: u32, height: u32, depth: usize, maxval: u32, samples: &[u8]) -> Vec<u8> {
    let kind = ["GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"][depth - 1];
    let sizes = format!("WIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maxval}\n");
    [format!("P7\n{sizes}TUPLTYPE {kind}\nENDHDR\n").as_bytes(), samples].concat()
}

/// A .npy as numpy writes it: version 1.0, the header padded to 64 bytes.
pub fn npy(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_of(1, &format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"), data)
}

pub fn npy_of(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let before = if version == 1 { 10 } else { 12 };
    let length = (before + header.len() + 1).next_multiple_of(64) - before;
    let header = format!("{header:0$}\n", length - 1);
    let mut bytes = [&b"\x93NUMPY"[..], &[version, 0]].concat();
    match version {
        1 => bytes.extend((length as u16).to_le_bytes()),
        _ => bytes.extend((length as u32).to_le_bytes()),
    }
    [&bytes, header.as_bytes(), data].concat()
}

pub fn png_of(width: u32, height: u32, color_type: ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color_type);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    bytes
}
