//! .npy in the spellings of other writers than numpy; `numpy` has every dtype, shape and version.

use crate::support::images::{image_8, image_16, npy, npy_of, pgm};
use crate::support::posted::images;

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
