//! Every block of README.md, man/install.md and every display of the manual's pages, run with the tools that it names.
//!
//! People copy these lines. Each is taken from the file itself, and only the server's address is changed. A
//! block that no test runs fails, and so does a test that finds no block.

mod certificate;
#[allow(dead_code, reason = "the filter's tests need all of it")]
#[path = "../tools/daemon.rs"]
mod daemon;
mod documents;
mod elsewhere;
mod failures;
#[path = "../tools/folder.rs"]
mod folder;
#[path = "../tools/installed.rs"]
mod installed;
mod machines;
mod media;
mod pages;
#[allow(dead_code, reason = "the filter's tests need all of it")]
#[path = "../tools/program.rs"]
mod program;
mod python;
mod reach;
mod recorder;
mod seen;
#[allow(dead_code, reason = "the filter's tests need all of it")]
#[path = "../tools/server.rs"]
mod server;
mod servers;
mod shell;
#[path = "../tools/skipped.rs"]
mod skipped;
#[path = "../receiver/started.rs"]
mod started;
mod trial;
#[allow(dead_code, reason = "the filter's tests need all of it")]
#[path = "../tools/turnstile.rs"]
mod turnstile;
#[path = "../tools/wait.rs"]
mod wait;

use wait::{PATIENCE, wait_until};

use documents::{Block, MANUAL, README, RECIPES, blocks};

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

    /// The first one. The test of all blocks tells if there are several.
    fn block(&self) -> Block {
        let block = blocks().into_iter().find(|block| self.has(block));
        block.unwrap_or_else(|| panic!("{}: no block with {:?}", self.document, self.words))
    }
}

/// Makes a test of each line: its name, the function that runs the block, the document, words that no
/// other block there has, and the tools that have to be installed.
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
    readme_loop_that_it_replaces: python::replaced_loop, README, "Image.fromarray(frame).save",
        ["python requests", "python PIL", "python numpy"];
    readme_first_look: shell::first_look, README, "frames | pngpost", [];
    readme_toy_server: servers::toy, README, "flask --app server", ["python numpy, flask, PIL"];
    readme_files: shell::files, README, "echo my-key > key.txt", ["ffmpeg"];
    readme_numpy: python::rgb, README, "python3 frames.py | pngpost -s 64x64 https", ["python numpy"];
    readme_ffmpeg_ppm: media::film_as_ppm, README, "-c:v ppm", ["ffmpeg"];
    readme_png_files: shell::png_files, README, "cat *.png |", [];
    readme_look: shell::looked_at, README, "--show 0", ["python numpy"];
    readme_dialogue: python::dialogue, README, "python3 dialogue.py", ["python numpy"];
    readme_ffmpeg: media::film, README, "fps=1,scale=640:480", ["ffmpeg", "jq"];
    readme_curl: shell::curl_line, README, "curl -F key=k -F 'image=@cat.png", ["curl"];
    readme_line_of_curl: shell::line_of_curl, README, "filename=cat.png", ["curl"];
    readme_loop: failures::looped, README, "until test", [];

    manual_numpy: python::rgb, MANUAL, "python3 frames.py |", ["python numpy"];
    manual_ffmpeg: media::film, MANUAL, "fps=1,scale=640:480", ["ffmpeg", "jq"];
    manual_line_of_curl: shell::both_lines_of_curl, MANUAL, "curl -F key=k", ["curl"];
    manual_tensorflow: servers::as_documented, MANUAL, "resnet:predict", ["curl"];
    manual_resume: failures::resume, MANUAL, "--skip 17", [];
    manual_loop: failures::looped, MANUAL, "until test", [];
    manual_certificate: certificate::trusted, MANUAL, "openssl req", ["openssl"];

    numpy: python::rgb, RECIPES, "python3 frames.py |", ["python numpy"];
    numpy_planes_of_floats: python::planes, RECIPES, "python3 planes.py |", ["python numpy"];
    numpy_files: python::files, RECIPES, "cat *.npy |", ["python numpy"];
    numpy_dialogue: python::dialogue, RECIPES, "python3 dialogue.py", ["python numpy"];
    opencv: python::opencv, RECIPES, "python3 film.py |", ["python cv2", "ffmpeg"];
    matplotlib: python::matplotlib, RECIPES, "python3 figure.py |", ["python matplotlib"];
    ffmpeg: media::film, RECIPES, "fps=1,scale=640:480", ["ffmpeg", "jq"];
    ffmpeg_ppm: media::film_as_ppm, RECIPES, "-c:v ppm", ["ffmpeg"];
    image_magick_rgb: media::jpegs_as_rgb, RECIPES, "-depth 8 rgb:-", ["ImageMagick"];
    image_magick_ppm: media::jpegs_as_ppm, RECIPES, "convert *.jpg -auto-orient ppm:-", ["ImageMagick"];
    netpbm: media::netpbm, RECIPES, "pamscale", ["pngtopam", "pamscale"];
    png_files: shell::png_files, RECIPES, "cat *.png |", [];
    raw_files: shell::raw_files, RECIPES, "| nl -v 0", [];
    live_source: media::live, RECIPES, "testsrc=duration=5", ["ffmpeg"];
    camera: media::camera, RECIPES, "duration=4:rate=30", ["ffmpeg"];
    camera_of_opencv: python::camera, RECIPES, "python3 camera.py |",
        ["python cv2", "ffmpeg", "jq"];
    line_of_curl: shell::both_lines_of_curl, RECIPES, "curl -F key=k", ["curl"];
    form_with_a_key: shell::first_look, RECIPES, "'key=<key.txt' https", [];
    numbers: servers::numbers, RECIPES, "frame={{n}}", [];
    parts_of_other_names: servers::as_documented, RECIPES, "request=@-", ["curl"];
    django: servers::csrf, RECIPES, "X-CSRFToken", ["openssl"];
    web_dav: servers::web_dav, RECIPES, "-u u:p", ["nginx"];
    azure: servers::as_documented, RECIPES, "BlockBlob", ["curl"];
    s3_policy: servers::as_documented, RECIPES, "x-amz-signature", ["curl"];
    s3_presigned: servers::as_documented, RECIPES, "AWSAccessKeyId", ["curl"];
    torchserve: servers::as_documented, RECIPES, "kitten.png", ["curl"];
    hugging_face: servers::as_documented, RECIPES, "huggingface", ["curl"];
    tensorflow: servers::as_documented, RECIPES, "resnet:predict", ["curl"];
    kserve: servers::as_documented, RECIPES, "/v2/models", ["curl"];
    gradio: servers::as_documented, RECIPES, "gradio_api", ["curl", "jq"];
    vision: servers::as_documented, RECIPES, "vision.googleapis.com", ["curl"];
    ollama: servers::as_documented, RECIPES, "jq -r .response", ["curl", "jq"];
    openai: servers::as_documented, RECIPES, "api.openai.com", ["curl"];
    roboflow: servers::as_documented, RECIPES, "detect.roboflow.com", ["curl"];
    proxy: reach::proxy, RECIPES, "-x http://proxy:3128", [];
    lab: certificate::of_a_lab, RECIPES, "--cacert cert.pem", ["openssl"];
    unix_socket: reach::unix_socket, RECIPES, "--unix-socket /run/model.sock", [];
    token_that_expires: reach::token_that_expires, RECIPES, "while sleep 3000", [];
    idempotency_key: reach::idempotency_key, RECIPES, "Idempotency-Key", [];
    dry_run: reach::dry_run, RECIPES, "-s 64x64 -n", [];
    far_away: shell::far_away, RECIPES, "-j 8 https://host/classify < frames.rgb", [];
    busy_server: failures::busy_server, RECIPES, "-v -s 64x64 -j 4", [];
    jq_field: shell::jq_width, RECIPES, "jq .width", ["jq"];
    pv_lines: shell::pv, RECIPES, "pv -l", ["pv"];
    records: failures::records, RECIPES, "--ndjson --keep-going", ["jq"];
    records_shown: failures::records_shown, RECIPES, "{\"frame\":0,", [];
    message: failures::message, RECIPES, "frame 17: upload: status 500", [];
    resume: failures::resume, RECIPES, "--skip 17 https://host/classify <", [];
    looped: failures::looped, RECIPES, "until test", [];
    over_night: failures::over_night, RECIPES, "--retry-max-time 0", [];
    resume_with_the_frame_again: failures::resume_again, RECIPES, "-s 64x64 --skip 17", [];
    many_machines: machines::one_killed, RECIPES, "--retries 3 --pipe", ["parallel"];
    many_machines_resumed: machines::one_killed_and_resumed, RECIPES, "--resume-failed", ["parallel"];
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
        let commands =
            [format!("python3 {file}"), format!("--app {}", file.trim_end_matches(".py"))];
        let names = |block: &Block| commands.iter().any(|command| block.text.contains(command));
        blocks.iter().any(|block| is_run(block) && names(block))
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

/// A trial lays out the files of all documents.
#[test]
fn a_file_is_the_same_in_each_document() {
    let mut files: Vec<(String, Block)> = Vec::new();
    for block in blocks() {
        let Some(name) = block.file.clone() else { continue };
        match files.iter().find(|(known, _)| *known == name) {
            Some((_, first)) => {
                assert_eq!(first.text, block.text, "{} and {}", first.place(), block.place());
            }
            None => files.push((name, block)),
        }
    }
    assert!(files.len() > 3, "{files:?}");
}

#[test]
fn a_block_is_found_wherever_it_can_stand() {
    let text = "\n```sh\na\n\n  b\n```\n\n- list\n\n  ```sh\n  c\n  ```\n`d.py`:\n\n    e\n\n     f\nend\n";
    let blocks = documents::markdown_blocks(README, text);
    let found: Vec<_> = blocks.iter().map(|block| (block.line, block.text.as_str())).collect();
    assert_eq!(found, [(3, "a\n\n  b\n"), (11, "c\n"), (15, "e\n\n f\n")]);
    assert_eq!(blocks[2].file.as_deref(), Some("d.py"));
    let text = ".Sh X\nno\n.Bd -literal\na \\e\n b\n\nc\n.Ed\n.Pp\nd\n.Dl e\n.Pa f.py :\n.Bd -literal\ng\n.Ed\n";
    let blocks = documents::mdoc_blocks(MANUAL, text);
    let found: Vec<_> = blocks.iter().map(|block| (block.line, block.text.as_str())).collect();
    assert_eq!(found, [(4, "a \\\n b\n\nc\n"), (11, "e\n"), (14, "g\n")]);
    let files: Vec<_> = blocks.iter().map(|block| block.file.as_deref()).collect();
    assert_eq!(files, [None, None, Some("f.py")]);
}
