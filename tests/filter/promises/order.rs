//! Promise 1: line k answers frame k.

use std::thread;
use std::time::Duration;

use crate::support::echo::{answers, echo};
use crate::support::program::{post, run};
use crate::support::server::{Server, ok};
use crate::support::turnstile::Turnstile;
use crate::support::{noise, tiny_frames, tiny_number};

#[test]
fn lines_are_in_the_order_of_the_frames_when_the_first_upload_is_the_slowest() {
    let answered = Turnstile::default();
    let server = Server::answering(move |_, request| {
        match tiny_number(&request.body) {
            // The first one waits until seven later ones have been answered.
            0 => answered.wait_for(7),
            _ => answered.pass_one(),
        }
        echo(request)
    });
    assert_eq!(post(&["-j", "8"], &server.url(), 100).ok().lines(), answers(100));
}

#[test]
fn the_same_bytes_come_out_with_one_job_and_with_sixteen() {
    let server = Server::answering(|_, request| {
        let number = u64::from(tiny_number(&request.body));
        // Answers of many lengths, with line ends and bytes of every kind, after unequal times.
        thread::sleep(Duration::from_micros(number * 7919 % 3000));
        ok(noise(number, (number * 37 % 500) as usize))
    });
    let frames = tiny_frames(300);
    let with_jobs =
        |jobs| run(&["-s", "1x1", "--raw", "-j", jobs, &server.url()], &frames).ok().stdout;
    let one = with_jobs("1");
    assert_eq!(one.iter().filter(|&&byte| byte == b'\n').count(), 300);
    assert_eq!(with_jobs("16"), one);
}
