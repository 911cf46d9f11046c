//! Promise 2: a frame goes out as soon as it is whole, and a line as soon as it is its turn.

use std::sync::Arc;

use crate::support::echo::{echo, echoing};
use crate::support::program::posting;
use crate::support::server::Server;
use crate::support::turnstile::Turnstile;
use crate::support::{tiny, tiny_frames, tiny_number};

#[test]
fn a_program_that_writes_one_frame_and_then_reads_one_line_never_hangs() {
    let server = echoing();
    for options in [&["-j", "1"][..], &["-j", "4"], &["--latest"], &["--latest", "-j", "4"]] {
        let mut dialogue = posting(options, &server.url());
        for number in 0..1000 {
            dialogue.write(&tiny(number));
            assert_eq!(dialogue.line(), format!("answer {number}"));
        }
        dialogue.finish().ok();
    }
}

#[test]
fn a_line_is_out_while_a_later_frame_still_waits_for_its_response() {
    let release = Arc::new(Turnstile::default());
    let turnstile = Arc::clone(&release);
    let server = Server::answering(move |_, request| {
        if tiny_number(&request.body) > 0 {
            turnstile.wait_for(1);
        }
        echo(request)
    });
    let mut program = posting(&["-j", "2"], &server.url());
    program.write(&tiny_frames(2));
    assert_eq!(program.line(), "answer 0");
    release.pass_one();
    assert_eq!(program.line(), "answer 1");
    program.finish().ok();
}
