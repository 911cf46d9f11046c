//! Each system call of a run fails once, with each of its errors; and a signal arrives at each.
//!
//! An undisturbed run shows the calls. Then the first call of each name fails, the second, and so on to the last one
//! (`strace` says of which thread). All of it, some 65,000 runs, is for hours by hand:
//! `cargo test --test filter -- --ignored --nocapture torture::calls::each`. PNGPOST_TORTURE=TEXT picks the runs whose
//! name, as a failure shows it, holds the text: a road's, such as `kept https -j 3`, takes a quarter of an hour.

use std::collections::BTreeMap;
use std::fmt;

use super::errnos::errnos;
use super::invariants::{Disturbance, Struck, check};
use super::scene::{Ground, Pipes, Road};
use super::strace::{self, Call, Fault, Phase};
use super::tally::{Judged, report};
use crate::support::{pool, tracer};

/// One run.
struct Case {
    road: Road,
    phase: Phase,
    name: String,
    /// The call's number among those of this name, from 1.
    when: usize,
    fault: Fault,
    /// Whether the call is made before main.
    is_early: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Case { road, phase, name, when, fault, .. } = self;
        write!(f, "{road} {phase:?} {name}:{fault:?}:{when}")
    }
}

#[test]
#[ignore = "takes hours"]
fn each_call_fails_once_with_each_of_its_errors() {
    if tracer::works() && tracer::attaches() {
        let ground = Ground::new("calls");
        let mut cases = cases(&ground);
        let all = cases.len();
        if let Ok(text) = std::env::var("PNGPOST_TORTURE") {
            cases.retain(|case| case.to_string().contains(&text));
        }
        run(&ground, &cases, all);
    }
}

#[test]
#[ignore = "takes a minute"]
fn some_calls_fail_once_with_some_of_their_errors() {
    if tracer::works() && tracer::attaches() {
        let ground = Ground::new("some-calls");
        let seed = pool::seed();
        println!("PNGPOST_TORTURE_SEED={seed}");
        let cases = cases(&ground);
        let all = cases.len();
        run(&ground, &pool::sample(cases, 600, seed), all);
    }
}

fn run(ground: &Ground, cases: &[Case], all: usize) {
    println!("{} runs of {all}", cases.len());
    let runs = pool::each(cases, |case| {
        let run = disturb(ground, case);
        // Before the table, which may take hours.
        if let Err(why) = &run.result {
            eprintln!("{}: {why}", run.name);
        }
        run
    });
    report("call and state, error", &runs);
}

fn disturb(ground: &Ground, case: &Case) -> Judged {
    let Case { road, phase, name, when, fault, is_early } = case;
    let traced = strace::run(ground, *road, *phase, Some(name), Some((*fault, *when)));
    let calls = traced.calls.iter().enumerate();
    let struck = calls.filter(|(index, call)| match fault {
        Fault::Error(_) => call.is_injected(),
        // strace does not mark a signal; it follows one thread then, and traces no other call.
        Fault::Stop => index + 1 == *when,
    });
    let struck: Vec<_> = struck.map(|(_, call)| call).collect();
    let states = struck
        .iter()
        .map(|call| if *is_early { Struck::BeforeMain } else { state(call, &traced.ended.pipes) });
    let states: Vec<_> = states.collect();
    let what = match fault {
        Fault::Error(errno) => errno,
        Fault::Stop => "SIGTERM",
    };
    let row = match states.first() {
        Some(state) => format!("{name} ({state:?}) {what}"),
        None => format!("{name} (not reached) {what}"),
    };
    let by = Disturbance {
        signal: (*fault == Fault::Stop).then_some(15),
        error: if let Fault::Error(errno) = fault { Some(errno) } else { None },
        reader_is_gone: *fault == Fault::Error("EPIPE") && states.contains(&Struck::Stdout),
        struck: states,
    };
    let result = check(ground, *road, &traced.ended, &by).map_err(|why| {
        let calls: Vec<_> = struck.iter().map(|call| call.text.as_str()).collect();
        format!("{why}\n  {calls:?}\n  {:?}", traced.ended)
    });
    Judged { row, name: case.to_string(), result }
}

/// All runs: of each road, phase, call, error.
fn cases(ground: &Ground) -> Vec<Case> {
    let roads = Road::all();
    let first = roads[0];
    let phases = |road| [Phase::Start, Phase::Running].map(|phase| (road, phase));
    let phases: Vec<_> = roads.into_iter().flat_map(phases).collect();
    let of_phase = |&(road, phase): &(Road, Phase)| {
        let counts = counts(ground, road, phase);
        let calls = counts.iter().flat_map(|(name, &Count { early, all })| {
            // The calls before main are the same on each road.
            let least = if road == first { 1 } else { early + 1 };
            (least..=all).map(move |when| (name, when, when <= early))
        });
        let cases = calls.flat_map(|(name, when, is_early)| {
            let errors = errnos(name).into_iter().map(Fault::Error);
            let stop = (phase == Phase::Start).then_some(Fault::Stop);
            let case = move |fault| Case { road, phase, name: name.clone(), when, fault, is_early };
            errors.chain(stop).map(case)
        });
        cases.collect::<Vec<_>>()
    };
    pool::each(&phases, of_phase).into_iter().flatten().collect()
}

/// How many calls of a name there are.
#[derive(Clone, Copy, Default)]
struct Count {
    /// In the main thread, before main.
    early: usize,
    /// In the thread that makes most of them.
    all: usize,
}

/// The calls of an undisturbed run, by name. Threads share their work in another way each time: of several runs the
/// highest count is taken.
fn counts(ground: &Ground, road: Road, phase: Phase) -> BTreeMap<String, Count> {
    const RUNS: usize = 3;
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for _ in 0..RUNS {
        let traced = strace::run(ground, road, phase, None, None);
        assert_eq!(traced.ended.status, Some(0), "{road} {phase:?}: {:?}", traced.ended);
        let mut threads: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        let mut is_early = phase == Phase::Start;
        for call in &traced.calls {
            // The first call of ours: whether stdin is a terminal.
            is_early &= !call.text.starts_with("ioctl(0");
            let count = threads.entry((&call.name, call.thread)).or_default();
            *count += 1;
            let of_name = counts.entry(call.name.clone()).or_default();
            of_name.all = of_name.all.max(*count);
            if is_early {
                of_name.early = of_name.early.max(*count);
            }
        }
    }
    counts
}

/// What a call is for.
fn state(call: &Call, pipes: &Pipes) -> Struck {
    let text = &call.text;
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_on = |pipe: &Option<String>| pipe.as_ref().is_some_and(|pipe| text.contains(pipe));
    match call.name.as_str() {
        "futex" if has(&["FUTEX_WAKE"]) => Struck::Wake,
        "futex" => Struck::Wait,
        // A stack, an alternative stack, and the guard page of either.
        "mmap" if has(&["MAP_STACK"]) => Struck::ThreadStart,
        "mprotect" if has(&["4096, PROT_NONE"]) => Struck::ThreadStart,
        "mmap" | "munmap" | "mprotect" | "mremap" | "madvise" | "brk" => Struck::Memory,
        "clone3" | "clone" | "set_robust_list" | "rseq" | "prctl" | "sigaltstack" => {
            Struck::ThreadStart
        }
        "sched_getaffinity" => Struck::System,
        "getrandom" => Struck::Random,
        "rt_sigaction" | "rt_sigprocmask" | "pipe2" => Struck::Signals,
        "fcntl" if has(&["F_GETFD"]) => Struck::Assertion,
        // Where a name has several addresses, libc asks the kernel for the order of them.
        _ if has(&["<UDP", "<NETLINK", "AF_NETLINK", "SOCK_DGRAM"]) => Struck::LookUp,
        "connect" | "socket" | "getpeername" | "getsockname" if has(&["AF_INET", "<TCP"]) => {
            Struck::Connect
        }
        "sendmsg" | "sendto" | "write" | "writev" if has(&["<TCP"]) => Struck::Send,
        "recvfrom" | "read" if has(&["<TCP"]) => Struck::Receive,
        _ if has(&["<TCP"]) => Struck::Connect,
        _ if has(&["pem", "certificates", "/ssl/"]) => Struck::Certificates,
        _ if has(&["(0<", "/raw", "/npy"]) || is_on(&pipes.stdin) => Struck::Stdin,
        _ if has(&["(1<", "/lines"]) || is_on(&pipes.stdout) => Struck::Stdout,
        _ if has(&["(2<"]) => Struck::Stderr,
        _ if has(&["/etc/", "AF_UNIX", "<UNIX"]) => Struck::LookUp,
        _ if has(&["<pipe"]) => Struck::Signals,
        _ => Struck::System,
    }
}
