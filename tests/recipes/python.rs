//! Recipes of Python: the server sees the pixels of its arrays.

use serde_json::{Value, json};

use crate::documents::{Block, blocks};
use crate::failures::ERROR;
use crate::recorder::Answer;
use crate::seen::{Picture, assert_lines, assert_posted};
use crate::trial::Trial;

/// The loop at the top, with frames, key and URL, against the pipe that replaces it.
pub fn replaced_loop(block: &Block) {
    let trial = Trial::new(block);
    let before = "import sys, requests\nimport numpy as np\nfrom PIL import Image\n\
                  URL, KEY = sys.argv[1], 'the key'\n\
                  frames = np.fromfile('frames.rgb', np.uint8).reshape(-1, 64, 64, 3)\n";
    trial.write("loop.py", format!("{before}{}", block.text));
    let url = format!("http://{}/classify", trial.recorder.address);
    let run = trial.run_script(&format!("python3 loop.py {url}")).ok();
    let lines = run.lines().into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
    assert_lines(&lines, &Picture::all(64, 64, &trial.read("frames.rgb")));
    let first = blocks().into_iter().find(|block| block.text.starts_with("frames | pngpost"));
    let first = Trial::new(&first.expect("the pipe that replaces it"));
    first.run().ok();
    let told = |trial: &Trial| {
        let exchanges = trial.recorder.exchanges().into_iter();
        let seen = exchanges.map(|exchange| exchange.seen);
        seen.map(|seen| (seen["crc32"].clone(), seen["fields"].clone(), seen["part"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&trial), told(&first));
}

/// uint8, as it is written.
pub fn rgb(block: &Block) {
    let trial = Trial::new(block);
    let pictures = Picture::all(64, 64, &trial.produced());
    assert_eq!(pictures.len(), 10);
    assert_lines(&trial.run().ok().lines(), &pictures);
    // pngpost's message stands alone.
    let failing = Trial::with(block, &[], |_| Answer::Own(ERROR));
    let run = failing.run();
    assert_eq!((run.status, run.stderr.lines().count()), (Some(1), 1), "{}", run.stderr);
}

/// The same numbers scaled as they were before they were moved, from a generator with the same seed.
pub fn planes(block: &Block) {
    let trial = Trial::new(block);
    let unmoved = "sed 's/np.ascontiguousarray(planes.transpose(1, 2, 0))/planes/' planes.py";
    let arrays = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/arrays.py");
    let script = format!("{unmoved} | python3 - | python3 {arrays} bytescale 0 1");
    let planes = trial.run_script(&script).ok().stdout;
    assert!(planes.contains(&0) && planes.contains(&255), "the whole range");
    let frames: Vec<u8> = planes
        .chunks(3 * 64 * 64)
        .flat_map(|frame| (0..3 * 64 * 64).map(|at| frame[at % 3 * 64 * 64 + at / 3]))
        .collect();
    assert_ne!(frames, planes);
    assert_lines(&trial.run().ok().lines(), &Picture::all(64, 64, &frames));
}

pub fn files(block: &Block) {
    let trial = Trial::new(block);
    let frames = trial.frames(3, 20, 10);
    trial.write("three.rgb", frames.concat());
    let script = "import numpy as np\n\
                  frames = np.fromfile('three.rgb', np.uint8).reshape(3, 10, 20, 3)\n\
                  np.save('a.npy', frames[0])\nnp.save('b.npy', frames[1:])\n";
    trial.write("save.py", script);
    trial.run_script("python3 save.py").ok();
    assert_lines(&trial.run().ok().lines(), &Picture::all(20, 10, &frames.concat()));
}

/// Each frame is decided once the line of the one before is there.
pub fn dialogue(block: &Block) {
    let trial = Trial::new(block);
    let lines = trial.run().ok().lines();
    let (steps, lines): (Vec<_>, Vec<_>) =
        lines.iter().map(|line| line.split_once(' ').expect("step, line")).unzip();
    assert_eq!(steps, ["0", "1", "2"]);
    let frames = [0, 50, 100].map(|level| vec![level; 64 * 64 * 3]).concat();
    let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    assert_lines(&lines, &Picture::all(64, 64, &frames));
    let seen: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(seen["fields"], json!([["key", "the key"]]));
    // It ends at a frame that has failed, and pngpost's message stands alone.
    let failing = Trial::with(block, &[], |number| match number {
        1 => Answer::Own(ERROR),
        _ => Answer::Receiver,
    });
    let run = failing.run();
    assert_eq!((run.status, run.stderr.lines().count()), (Some(1), 1), "{}", run.stderr);
    assert_eq!(run.lines().len(), 1);
}

pub fn opencv(block: &Block) {
    let trial = Trial::new(block);
    crate::media::write_film(&trial);
    let bgr = trial.produced();
    let rgb: Vec<u8> = bgr.chunks(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
    assert_ne!(rgb, bgr);
    assert_lines(&trial.run().ok().lines(), &Picture::all(64, 64, &rgb));
}

/// The frames that the server has seen, by the numbers that the lines give them, and the last one among them.
pub fn camera(block: &Block) {
    let trial = Trial::with(block, &["--delay", "0.05"], |_| Answer::Receiver);
    crate::media::write_film(&trial);
    let bgr = trial.produced();
    let rgb: Vec<u8> = bgr.chunks(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
    let pictures = Picture::all(320, 240, &rgb);
    let lines = trial.run().ok().lines();
    let answers: Vec<(usize, f64, String)> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(answers.iter().all(|(_, behind, _)| *behind >= 0.05), "{answers:?}");
    assert_eq!(answers.last().map(|(number, ..)| *number), Some(pictures.len() - 1));
    let seen: Vec<_> = answers.iter().map(|(.., body)| body.clone()).collect();
    let newest: Vec<_> = answers.iter().map(|(number, ..)| pictures[*number].clone()).collect();
    assert_lines(&seen, &newest);
}

pub fn matplotlib(block: &Block) {
    let trial = Trial::new(block);
    let frames = trial.produced();
    let frames: Vec<&[u8]> = frames.chunks(400 * 300 * 4).collect();
    assert_eq!(frames.len(), 3);
    assert!(frames[0] != frames[1] && frames[1] != frames[2], "it draws");
    let pictures: Vec<_> = frames.iter().map(|frame| Picture::of(400, 300, frame)).collect();
    assert_lines(&trial.run().ok().lines(), &pictures);
    assert_posted(&trial.recorder.exchanges(), &pictures);
    assert_eq!(trial.recorder.exchanges()[0].seen["color_type"], "rgba");
}
