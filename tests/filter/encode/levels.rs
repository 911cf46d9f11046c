//! Levels of compression: another size each, the same pixels.

use crate::support::decode;
use crate::support::posted::post;

#[test]
fn every_level_gives_the_same_pixels() {
    let frames = include_bytes!("../../data/astronaut-64x64.rgb");
    let mut sizes = Vec::new();
    for level in ["none", "fastest", "fast", "balanced", "high"] {
        let posted = post(&["-s", "64x64", "-z", level], frames);
        posted.run.ok();
        assert_eq!(posted.pngs.len(), 64);
        for (png, frame) in posted.pngs.iter().zip(frames.chunks_exact(64 * 64 * 3)) {
            assert_eq!(decode(png).pixels, frame);
        }
        sizes.push(posted.pngs.iter().map(Vec::len).sum::<usize>());
    }
    // Which of the middle ones is smaller depends on the picture; but each is another.
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    assert!(sizes[3] != sizes[2] && sizes[3] > sizes[4], "{sizes:?}");
}
