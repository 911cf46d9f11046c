//! Servers that limit: a run finds out what they allow, and no frame fails.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::Nginx;
use crate::support::echo::{answers, echo, echoing};
use crate::support::folder::Folder;
use crate::support::program::{Run, command, run, run_command};
use crate::support::server::{Server, response};
use crate::support::{tiny_frames, tiny_number};

const FRAMES: u32 = 300;

/// The refused attempts in a summary, and the seconds.
fn summary(run: &Run) -> (u32, f64) {
    let line = run.stderr.lines().last().unwrap();
    let before = |what: &str| {
        let text = line.split(what).next().unwrap();
        text.rsplit([' ', ';']).find(|word| !word.is_empty()).unwrap().to_owned()
    };
    let refused = match line.contains(" refused") {
        true => before(" attempt").parse().unwrap(),
        false => 0,
    };
    (refused, before(" s, ").parse().unwrap())
}

/// 300 frames through nginx with these limits, at each of the statuses with which it refuses.
fn through_nginx(test: &str, zone: &str, place: &str, allowed: f64, pause: Duration) {
    for status in [503, 429] {
        let behind = Server::answering(move |_, request| {
            thread::sleep(pause);
            echo(request)
        });
        let kind = zone.split("_zone").next().unwrap();
        let place = format!("{place} {kind}_status {status};");
        let name = format!("{test}-{status}");
        let folder = Folder::new(&name);
        let pass = format!("proxy_pass http://{}; proxy_http_version 1.1;", behind.address);
        let settings = format!("{place} location / {{ {pass} }}");
        let Some(nginx) = Nginx::limiting(&folder, zone, &settings) else { return };
        let url = format!("http://127.0.0.1:{}/", nginx.port);
        let arguments = ["-v", "-s", "1x1", "--raw", "-j", "8", &url];
        let run = run_command(command(&arguments), &tiny_frames(FRAMES));
        assert_eq!((run.status, run.lines()), (Some(0), answers(FRAMES)), "{}", run.stderr);
        let (refused, seconds) = summary(&run);
        let least = f64::from(FRAMES) / allowed;
        println!("{name}: {seconds} s of at least {least}, {refused} refused");
        // The machine may be busy: these are far from what is measured on one that is not.
        assert!((1..FRAMES / 2).contains(&refused), "{refused} refused");
        assert!(seconds < 2.0 * least + 5.0, "{seconds} s of at least {least}");
    }
}

const ZONE: &str = "limit_req_zone $binary_remote_addr zone=all:1m rate=30r/s;";

#[test]
fn nginx_with_a_rate_and_no_burst() {
    through_nginx("burst-0", ZONE, "limit_req zone=all;", 30.0, Duration::ZERO);
}

#[test]
fn nginx_with_a_rate_and_a_queue() {
    through_nginx("burst-5", ZONE, "limit_req zone=all burst=5;", 30.0, Duration::ZERO);
}

#[test]
fn nginx_with_a_rate_and_a_burst() {
    let place = "limit_req zone=all burst=5 nodelay;";
    through_nginx("nodelay", ZONE, place, 30.0, Duration::ZERO);
}

#[test]
fn nginx_with_a_limit_of_connections() {
    let zone = "limit_conn_zone $binary_remote_addr zone=all:1m;";
    let pause = Duration::from_millis(20);
    through_nginx("connections", zone, "limit_conn all 2;", 2.0 / 0.02, pause);
}

/// The server refuses one frame always, and takes the others.
fn refusing(frame: u32) -> Server {
    Server::answering(move |_, request| match tiny_number(&request.body) {
        number if number == frame => response("503 x", "never"),
        _ => echo(request),
    })
}

#[test]
fn one_frame_that_is_always_refused_holds_nobody_up() {
    let server = refusing(50);
    let options = ["-s", "1x1", "--raw", "-j", "8", "--retry", "5", "--keep-going"];
    let begin = Instant::now();
    let run = run(&[&options[..], &[&server.url()]].concat(), &tiny_frames(200));
    // Half a second or so where the machine is not busy.
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    let mut expected = answers(200);
    expected[50] = "never".to_owned();
    assert_eq!(run.lines(), expected);
    run.fails(1, "frame 50: upload: status 503 (6 attempts)");
    assert_eq!(server.requests().len(), 199 + 6);
}

#[test]
fn the_summary_says_what_was_found_and_how_much_was_refused() {
    let server = Server::answering(|number, request| match number {
        5..8 => response("429 x", "not now"),
        _ => {
            thread::sleep(Duration::from_millis(10));
            echo(request)
        }
    });
    let post = |url: &str| run(&["-v", "-s", "1x1", "--raw", url], &tiny_frames(8));
    let run = post(&server.url());
    let summary = run.stderr.lines().last().unwrap();
    let found = "; 3 attempts refused; the server was found to take ";
    assert!(summary.contains(found), "{summary}");
    assert!(summary.ends_with(" attempts/s") || summary.ends_with(" attempts/min"), "{summary}");

    let run = post(&echoing().url());
    assert!(run.stderr.ends_with(" frames/s\n"), "{}", run.stderr);
}
