//! PNG, which is passed on as it is.

use png::ColorType::{Rgb, Rgba};

use crate::support::images::png_of;
use crate::support::noise;
use crate::support::posted::post;

/// PNGs as pngpost itself never writes them.
fn foreign_pngs() -> Vec<Vec<u8>> {
    let mut pngs = vec![
        png_of(1, 1, Rgb, &[1, 2, 3]),
        png_of(31, 17, Rgba, &noise(1, 31 * 17 * 4)),
        png_of(640, 480, Rgb, &noise(2, 640 * 480 * 3)),
    ];
    let mut indexed = Vec::new();
    let mut encoder = png::Encoder::new(&mut indexed, 9, 2);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(&[1, 2, 3, 4, 5, 6, 7, 8, 9][..]);
    encoder.set_trns(&[0, 128][..]);
    encoder.set_source_gamma(png::ScaledFloat::new(1.0 / 2.2));
    encoder.add_itxt_chunk("Title".into(), "caf\u{e9}".into()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0b0001_1000; 6]).unwrap();
    writer.finish().unwrap();
    pngs.push(indexed);
    pngs
}

#[test]
fn png_is_passed_on_byte_for_byte() {
    let pngs = foreign_pngs();
    for jobs in ["1", "4"] {
        let posted = post(&["-j", jobs], &pngs.concat());
        let (mut seen, mut sent) = (posted.pngs, pngs.clone());
        if jobs != "1" {
            seen.sort();
            sent.sort();
        }
        assert!(seen == sent, "{jobs} jobs");
        posted.run.ok();
    }
}
