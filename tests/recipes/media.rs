//! Recipes of ffmpeg, ImageMagick and netpbm: the server sees the pixels that the tool writes.

use std::time::{Duration, Instant};

use crate::documents::Block;
use crate::recorder::Answer;
use crate::seen::{Picture, assert_lines, assert_posted, png_of};
use crate::trial::{Trial, frame};

/// Four seconds of a moving picture, in film.mp4.
pub fn write_film(trial: &Trial) {
    let film = "ffmpeg -v error -nostdin -f lavfi -i testsrc2=duration=4:size=320x240:rate=5 \
                -pix_fmt yuv420p film.mp4";
    trial.run_script(film).ok();
}

/// If jq takes the lines, they don't hold the pixels. The receiver's exchanges do.
pub fn film(block: &Block) {
    let trial = Trial::new(block);
    write_film(&trial);
    let pictures = Picture::all(640, 480, &trial.produced());
    assert_eq!(pictures.len(), 4);
    let lines = trial.run().ok().lines();
    assert_posted(&trial.recorder.exchanges(), &pictures);
    match block.text.contains("| jq .label") {
        true => assert_eq!(lines, ["null"; 4]),
        false => assert_lines(&lines, &pictures),
    }
}

pub fn film_as_ppm(block: &Block) {
    let trial = Trial::new(block);
    write_film(&trial);
    let pictures = Picture::of_ppms(&trial.produced());
    // All of them, or one a second.
    assert!([4, 20].contains(&pictures.len()) && pictures[0].width == 320, "{}", pictures.len());
    assert_lines(&trial.run().ok().lines(), &pictures);
}

/// The lines come one by one while the source runs, and not together at its end.
pub fn live(block: &Block) {
    let trial = Trial::new(block);
    let mut running = trial.start(&trial.script());
    let timed = (0..5).map(|_| (running.line(), Instant::now()));
    let (lines, times): (Vec<_>, Vec<_>) = timed.unzip();
    assert_eq!(running.finish().ok().stdout, b"");
    // A line that comes late, on a machine that is busy, makes the gap to the next one short.
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    let apart = gaps.filter(|&gap| gap > Duration::from_millis(300)).count();
    let whole = times[4] - times[0];
    assert!(apart >= 3 && whole > Duration::from_millis(2500), "{times:?}");
    // The same pictures, as fast as they are made.
    let mut at_once = block.clone();
    at_once.text = block.text.replace(" -re ", " ");
    assert_ne!(at_once.text, block.text);
    assert_lines(&lines, &Picture::all(64, 64, &Trial::new(&at_once).produced()));
}

/// Each frame has its line, and the server has seen some of them, in their order, and the last one.
pub fn camera(block: &Block) {
    let trial = Trial::with(block, &["--delay", "0.2"], |_| Answer::Receiver);
    let lines = trial.run().ok().lines();
    let mut at_once = block.clone();
    at_once.text = block.text.replace(" -re ", " ");
    assert_ne!(at_once.text, block.text);
    let pictures = Picture::all(320, 240, &Trial::new(&at_once).produced());
    assert_eq!((lines.len(), pictures.len()), (120, 120));
    let answered: Vec<_> = (0..120).filter(|&number| !lines[number].is_empty()).collect();
    // At five a second, and fewer on a busy machine.
    assert!((3..=24).contains(&answered.len()), "{answered:?}");
    assert_eq!((answered[0], answered.last()), (0, Some(&119)));
    let answers: Vec<_> = answered.iter().map(|&number| lines[number].clone()).collect();
    let newest: Vec<_> = answered.iter().map(|&number| pictures[number].clone()).collect();
    assert_lines(&answers, &newest);
}

/// Three JPEG files of two sizes.
fn write_jpegs(trial: &Trial) {
    for (number, (width, height)) in [(40, 30), (40, 30), (7, 90)].into_iter().enumerate() {
        trial.write(
            "made.png",
            png_of(width, height, &frame(number, (width * height * 3) as usize)),
        );
        trial.run_script(&format!("convert made.png {number}.jpg")).ok();
    }
}

pub fn jpegs_as_rgb(block: &Block) {
    let trial = Trial::new(block);
    write_jpegs(&trial);
    let pictures = Picture::all(64, 64, &trial.produced());
    assert_eq!(pictures.len(), 3);
    assert_lines(&trial.run().ok().lines(), &pictures);
}

pub fn jpegs_as_ppm(block: &Block) {
    let trial = Trial::new(block);
    write_jpegs(&trial);
    let pictures = Picture::of_ppms(&trial.produced());
    let sizes: Vec<_> = pictures.iter().map(|picture| (picture.width, picture.height)).collect();
    assert_eq!(sizes, [(40, 30), (40, 30), (7, 90)]);
    assert_lines(&trial.run().ok().lines(), &pictures);
}

pub fn netpbm(block: &Block) {
    let trial = Trial::new(block);
    trial.write("dog.png", png_of(30, 50, &frame(3, 30 * 50 * 3)));
    let pictures = Picture::of_ppms(&trial.produced());
    assert_eq!((pictures.len(), pictures[0].width, pictures[0].height), (2, 64, 64));
    assert_lines(&trial.run().ok().lines(), &pictures);
}
