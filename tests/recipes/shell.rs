//! Recipes of the shell: files, pipes, and a line of curl beside the same line for frames.

use std::fs;

use serde_json::{Value, json};

use crate::documents::Block;
use crate::recorder::Exchange;
use crate::seen::{Picture, assert_lines, assert_posted, png_of};
use crate::trial::{Trial, frame};

pub fn first_look(block: &Block) {
    let trial = Trial::new(block);
    let lines = trial.run().ok().lines();
    assert_lines(&lines, &trial.pictures());
    let seen: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(seen["fields"], json!([["key", "the key"]]));
}

/// Files for the other recipes.
pub fn files(block: &Block) {
    let trial = Trial::new(block);
    trial.run().ok();
    assert_eq!(trial.read("key.txt"), b"my-key\n");
    let frames = trial.run_script("pngpost -s 64x64 http://127.0.0.1:9/ --skip 20 < frames.rgb");
    assert_eq!((frames.status, frames.stderr.as_str()), (Some(0), ""));
    let film = "ffmpeg -v error -i film.mp4 -f rawvideo -pix_fmt gray - | wc -c";
    let pixels = trial.run_script(film).ok().lines()[0].parse::<usize>().unwrap();
    assert!(pixels > 0 && pixels.is_multiple_of(320 * 240), "{pixels}");
}

/// Writes files of several sizes, and returns their pictures in the order in which the shell names the files.
fn pngs(trial: &Trial) -> Vec<Picture> {
    fs::remove_file(trial.folder.path().join("cat.png")).unwrap();
    let sizes = [("a", 8, 3), ("b", 64, 64), ("c", 1, 1)];
    let pictures = sizes.iter().enumerate().map(|(number, &(name, width, height))| {
        let rgb = frame(number, width * height * 3);
        trial.write(&format!("{name}.png"), png_of(width as u32, height as u32, &rgb));
        Picture::of(width, height, &rgb)
    });
    pictures.collect()
}

pub fn png_files(block: &Block) {
    let trial = Trial::new(block);
    let pictures = pngs(&trial);
    assert_lines(&trial.run().ok().lines(), &pictures);
    for (name, exchange) in ["a.png", "b.png", "c.png"].iter().zip(trial.recorder.exchanges()) {
        let png = trial.read(name);
        assert!(memchr::memmem::find(&exchange.request.body, &png).is_some(), "byte for byte");
    }
}

pub fn raw_files(block: &Block) {
    let trial = Trial::new(block);
    let frames = trial.frames(6, 64, 64);
    for (number, two) in frames.chunks(2).enumerate() {
        trial.write(&format!("frames-{number}.rgb"), two.concat());
    }
    let lines = trial.run().ok().lines();
    let (numbers, lines): (Vec<_>, Vec<_>) =
        lines.iter().map(|line| line.trim_start().split_once('\t').expect("nl's")).unzip();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5"]);
    let lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    assert_lines(&lines, &Picture::all(64, 64, &frames.concat()));
}

/// The dry run counts the frames, and the first of them is the picture.
pub fn looked_at(block: &Block) {
    let trial = Trial::new(block);
    let run = trial.run();
    assert_eq!((run.status, run.stdout.as_slice()), (Some(0), &b""[..]));
    assert!(run.stderr.contains("dry run: 10 frames (10 of 64x64)"), "{}", run.stderr);
    let png = trial.read("first.png");
    let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert!(trial.run_script("python3 frames.py").ok().stdout.starts_with(&pixels));
    assert!(trial.recorder.exchanges().is_empty());
}

pub fn jq_width(block: &Block) {
    let trial = Trial::new(block);
    let pictures = trial.pictures();
    assert_eq!(trial.run().ok().lines(), vec!["64"; pictures.len()]);
    assert_posted(&trial.recorder.exchanges(), &pictures);
}

pub fn pv(block: &Block) {
    let trial = Trial::new(block);
    let pictures = trial.pictures();
    trial.run().ok();
    // Without a terminal pv says nothing, unless told to.
    let run = trial.run_script(&trial.script().replace("pv -l", "pv -f -l"));
    let count =
        run.stderr.trim_end().rsplit('\r').next().and_then(|line| line.split_whitespace().next());
    let count = count.and_then(|count| count.parse::<f64>().ok());
    assert_eq!(count, Some(pictures.len() as f64), "{}", run.stderr);
    assert_eq!(trial.read("errors"), b"");
    let lines = String::from_utf8(trial.read("lines")).unwrap();
    assert_lines(&lines.lines().map(str::to_owned).collect::<Vec<_>>(), &pictures);
}

/// Connections are kept.
pub fn far_away(block: &Block) {
    let trial = Trial::new(block);
    assert_lines(&trial.run().ok().lines(), &trial.pictures());
    for exchange in trial.recorder.exchanges() {
        assert_ne!(exchange.header("connection"), Some("close"));
    }
}

/// curl's own line works as it stands.
pub fn curl_line(block: &Block) {
    let trial = Trial::new(block);
    assert_eq!(trial.run().status, Some(0));
    let exchanges = trial.recorder.exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(exchanges[0].seen["file_name"], "cat.png");
}

/// The server sees the same of both lines, but for the pixels.
pub fn line_of_curl(block: &Block) {
    let trial = Trial::new(block);
    let is_before = |curl: &Block| curl.document == block.document && curl.line < block.line;
    let curl = |curl: &&Block| is_before(curl) && curl.text.starts_with("curl ");
    let blocks = crate::documents::blocks();
    let curl = blocks.iter().rev().find(curl).expect("curl's line");
    let of_curl = Trial::new(curl);
    of_curl.run();
    assert_lines(&trial.run().ok().lines(), &trial.pictures());
    assert_same_request(&of_curl.recorder.exchanges()[0], &trial.recorder.exchanges());
}

/// Both lines in one block, curl's first.
pub fn both_lines_of_curl(block: &Block) {
    let trial = Trial::new(block);
    trial.run_script(&trial.script().replace("curl ", "curl -sS ")).ok();
    let exchanges = trial.recorder.exchanges();
    assert_posted(&exchanges[1..], &trial.pictures());
    assert_same_request(&exchanges[0], &exchanges[1..]);
}

#[track_caller]
fn assert_same_request(of_curl: &Exchange, ours: &[Exchange]) {
    let told = |exchange: &Exchange| {
        let names = ["fields", "part", "file_name", "content_type"];
        let seen = names.map(|name| exchange.seen[name].clone());
        let model = exchange.header("x-model").map(str::to_owned);
        (exchange.request.head[0].clone(), seen, model)
    };
    assert_eq!(of_curl.seen["content_type"], "image/png");
    for own in ours {
        assert_eq!(told(own), told(of_curl));
    }
}
