//! Tokens that expire: a file of headers that has changed is read again after a 401, and no frame is lost or sent
//! twice. And keys that make a repetition safe: the frame's number in a header.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::echo::{answers, echo};
use crate::support::folder::Folder;
use crate::support::program::{Running, command, post, posting, run};
use crate::support::server::{Server, ok, response};
use crate::support::{tiny_frames, tiny_number, wait_until};

/// Writes the file as a careful script does: nobody sees half of it.
fn put(folder: &Folder, name: &str, text: &str) {
    let new = folder.file("new", text);
    fs::rename(new, folder.path().join(name)).unwrap();
}

fn unauthorized() -> Vec<u8> {
    response("401 Unauthorized", "who are you")
}

#[test]
fn a_token_that_changes_in_the_middle_of_a_run_fails_no_frame_and_sends_none_twice() {
    let folder = Arc::new(Folder::new("rotation"));
    put(&folder, "token", "Authorization: Bearer token-0\n");
    // Every 40 frames the server wants a new token, and the script has just written it.
    let taken: Arc<Mutex<HashMap<u32, usize>>> = Arc::default();
    let (seen, turned_away) = (Arc::clone(&taken), Arc::new(AtomicUsize::new(0)));
    let (away, place) = (Arc::clone(&turned_away), Arc::clone(&folder));
    let server = Server::answering(move |_, request| {
        let mut seen = seen.lock().unwrap();
        let valid = format!("Bearer token-{}", seen.len() / 40);
        if request.header("Authorization") != [valid.as_str()] {
            put(&place, "token", &format!("Authorization: {valid}\n"));
            away.fetch_add(1, Ordering::AcqRel);
            return unauthorized();
        }
        *seen.entry(tiny_number(&request.body)).or_default() += 1;
        echo(request)
    });
    let file = format!("@{}", folder.path().join("token").display());
    let arguments = ["-s", "1x1", "--raw", "-j", "8", "-v", "--retry", "0", "-H", &file];
    let run = run(&[&arguments[..], &[&server.url()]].concat(), &tiny_frames(200));
    assert_eq!((run.status, run.lines()), (Some(0), answers(200)), "{}", run.stderr);
    let taken = taken.lock().unwrap();
    assert!(taken.len() == 200 && taken.values().all(|&times| times == 1));
    // Those that were under way when it changed, and no more.
    let turned_away = turned_away.load(Ordering::Acquire);
    assert!((4..=4 * 8).contains(&turned_away), "{turned_away}");
    assert_eq!(server.requests().len(), 200 + turned_away);
    assert!(!run.stderr.contains("token-"), "{}", run.stderr);
    let renewed = "upload: status 401; a file has new headers";
    assert_eq!(run.stderr.matches(renewed).count(), turned_away);
    assert!(run.stderr.contains(&format!(", {turned_away} retries, ")), "{}", run.stderr);
}

#[test]
fn without_a_change_a_401_is_final() {
    let server = Server::answering(|_, _| unauthorized());
    let folder = Folder::new("unchanged");
    put(&folder, "token", "Authorization: Bearer secret\n");
    let file = format!("@{}", folder.path().join("token").display());
    for options in [&["-H", "Authorization: Bearer secret"][..], &["-H", &file]] {
        let run = post(options, &server.url(), 2);
        let message = "frame 0: upload: status 401; its key, token or password is not taken; 1 line is out, frame 0's answer";
        assert_eq!(run.fails(1, message).lines(), ["who are you"]);
    }
    assert_eq!(server.requests().len(), 2);
    // A change helps once: then it is final, too.
    let count = Arc::new(AtomicUsize::new(0));
    let place = folder.path().join("token");
    let server = Server::answering(move |_, _| {
        let number = count.fetch_add(1, Ordering::AcqRel);
        fs::write(&place, format!("Authorization: Bearer other-{number}\n")).unwrap();
        unauthorized()
    });
    let run = post(&["-H", &file], &server.url(), 1);
    let message = "frame 0: upload: status 401 (2 attempts); its key, token or password is not taken; 1 line is out, frame 0's answer";
    run.fails(1, message);
    assert_eq!(server.requests().len(), 2);
}

/// A file that is rewritten in place is still old, or empty.
#[test]
fn a_token_that_is_just_being_written_is_waited_for_once_by_all_jobs() {
    for before in ["Authorization: Bearer old\n", "", "\n"] {
        let folder = Arc::new(Folder::new("rewritten"));
        put(&folder, "token", "Authorization: Bearer old\n");
        let place = folder.path().join("token");
        let server = Server::answering(move |number, request| {
            if request.header("Authorization") == ["Bearer new"] {
                return echo(request);
            }
            if number == 0 {
                fs::write(&place, before).unwrap();
                let place = place.clone();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(300));
                    fs::write(place, "Authorization: Bearer new\n").unwrap();
                });
            }
            unauthorized()
        });
        let file = format!("@{}", folder.path().join("token").display());
        let run = post(&["-j", "4", "--retry", "0", "-H", &file], &server.url(), 50).ok();
        assert_eq!(run.lines(), answers(50));
        // Nothing goes out with the old one while it is waited for.
        assert!(server.requests().len() <= 50 + 4, "{}", server.requests().len());
    }
}

#[test]
fn a_token_is_waited_for_once_and_no_longer_than_until_a_signal() {
    let folder = Folder::new("waited-for");
    let file = format!("@{}", folder.file("token", "Authorization: Bearer old\n"));
    let server = Server::answering(|_, _| unauthorized());
    let options = ["-H", &file, "--keep-going"];
    let begin = Instant::now();
    post(&options, &server.url(), 20);
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let mut program = posting(&options, &server.url());
    program.write(&tiny_frames(1));
    wait_until("it has its 401", || server.requests().len() == 21);
    let begin = Instant::now();
    program.signal("TERM");
    assert_eq!(program.end().lines(), ["who are you"]);
    assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
}

#[test]
fn a_user_and_a_bare_token_of_a_file_are_read_again_too() {
    for (option, old, new, sent) in [
        ("-u", "me:old\n", "me:new\n", "Basic bWU6bmV3"),
        ("--oauth2-bearer", "old\n", "new\n", "Bearer new"),
    ] {
        let folder = Arc::new(Folder::new("user"));
        put(&folder, "user", old);
        let place = Arc::clone(&folder);
        let server = Server::answering(move |number, request| {
            if number == 0 {
                put(&place, "user", new);
                return unauthorized();
            }
            ok(request.header("Authorization").join(","))
        });
        let file = format!("@{}", folder.path().join("user").display());
        let run = post(&[option, &file], &server.url(), 2).ok();
        assert_eq!(run.lines(), [sent; 2]);
    }
}

#[test]
fn a_file_that_is_gone_or_none_of_headers_any_more_is_told_and_the_401_is_final() {
    let folder = Arc::new(Folder::new("broken"));
    let path = folder.path().join("token");
    for (text, what, why) in [
        (Some("secret"), path.to_str().unwrap(), "line 1: takes 'Name: value'; there is no colon"),
        (Some(""), path.to_str().unwrap(), "is empty now"),
        (None, "@FILE", "no such file or directory"),
    ] {
        put(&folder, "token", "Authorization: Bearer secret\n");
        let place = Arc::clone(&folder);
        let server = Server::answering(move |_, _| {
            match text {
                Some(text) => put(&place, "token", text),
                None => fs::remove_file(place.path().join("token")).unwrap(),
            }
            unauthorized()
        });
        let run = post(&["-H", &format!("@{}", path.display())], &server.url(), 1);
        let told = format!("pngpost: frame 0: --header: {what}: {why}\n");
        let end = "pngpost: frame 0: upload: status 401; its key, token or password is not taken; 1 line is out, frame 0's answer\n";
        assert_eq!((run.status, run.stderr), (Some(1), format!("{told}{end}")));
    }
}

#[test]
fn the_frames_number_is_filled_in_in_headers_of_the_command_line() {
    let folder = Folder::new("number");
    let file = format!("@{}", folder.file("headers", "X-File: {{n}}\n"));
    let server = Server::answering(|_, _| ok("taken"));
    let header = "Idempotency-Key: run7-{{n}}/{{n:04}}";
    post(&["--skip", "2", "-H", header, "-H", &file], &server.url(), 4).ok();
    let keys: Vec<_> = server
        .requests()
        .iter()
        .map(|request| {
            (request.header("Idempotency-Key").concat(), request.header("X-File").concat())
        })
        .collect();
    let expected = [2, 3].map(|n| (format!("run7-{n}/000{n}"), "{{n}}".to_owned()));
    assert_eq!(keys, expected);
}

#[test]
fn a_pipe_of_headers_is_read_once_and_a_file_beside_it_again() {
    // Opened again the pipe would never end.
    let folder = Arc::new(Folder::new("pipe-of-headers"));
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let of_pipe = format!("@{}", pipe.display());
    let of_file = format!("@{}", folder.path().join("token").display());
    put(&folder, "token", "Authorization: Bearer 0\n");
    let place = Arc::clone(&folder);
    let server = Server::answering(move |number, request| match number {
        0 => {
            put(&place, "token", "Authorization: Bearer 1\n");
            unauthorized()
        }
        1 => ok([request.header("X-Key"), request.header("Authorization")].concat().join(", ")),
        _ => unauthorized(),
    });
    let mut command = command(&["-s", "1x1", "-H", &of_pipe, "-H", &of_file, &server.url()]);
    command.stdin(std::process::Stdio::piped());
    let mut program = Running::start(command);
    fs::write(pipe, "X-Key: secret\n").unwrap();
    program.write(&tiny_frames(2));
    let message = "frame 1: upload: status 401; 2 lines are out, the last is frame 1's answer, \
                   drop that line and go on with --skip 1";
    let lines = program.finish().fails(1, message).lines();
    assert_eq!(lines, ["secret, Bearer 1", "who are you"]);
}
