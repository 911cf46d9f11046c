//! The pictures that the receiver has to see, against its answers and against the lines.

use serde_json::Value;

use crate::recorder::Exchange;

/// An image as the receiver tells of it: size, and CRC of the samples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Picture {
    pub width: u64,
    pub height: u64,
    pub crc32: String,
}

impl Picture {
    /// Of samples of 8 bits.
    pub fn of(width: usize, height: usize, samples: &[u8]) -> Self {
        let crc32 = format!("{:08x}", crc32fast::hash(samples));
        Picture { width: width as u64, height: height as u64, crc32 }
    }

    /// Of frames of rgb24, one after the other.
    #[track_caller]
    pub fn all(width: usize, height: usize, frames: &[u8]) -> Vec<Self> {
        assert_eq!(frames.len() % (width * height * 3), 0, "whole frames");
        frames.chunks(width * height * 3).map(|frame| Picture::of(width, height, frame)).collect()
    }

    /// Of a PPM stream with a maxval of 255 and no comments.
    pub fn of_ppms(mut stream: &[u8]) -> Vec<Self> {
        let mut pictures = Vec::new();
        while !stream.is_empty() {
            let mut words = Vec::new();
            while words.len() < 4 {
                let end = stream.iter().position(u8::is_ascii_whitespace).expect("a header");
                words.push(String::from_utf8_lossy(&stream[..end]).into_owned());
                stream = &stream[end + 1..];
            }
            assert_eq!((words[0].as_str(), words[3].as_str()), ("P6", "255"));
            let (width, height) = (words[1].parse().unwrap(), words[2].parse().unwrap());
            let (samples, rest) = stream.split_at(width * height * 3);
            pictures.push(Picture::of(width, height, samples));
            stream = rest;
        }
        pictures
    }

    /// Of the receiver's answer.
    #[track_caller]
    pub fn seen(answer: &Value) -> Self {
        let number = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("{answer}"));
        let crc32 = answer["crc32"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Picture { width: number("width"), height: number("height"), crc32 }
    }
}

/// The lines are the receiver's answers to these images, in this order.
#[track_caller]
pub fn assert_lines(lines: &[String], pictures: &[Picture]) {
    let seen = lines.iter().map(|line| {
        let answer = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        Picture::seen(&answer)
    });
    assert_eq!(seen.collect::<Vec<_>>(), pictures);
    assert!(pictures.len() > 1, "several frames");
}

/// The receiver got these images, in any order: several jobs give none.
#[track_caller]
pub fn assert_posted(exchanges: &[Exchange], pictures: &[Picture]) {
    let mut seen: Vec<_> = exchanges.iter().map(|exchange| Picture::seen(&exchange.seen)).collect();
    let mut pictures = pictures.to_vec();
    seen.sort();
    pictures.sort();
    assert_eq!(seen, pictures);
}

pub fn png_of(width: u32, height: u32, rgb: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rgb).unwrap();
    writer.finish().unwrap();
    bytes
}
