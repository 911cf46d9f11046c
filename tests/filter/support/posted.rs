//! The PNGs that a run posts, one at a time, each read by two decoders that share no code.

use std::io::Cursor;

use zune_png::PngDecoder;
use zune_png::zune_core::options::DecoderOptions;
use zune_png::zune_core::result::DecodingResult;

use super::images::image_8;
use super::program::{Run, run};
use super::server::{Server, ok};
use super::{Image, decode};

/// The run of a stream, and the uploads that it became.
pub struct Posted {
    pub run: Run,
    /// In their order.
    pub pngs: Vec<Vec<u8>>,
}

/// Runs the program on the stream, with these options, against a server that takes everything.
pub fn post(options: &[&str], stream: &[u8]) -> Posted {
    let server = Server::answering(|_, _| ok("taken"));
    let run = run(&[&["--raw", "-z", "fastest"], options, &[&server.url()]].concat(), stream);
    let pngs: Vec<_> = server.requests().into_iter().map(|request| request.body).collect();
    // One line for each upload, even if the run then fails.
    assert_eq!(run.lines(), vec!["taken"; pngs.len()], "{}", run.stderr);
    Posted { run, pngs }
}

/// The images that all of the stream became.
#[track_caller]
pub fn images(options: &[&str], stream: &[u8]) -> Vec<Image> {
    let posted = post(options, stream);
    posted.run.ok();
    posted.pngs.iter().map(|png| judged(png)).collect()
}

/// Decodes a PNG twice: both decoders read the same image.
pub fn judged(png: &[u8]) -> Image {
    let image = decode(png);
    assert!(Ok(&image) == zune_image(png).as_ref(), "two decoders read different images");
    image
}

/// What zune-png reads, or why it refuses.
pub fn zune_image(png: &[u8]) -> Result<Image, String> {
    let options = DecoderOptions::default().set_max_width(1 << 17).set_strict_mode(true);
    let mut decoder = PngDecoder::new_with_options(Cursor::new(png), options);
    let decoded = decoder.decode().map_err(|error| format!("{error:?}"))?;
    let (bit_depth, pixels) = match decoded {
        DecodingResult::U8(samples) => (png::BitDepth::Eight, samples),
        DecodingResult::U16(samples) => {
            (png::BitDepth::Sixteen, samples.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        _ => panic!("samples that PNG does not have"),
    };
    let (width, height) = decoder.dimensions().expect("a size");
    let channels = decoder.colorspace().expect("a color").num_components();
    let (width, height) = (width as u32, height as u32);
    Ok(Image { bit_depth, ..image_8(width, height, channels, pixels) })
}
