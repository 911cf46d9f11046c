//! The errors of each system call that a run makes: those that its manual page lists (Linux man-pages 6, section 2,
//! under ERRORS), and EINTR for each that can be interrupted.
//!
//! Where a page covers many operations, its list stays whole: fcntl's has the errors of locks, too. Calls are here that
//! only some machines make: fstat since glibc 2.39, those of netlink where localhost has two addresses.

/// Names of calls, and the errors that their page lists. That of rseq is the kernel's
/// Documentation/userspace-api/rseq.rst and kernel/rseq.c.
const PAGES: &str = include_str!("../../data/errnos.txt");

/// Calls that cannot fail, or do not return: their pages list no error. And those that fail only for a clock or an
/// address that is none, which std and libc never name: where the kernel's page of the clock can't be used, they are
/// calls. And what strace shows where it has interrupted a call.
const NEVER_FAIL: &str = "clock_gettime execve exit exit_group getegid geteuid getgid getpid gettid \
    gettimeofday getuid restart_syscall rt_sigreturn set_tid_address";

/// The errors of this call. A call that is not here is made by a machine that we don't know: it is passed over.
pub fn errnos(call: &str) -> Vec<&'static str> {
    if NEVER_FAIL.split(' ').any(|name| name == call) {
        return Vec::new();
    }
    let mut pages = PAGES.split(';').filter_map(|page| page.split_once(':'));
    let is_it = |page: &(&str, &str)| page.0.split_whitespace().any(|name| name == call);
    let Some((_, listed)) = pages.find(is_it) else {
        eprintln!("{call} does not fail: its manual page's errors are missing in errnos.rs");
        return Vec::new();
    };
    let mut errnos: Vec<_> = listed.split_whitespace().collect();
    // A kernel gives EINTR to brk only while it kills the process, and libc takes it for an address.
    if call != "brk" && !errnos.contains(&"EINTR") {
        errnos.push("EINTR");
    }
    errnos
}
