//! Levels of compression: another size each, the same pixels.

use crate::support::decode;
use crate::support::form_server::FormServer;
use crate::support::program::run;

#[test]
fn every_level_gives_the_same_pixels() {
    let frames = include_bytes!("../../data/astronaut-64x64.rgb");
    let mut sizes = Vec::new();
    for level in ["none", "fastest", "fast", "balanced", "high"] {
        let server = FormServer::start();
        let lines = run(&["-s", "64x64", "-z", level, &server.url()], frames).ok().lines();
        assert_eq!(lines, vec!["1"; 64]);
        let forms = server.forms();
        for (form, frame) in forms.iter().zip(frames.chunks_exact(64 * 64 * 3)) {
            assert_eq!(decode(form.image()).pixels, frame);
        }
        sizes.push(forms.iter().map(|form| form.image().len()).sum::<usize>());
    }
    // Which of the middle ones is smaller depends on the picture; but each is another.
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    assert!(sizes[3] != sizes[2] && sizes[3] > sizes[4], "{sizes:?}");
}
