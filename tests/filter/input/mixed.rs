//! Images of all kinds in one stream: each is read to its end, and no further.

use png::BitDepth::Sixteen;
use png::ColorType::Rgb;

use crate::support::images::{image_8, npy, pam, pgm, png_of};
use crate::support::posted::{images, post};
use crate::support::program::{Running, command};
use crate::support::server::{Server, ok};
use crate::support::{Image, decode};

/// Images of every kind and many sizes, each with the PNG pixels that it is.
fn every_kind() -> Vec<(Vec<u8>, Vec<Image>)> {
    let png = png_of(3, 2, Rgb, &[7; 18]);
    let decoded = decode(&png);
    let floats: Vec<u8> = [0.0_f32, 1.0, 0.5].iter().flat_map(|f| f.to_be_bytes()).collect();
    vec![
        (pgm(2, 2, b"abcd"), vec![image_8(2, 2, 1, *b"abcd")]),
        (png, vec![decoded]),
        (b"P6 1 1 255 rgb".to_vec(), vec![image_8(1, 1, 3, *b"rgb")]),
        (npy(">f4", "(3, 1)", &floats), vec![image_8(1, 3, 1, [0, 255, 128])]),
        (pam(1, 1, 4, 65535, b"rRgGbBaA"), {
            let pixels = b"rRgGbBaA".to_vec();
            vec![Image { bit_depth: Sixteen, ..image_8(1, 1, 4, pixels) }]
        }),
        (
            npy("|u1", "(3, 1, 2, 2)", b"abcdefghijkl"),
            [b"abcd", b"efgh", b"ijkl"].map(|pixels| image_8(2, 1, 2, *pixels)).into(),
        ),
        (pgm(300, 1, &[9; 300]), vec![image_8(300, 1, 1, [9; 300])]),
    ]
}

#[test]
fn images_of_all_kinds_and_sizes_follow_each_other_and_can_be_skipped() {
    let kinds = every_kind();
    let stream: Vec<u8> = kinds.iter().flat_map(|kind| kind.0.clone()).collect();
    let expected: Vec<&Image> = kinds.iter().flat_map(|kind| &kind.1).collect();
    for skip in 0..=expected.len() {
        let range = ["--range", "0:1", "--skip", &skip.to_string()];
        let images = images(&range, &stream);
        let kept = &expected[skip..];
        assert!(images.iter().eq(kept.iter().copied()), "--skip {skip}");
    }
    // Skipped images are checked like others, and numbering goes on.
    let mut broken = stream.clone();
    let place = kinds[0].0.len() + 45;
    broken[place] ^= 1;
    let posted = post(&["--skip", "5"], &broken);
    assert!(posted.pngs.is_empty());
    posted.run.fails(3, "frame 1: PNG chunk IDAT at byte 33: its CRC is wrong");
    let posted = post(&["--skip", "8"], &[&stream[..], b"P4 1 1 0"].concat());
    assert_eq!(posted.pngs.len(), 1);
    posted.run.fails(3, "frame 9: PBM is not read; 'pamdepth 255' turns it into PGM");
}

/// One image written, one line read, a hundred times: a program that read ahead would hang.
#[test]
fn each_image_is_answered_before_the_next_one_is_written() {
    let tag = |number: u8| [number, number ^ 1, 100 - number];
    let png = |number| png_of(1, 1, Rgb, &tag(number));
    let ppm = |number| [b"P6\n1 1\n255\n".as_slice(), &tag(number)].concat();
    let pam = |number| pam(1, 1, 3, 255, &tag(number));
    let array = |number| npy("|u1", "(1, 1, 3)", &tag(number));
    let part = |number| match number {
        0 => npy("|u1", "(100, 1, 1, 3)", &tag(0)),
        _ => tag(number).to_vec(),
    };
    let any = |number: u8| match number % 4 {
        0 => png(number),
        1 => ppm(number),
        2 => pam(number),
        _ => array(number),
    };
    let kinds: [&dyn Fn(u8) -> Vec<u8>; 6] = [&png, &ppm, &pam, &array, &part, &any];
    let server = Server::answering(|_, request| ok(format!("{:?}", decode(&request.body).pixels)));
    for kind in kinds {
        for jobs in ["1", "4"] {
            let arguments = ["--raw", "-j", jobs, &server.url()];
            let mut dialogue = Running::start(command(&arguments));
            for number in 0..100 {
                dialogue.write(&kind(number));
                assert_eq!(dialogue.line(), format!("{:?}", tag(number)));
            }
            assert_eq!(dialogue.finish().ok().stdout, b"");
        }
    }
}
