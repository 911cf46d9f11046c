//! `--latest` beside the clock: the server tells how old frames are, and the writer times itself.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::live::{Hiccups, Written, write_at_pace};
use crate::support::program::{Run, Running, command};
use crate::support::server::{Request, Server, ok};
use crate::support::{decode, tiny, tiny_number, wait_until};

/// The time that the server takes for a frame, and the time between two frames.
const SERVICE: Duration = Duration::from_millis(100);
const SPACING: Duration = Duration::from_millis(10);

/// No write takes longer, unless the program stops reading: the stalls here are longer.
const BLOCKED: Duration = Duration::from_secs(1);

/// What the server knows of a frame.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    frame: u32,
    /// How much older than the newest one it was when its upload was there.
    age: Duration,
}

/// A server that works at one frame at a time.
struct Camera {
    server: Server,
    written: Written,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    /// The time that it has worked.
    worked: Arc<Mutex<Duration>>,
}

impl Camera {
    /// `number` is the frame's, from its pixels; `work` is done for the frame that came as this one, from 0.
    fn new(number: fn(&Request) -> u32, work: impl Fn(usize) + Send + Sync + 'static) -> Camera {
        let (written, arrivals, worked) = (Written::default(), Arc::default(), Arc::default());
        let camera = (written.clone(), Arc::clone(&arrivals), Arc::clone(&worked));
        let server = Server::answering(move |_, request| {
            let (written, arrivals, worked): &(_, Arc<Mutex<Vec<_>>>, Arc<Mutex<_>>) = &camera;
            let frame = number(request);
            let count = {
                let mut arrivals = arrivals.lock().unwrap();
                arrivals.push(Arrival { frame, age: Written::age(written, frame) });
                arrivals.len() - 1
            };
            let mut worked = worked.lock().unwrap();
            let begin = Instant::now();
            work(count);
            *worked += begin.elapsed();
            ok(format!("answer {frame}"))
        });
        Camera { server, written, arrivals, worked }
    }

    fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }

    /// Each frame has its line: the answer of the server, or an empty one.
    #[track_caller]
    fn assert_lines(&self, run: &Run, count: u32) {
        let mut expected = vec![String::new(); count as usize];
        for Arrival { frame, .. } in self.arrivals() {
            expected[frame as usize] = format!("answer {frame}");
        }
        assert!(run.lines() == expected, "{:?}", run.lines());
        assert!(!expected[0].is_empty() && !expected[count as usize - 1].is_empty());
    }
}

#[test]
fn a_server_that_is_slower_than_the_camera_gets_the_newest_frames_and_as_many_as_it_can_take() {
    const FRAMES: u32 = 200;
    for jobs in ["1", "4"] {
        let camera = Camera::new(|it| tiny_number(&it.body), |_| thread::sleep(SERVICE));
        let arguments = ["--latest", "-s", "1x1", "--raw", "-j", jobs, &camera.server.url()];
        let (hiccups, begin) = (Hiccups::watch(), Instant::now());
        let mut program = Running::start(command(&arguments));
        let stdin = program.stdin.as_mut().unwrap();
        write_at_pace(stdin, |frame| tiny(frame).into(), FRAMES, SPACING, &camera.written);
        let run = program.finish().ok();
        let (took, hiccup) = (begin.elapsed(), hiccups.end());
        camera.assert_lines(&run, FRAMES);
        let arrivals = camera.arrivals();
        // The last frame has waited for its job once there was none newer.
        let oldest = arrivals.iter().map(|arrival| arrival.age).max().unwrap();
        assert!(oldest <= SERVICE + SPACING + hiccup, "{hiccup:?}: {arrivals:?}");
        let worked = *camera.worked.lock().unwrap();
        println!("-j {jobs}: {} frames, oldest {oldest:?}, {worked:?} of {took:?}", arrivals.len());
        // But for the start and the time between two frames, it is never idle.
        assert!(worked.as_secs_f64() > 0.7 * took.as_secs_f64(), "{worked:?} of {took:?}");
        assert!(arrivals.len() < 60, "{arrivals:?}");
    }
}

/// The size of a frame of which a pipe holds none.
const LARGE: &str = "200x150";
const LARGE_BYTES: usize = 200 * 150 * 3;

fn large(frame: u32) -> Vec<u8> {
    let mut bytes = vec![0; LARGE_BYTES];
    bytes[..3].copy_from_slice(&tiny(frame));
    bytes
}

fn large_number(request: &Request) -> u32 {
    let pixels = decode(&request.body).pixels;
    u32::from_be_bytes([0, pixels[0], pixels[1], pixels[2]])
}

#[test]
fn while_the_server_hangs_stdin_never_blocks_and_memory_does_not_grow() {
    const HANG: Duration = Duration::from_secs(3);
    const FRAMES: u32 = 500;
    for jobs in ["1", "4"] {
        let camera = Camera::new(large_number, |count| {
            thread::sleep(if count == 8 { HANG } else { SERVICE / 10 });
        });
        let arguments = ["--latest", "-s", LARGE, "--raw", "-j", jobs, &camera.server.url()];
        let mut program = Running::start(command(&arguments));
        let hiccups = Hiccups::watch();
        let mut stdin = program.stdin.take().unwrap();
        let written = camera.written.clone();
        let writer =
            thread::spawn(move || write_at_pace(&mut stdin, large, FRAMES, SPACING, &written));
        wait_until("the server hangs", || camera.arrivals().len() > 8);
        let before = (camera.written.count(), program.memory("VmHWM"));
        let longest = writer.join().unwrap();
        let after = (camera.written.count(), program.memory("VmHWM"));
        let hiccup = hiccups.end();
        println!("-j {jobs}: {before:?} to {after:?} kB, longest write {longest:?}");
        assert!(longest < BLOCKED + hiccup, "{longest:?}, {hiccup:?}");
        // Those that came while it hung are ten times as much.
        assert!(after.0 > before.0 + 200, "{before:?}, {after:?}");
        assert!(after.1 < before.1 + 2000, "{before:?}, {after:?}");
        camera.assert_lines(&program.finish().ok(), FRAMES);
    }
}
