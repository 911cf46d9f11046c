//! .npy: every dtype, shape and version.

use crate::support::images::{image_8, image_16, npy, npy_of, pgm};
use crate::support::noise;
use crate::support::posted::images;

#[test]
fn npy_of_every_dtype_and_shape_arrives_sample_for_sample() {
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    let (width, height) = (13, 5);
    let count = 2 * (width * height) as usize;
    for channels in 1..=4 {
        let samples: Vec<u16> = noise(5, 2 * count * channels)
            .chunks_exact(2)
            .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
            .collect();
        let bytes = |encode: &dyn Fn(u16) -> Vec<u8>| -> Vec<u8> {
            samples.iter().flat_map(|&sample| encode(sample)).collect()
        };
        let levels: Vec<u8> = samples.iter().map(|&sample| sample as u8).collect();
        // As floats, the same levels: whole numbers of the default range.
        let arrays = [
            ("|u1", levels.clone()),
            ("<u2", bytes(&|sample| sample.to_le_bytes().to_vec())),
            (">u2", bytes(&|sample| sample.to_be_bytes().to_vec())),
            ("<f4", bytes(&|sample| f32::from(sample as u8).to_le_bytes().to_vec())),
            (">f4", bytes(&|sample| f32::from(sample as u8).to_be_bytes().to_vec())),
            ("<f8", bytes(&|sample| f64::from(sample as u8).to_le_bytes().to_vec())),
            (">f8", bytes(&|sample| f64::from(sample as u8).to_be_bytes().to_vec())),
        ];
        for (dtype, data) in &arrays {
            let image = |half: usize| match dtype.ends_with("u2") {
                true => image_16(
                    width,
                    height,
                    channels,
                    samples.chunks_exact(samples.len() / 2).nth(half).unwrap(),
                ),
                false => image_8(
                    width,
                    height,
                    channels,
                    levels.chunks_exact(levels.len() / 2).nth(half).unwrap(),
                ),
            };
            stream.extend(npy(dtype, &format!("(2, {height}, {width}, {channels})"), data));
            expected.extend([image(0), image(1)]);
            let one = &data[data.len() / 2..];
            stream.extend(npy(dtype, &format!("({height}, {width}, {channels})"), one));
            expected.push(image(1));
            if channels == 1 {
                stream.extend(npy(dtype, &format!("({height}, {width})"), one));
                expected.push(image(1));
            }
        }
    }
    assert!(images(&[], &stream) == expected);
}

#[test]
fn npy_of_every_version_and_of_no_images_is_read() {
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (1, 3), }";
    let mut stream = Vec::new();
    for version in 1..=3 {
        stream.extend(npy("|u1", "(0, 4, 4, 3)", b""));
        stream.extend(npy_of(version, header, b"abc"));
    }
    stream.extend(npy("<f8", "(0, 4, 4, 3)", b""));
    let image = || image_8(3, 1, 1, *b"abc");
    assert_eq!(images(&[], &stream), [image(), image(), image()]);
    assert!(images(&[], &npy("<f8", "(0, 4, 4, 3)", b"")).is_empty());
}

/// numpy reads all of these spellings, and cnpy writes `<u1`.
#[test]
fn npy_dtypes_are_read_in_every_spelling_of_their_byte_order() {
    let little = [1_u16, 0x0203].map(u16::to_le_bytes).concat();
    let big = [1_u16, 0x0203].map(u16::to_be_bytes).concat();
    let native = [1_u16, 0x0203].map(u16::to_ne_bytes).concat();
    let read = |dtype: &str, data: &[u8]| images(&[], &npy(dtype, "(1, 2)", data));
    for dtype in ["|u1", "<u1", ">u1", "=u1", "u1"] {
        assert_eq!(read(dtype, b"ab"), [image_8(2, 1, 1, *b"ab")], "{dtype}");
    }
    let natives = ["=u2", "u2", "|u2"].map(|dtype| (dtype, &native));
    for (dtype, data) in [("<u2", &little), (">u2", &big)].into_iter().chain(natives) {
        assert_eq!(read(dtype, data), [image_16(2, 1, 1, &[1, 0x0203])], "{dtype}");
    }
    for dtype in ["=f4", "f4"] {
        let data = [7.0_f32, 200.0].map(f32::to_ne_bytes).concat();
        assert_eq!(read(dtype, &data), [image_8(2, 1, 1, [7, 200])], "{dtype}");
    }
    for dtype in ["=f8", "f8"] {
        let data = [7.0_f64, 200.0].map(f64::to_ne_bytes).concat();
        assert_eq!(read(dtype, &data), [image_8(2, 1, 1, [7, 200])], "{dtype}");
    }
}

#[test]
fn fortran_order_is_fine_where_there_are_no_images() {
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (0, 4, 5, 3), }";
    let stream = [npy_of(1, header, b""), pgm(1, 1, b"a")].concat();
    assert_eq!(images(&[], &stream), [image_8(1, 1, 1, *b"a")]);
}
