//! The disk is full: a tmpfs of one page, which the third line fills at each of its bytes.

use std::process::Command;

use super::invariants::{Disturbance, Outcome, check};
use super::scene::{Ground, Road};
use crate::installed::needed;
use crate::skipped::skip;
use crate::support::pool;

/// The page of the file system.
const PAGE: usize = 4096;

/// Mounts a file system of one page at $2, fills $1 bytes of it, and runs the rest of the words with its lines
/// appended. The lines that are whole then go to stdout.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o size=4096 none "$2"
head -c "$1" /dev/zero >"$2/lines"
filled=$1 folder=$2
shift 2
status=0
"$@" >>"$folder/lines" || status=$?
tail -c "+$((filled + 1))" "$folder/lines" | head -n "$(wc -l <"$folder/lines")"
exit "$status"
"#;

fn may_mount() -> bool {
    let Some(unshare) = needed("unshare") else { return false };
    let mount = ["--mount", "sh", "-c", "mount -t tmpfs none /mnt"];
    let works = Command::new(unshare).args(mount).output().is_ok_and(|it| it.status.success());
    if !works {
        skip("no file system may be mounted");
    }
    works
}

#[test]
fn a_disk_that_is_full_at_any_byte_of_a_line_keeps_the_lines_before_it_and_its_beginning_is_told() {
    if !may_mount() {
        return;
    }
    let ground = Ground::new("disk");
    let lines = ground.lines();
    let before: usize = lines[..2].iter().map(|line| line.len() + 1).sum();
    // Its line is kept if it fits.
    let room = 0..=lines[2].len() + 1;
    let roads = Road::all().into_iter().filter(|road| !road.npy);
    let cases: Vec<_> = roads.flat_map(|road| room.clone().map(move |room| (road, room))).collect();
    pool::each(&cases, |&(road, room)| {
        let folder = ground.path("disk");
        std::fs::create_dir(&folder).unwrap();
        let filled = (PAGE - before - room).to_string();
        let words =
            ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", &filled, folder.to_str().unwrap()];
        let ended = ground.run(road, &words.map(str::to_owned), 0, || false);
        let outcome = check(&ground, road, &ended, &Disturbance::default());
        assert_eq!(outcome, Ok(Outcome::Continued), "{road}, room for {room} bytes: {ended:?}");
        let (frame, torn) = if room > lines[2].len() { (3, 0) } else { (2, room) };
        let bytes = if torn == 1 { "byte" } else { "bytes" };
        let torn = match torn {
            0 => String::new(),
            torn => format!(
                " and {torn} {bytes} of another (take these off first; at the end of a file: truncate \
                 -s -{torn} FILE),"
            ),
        };
        let message = format!(
            "pngpost: frame {frame}: stdout: no space left on device; {frame} lines are out,{torn}"
        );
        assert!(ended.stderr.starts_with(&message), "{road}, room for {room} bytes: {ended:?}");
    });
}
