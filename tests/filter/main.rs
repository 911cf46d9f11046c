//! Tests of the real binary, against real servers on ports of their own.
//!
//! A test's name is a promise. The default expectation is exit status 0 and nothing on stderr. Tests stand in
//! folders of the names of `src`: the place of a test is the place of the code.

#[path = "../tools/installed.rs"]
mod installed;
#[path = "../tools/skipped.rs"]
mod skipped;
#[path = "../receiver/started.rs"]
mod started;
mod support;

mod completions;
mod dry_run;
mod endings;
mod receiver;
mod show;
mod system_faults;
mod usage;

// The promises of the manual: each of these tests fails if the code breaks the promise. That a frame is never sent
// twice is in upload/retries.
mod promises {
    mod bounded;
    mod nothing_lost;
    mod order;
    mod prompt;
    mod quiet;
    mod secrets;
}

mod input {
    mod almost_right;
    mod ffmpeg;
    mod first;
    mod frames;
    mod mixed;
    mod netpbm;
    mod numpy;
    mod refused;
    mod with_headers;
}

mod encode {
    mod bad_samples;
    mod levels;
    mod readers;
}

mod request {
    mod bodies;
    mod form;
    mod form_like_curl;
}

mod upload {
    mod limits;
    mod outages;
    mod rate;
    mod retries;
    mod soak;
    mod tokens;
}

mod http {
    mod almost_right;
    mod certificates;
    mod client_certificates;
    mod connections;
    mod cuts;
    mod early;
    mod max_time;
    mod minreq;
    mod namespaces;
    mod proxies;
    mod proxy_rules;
    mod responses;
    mod sockets;
    mod tls;
}

mod output {
    mod progress;
    mod records;
    mod stdout;
    mod told;
}

mod pipeline {
    mod latest;
    mod live;
}

// Each call, thread and byte that a run needs fails once: see tests/filter/torture/invariants.rs.
mod torture {
    mod calls;
    mod disk;
    mod errnos;
    mod invariants;
    mod limits;
    mod scene;
    mod strace;
    mod tally;
    mod witness;
}

mod stop {
    mod endings;
    mod reader;
    mod states;
    mod terminal;
}
