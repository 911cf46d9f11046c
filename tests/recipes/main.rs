//! Every block of README.md and every display of the manual, run with the tools that it names.
//!
//! People copy these lines. Each is taken from the file itself and changed in nothing but the server's
//! address. A block that no test runs fails, and so does a test that finds no block.

mod certificate;
mod documents;
mod elsewhere;
mod failures;
#[path = "../tools/installed.rs"]
mod installed;
mod machines;
mod media;
mod python;
mod recorder;
mod seen;
mod servers;
mod shell;
#[path = "../tools/skipped.rs"]
mod skipped;
mod sshd;
#[path = "../receiver/started.rs"]
mod started;
mod trial;

use documents::{Block, MANUAL, README, blocks};

/// The block that has these words, and the test that runs it.
struct Case {
    test: &'static str,
    document: &'static str,
    words: &'static str,
}

impl Case {
    fn has(&self, block: &Block) -> bool {
        block.document == self.document && block.text.contains(self.words)
    }

    /// Where it takes none or several, that is for the one test of all blocks to tell.
    fn block(&self) -> Block {
        let block = blocks().into_iter().find(|block| self.has(block));
        block.unwrap_or_else(|| panic!("{}: no block with {:?}", self.document, self.words))
    }
}

/// Makes a test of each line: its name, the function that runs the block, the document, words that no
/// other block there has, and what has to be installed.
macro_rules! recipes {
    ($($test:ident: $run:path, $document:ident, $words:literal, $needs:expr;)*) => {
        $(#[test]
        fn $test() {
            let case = Case { test: stringify!($test), document: $document, words: $words };
            let block = case.block();
            let tools: &[&str] = &$needs;
            if tools.iter().all(|tool| installed::needed(tool).is_some()) {
                eprintln!("{}:\n{}", block.place(), block.text);
                $run(&block);
            }
        })*

        const CASES: &[Case] =
            &[$(Case { test: stringify!($test), document: $document, words: $words }),*];
    };
}

recipes! {
    loop_that_it_replaces: python::replaced_loop, README, "Image.fromarray(frame).save",
        ["python requests", "python PIL", "python numpy"];
    first_look: shell::first_look, README, "frames | pngpost", [];
    receiver: servers::receiver, README, "cargo run --example receiver\n", [];
    receiver_slow_and_busy: servers::slow_receiver, README, "--delay 0.5 --fail 0.25", [];
    files: shell::files, README, "echo my-key > key.txt", ["ffmpeg"];
    numpy_one_way: python::rgb, README, "python3 frames.py |", ["python numpy"];
    numpy_floats: python::floats, README, "python3 floats.py |", ["python numpy"];
    numpy_channels_first: python::channels, README, "python3 channels.py |", ["python numpy"];
    numpy_files: python::files, README, "cat *.npy |", ["python numpy"];
    numpy_dialogue: python::dialogue, README, "python3 dialogue.py", ["python numpy"];
    opencv: python::opencv, README, "python3 film.py |", ["python cv2", "ffmpeg"];
    matplotlib: python::matplotlib, README, "python3 figure.py |", ["python matplotlib"];
    ffmpeg_frames: media::film, README, "fps=1,scale=640:480", ["ffmpeg"];
    ffmpeg_ppm: media::film_as_ppm, README, "-c:v ppm", ["ffmpeg"];
    ffmpeg_live: media::live, README, "testsrc=duration=5", ["ffmpeg"];
    image_magick_rgb: media::jpegs_as_rgb, README, "-depth 8 rgb:-", ["ImageMagick"];
    image_magick_ppm: media::jpegs_as_ppm, README, "convert *.jpg ppm:-", ["ImageMagick"];
    netpbm: media::netpbm, README, "pamscale", ["pngtopam", "pamscale"];
    png_files: shell::png_files, README, "cat *.png |", [];
    raw_files: shell::raw_files, README, "| nl -v 0", [];
    jq_field: shell::jq_width, README, "jq .width", ["jq"];
    pv_lines: shell::pv, README, "pv -l", ["pv"];
    curl_line: shell::curl_line, README, "curl -F key=k -F 'file=@cat.png", ["curl"];
    curl_line_as_pngpost: shell::line_of_curl, README, "filename=cat.png", ["curl"];
    token: servers::token, README, "--raw -H @token.txt", [];
    tensorflow: servers::json, README, "resnet:predict", [];
    numbers: servers::numbers, README, "frame={{n}}", [];
    records: failures::records, README, "--ndjson --keep-going", ["jq"];
    records_shown: failures::records_shown, README, "{\"frame\":0,", [];
    far_away: shell::far_away, README, "-j 8 https://host/classify < frames.rgb", [];
    many_machines: machines::one_killed, README, "--retries 3 --pipe", ["parallel", "ssh", "sshd"];
    many_machines_resumed: machines::one_killed_and_resumed, README, "--resume-failed",
        ["parallel", "ssh", "sshd"];
    message_shown: failures::message_shown, README, "frame 17: upload: status 500", [];
    resume: failures::resume_after_a_status, README, "--skip 18 https", [];
    retry_and_rate: failures::retry_and_rate, README, "--rate 10/s", [];
    curl_loop: shell::curl_loop, README, "for f in *.png; do curl", ["curl"];

    manual_numpy: python::rgb, MANUAL, "# From numpy, with a key", ["python numpy"];
    manual_ffmpeg: media::film, MANUAL, "# One frame a second of a film", ["ffmpeg", "jq"];
    manual_image_magick: media::jpegs_as_rgb, MANUAL, "# From ImageMagick", ["ImageMagick"];
    manual_token: servers::token, MANUAL, "# The PNG as the body", [];
    manual_tensorflow: servers::json, MANUAL, "# TensorFlow Serving", [];
    manual_vision: servers::vision, MANUAL, "# Google Vision", [];
    manual_ollama: servers::json, MANUAL, "# Ollama", ["jq"];
    manual_openai: servers::openai, MANUAL, "# Servers that are compatible", [];
    manual_torchserve: servers::torchserve, MANUAL, "# TorchServe", [];
    manual_hugging_face: servers::token, MANUAL, "# Hugging Face", [];
    manual_roboflow: servers::roboflow, MANUAL, "# Roboflow", [];
    manual_floats: python::floats, MANUAL, "# From numpy, float32", ["python numpy"];
    manual_live: media::live, MANUAL, "# A live source", ["ffmpeg"];
    manual_machines: machines::one_killed, MANUAL, "# Two machines",
        ["parallel", "ssh", "sshd"];
    manual_resume: failures::resume_after_a_cut, MANUAL, "# Go on after", [];
    manual_certificate: certificate::trusted, MANUAL, "openssl req", ["openssl"];
    manual_curl: shell::both_lines_of_curl, MANUAL, "# A line of curl", ["curl"];
}

#[test]
fn every_block_is_run_and_every_test_has_its_block() {
    let blocks = blocks();
    let mut faults = elsewhere::faults(&blocks);
    for case in CASES {
        let count = blocks.iter().filter(|block| case.has(block)).count();
        if count != 1 {
            let (document, words) = (case.document, case.words);
            faults.push(format!("{}: {count} blocks of {document} have {words:?}", case.test));
        }
    }
    let is_run = |block: &Block| CASES.iter().any(|case| case.has(block));
    // A file is run by the block that names it.
    let is_file = |file: &String| {
        let command = format!("python3 {file}");
        blocks.iter().any(|block| is_run(block) && block.text.contains(&command))
    };
    for block in &blocks {
        let is_dealt_with =
            is_run(block) || block.file.as_ref().is_some_and(is_file) || elsewhere::has(block);
        if !is_dealt_with {
            faults.push(format!("{}: no test runs this block:\n{}", block.place(), block.text));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_block_is_found_wherever_it_can_stand() {
    let text = "\n```sh\na\n\n  b\n```\n\n- list\n\n  ```sh\n  c\n  ```\n`d.py`:\n\n    e\n\n     f\nend\n";
    let blocks = documents::markdown_blocks(README, text);
    let found: Vec<_> = blocks.iter().map(|block| (block.line, block.text.as_str())).collect();
    assert_eq!(found, [(3, "a\n\n  b\n"), (11, "c\n"), (15, "e\n\n f\n")]);
    assert_eq!(blocks[2].file.as_deref(), Some("d.py"));
    let text = ".Sh X\nno\n.Bd -literal\na \\e\n b\n\nc\n.Ed\n.Pp\nd\n.Bd -literal\ne\n.Ed\n";
    let blocks = documents::mdoc_blocks(MANUAL, text);
    let found: Vec<_> = blocks.iter().map(|block| (block.line, block.text.as_str())).collect();
    assert_eq!(found, [(4, "a \\\n b\n"), (7, "c\n"), (12, "e\n")]);
}
