//! Samples that no PNG can hold: their frame alone has failed, if the run goes on.

use crate::support::decode;
use crate::support::images::npy;
use crate::support::program::{self, run};
use crate::support::server::{Server, ok};

/// A NaN and a sample over the maxval: where the next frame begins is known.
#[test]
fn with_keep_going_a_bad_sample_is_the_failure_of_its_frame_only() {
    let server = Server::answering(|_, request| ok(decode(&request.body).pixels[0].to_string()));
    let floats = [1.0, f32::NAN, 3.0, f32::NAN, 5.0].map(f32::to_le_bytes).concat();
    let nan = |frame| format!("frame {frame}: row 0, column 0: sample is NaN");
    let pnm = b"P5 1 1 100 \x14P5 1 1 100 \xc8P6 1 1 255 abcP5 1 1 300 \x01\x2dP5 1 1 255 z";
    let over = [
        "frame 1: row 0, column 0: sample 200 is over maxval 100".to_owned(),
        "frame 3: row 0, column 0: sample 301 is over maxval 300".to_owned(),
    ];
    let raw = ["-s", "1x1", "-p", "grayf32le"];
    let cases = [
        (&raw[..], floats.clone(), ["1", "", "3", "", "5"], [nan(1), nan(3)]),
        (&[], npy("<f4", "(5, 1, 1, 1)", &floats), ["1", "", "3", "", "5"], [nan(1), nan(3)]),
        (&[], pnm.to_vec(), ["51", "", "97", "", "122"], over),
    ];
    for (options, stream, lines, messages) in cases {
        for jobs in ["1", "4"] {
            let own = ["--raw", "--keep-going", "-j", jobs, &server.url()];
            let run = run(&[options, &own].concat(), &stream);
            let stderr = messages.each_ref().map(|message| format!("pngpost: {message}\n"));
            assert_eq!((run.status, &*run.stderr), (Some(1), &*stderr.concat()), "{jobs} jobs");
            assert_eq!(run.lines(), lines, "{jobs} jobs");
            let records = program::run(&[options, &own, &["--ndjson"]].concat(), &stream);
            let record = &records.lines()[1];
            let cause = messages[0].split_once(": ").unwrap().1;
            let begin =
                "{\"frame\":1,\"status\":null,\"attempts\":0,\"seconds\":0.000000,\"behind\":";
            let (behind, rest) =
                record.strip_prefix(begin).and_then(|rest| rest.split_once(',')).expect(record);
            assert!(behind.parse::<f64>().is_ok_and(|behind| behind > 0.0), "{record}");
            assert_eq!(rest, format!("\"error\":\"{cause}\"}}"));
        }
    }
    // Skipped frames are not looked into.
    let after = run(&[&raw[..], &["--raw", "--skip", "4", &server.url()]].concat(), &floats);
    assert_eq!(after.ok().lines(), ["5"]);
    // The input's end is another matter.
    let run = run(&[&raw[..], &["--raw", "--keep-going", &server.url()]].concat(), &floats[..7]);
    let cut = "frame 1: input ends after 3 of 4 bytes; 1 line is out, go on with --skip 1";
    assert_eq!(run.fails(3, cut).lines().len(), 1);
}
