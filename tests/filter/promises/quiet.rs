//! Promise 6: stdout carries lines and nothing else, and stderr nothing on success.

use crate::support::echo::{answers_as_text, echoing};
use crate::support::program::post;

#[test]
fn stdout_carries_lines_and_stderr_nothing() {
    let server = echoing();
    let run = post(&["-j", "3"], &server.url(), 9).ok();
    assert_eq!(run.stdout, answers_as_text(9).as_bytes());
}
