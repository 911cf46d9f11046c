//! Float samples that are no numbers, in both kinds of streams.

use crate::support::images::npy;
use crate::support::posted::post;

#[test]
fn nan_is_bad_input_that_names_frame_row_and_column() {
    let mut samples = vec![1.0_f64; 40 * 4 * 3 * 3];
    // Frame 17, row 2, column 1, the last channel.
    samples[17 * 36 + 2 * 12 + 3 + 2] = f64::NAN;
    let stream: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let big: Vec<u8> = samples.iter().flat_map(|sample| (*sample as f32).to_be_bytes()).collect();
    let array = npy(">f4", "(40, 3, 4, 3)", &big);
    let message = "frame 17: row 2, column 1: sample is NaN";
    // Again and again with many jobs: each of them might run on.
    for jobs in ["1", "8", "8", "8", "8", "8"] {
        let raw = post(&["-j", jobs, "-s", "4x3", "-p", "rgbf64le"], &stream);
        assert_eq!(raw.pngs.len(), 17, "{jobs} jobs");
        raw.run.fails(3, message);
        let npy = post(&["-j", jobs], &array);
        assert_eq!(npy.pngs.len(), 17, "{jobs} jobs");
        npy.run.fails(3, message);
    }
    // Dropped frames are not looked into.
    let after = post(&["-s", "4x3", "-p", "rgbf64le", "--skip", "19"], &stream);
    assert_eq!(after.pngs.len(), 21);
    after.run.ok();
}
