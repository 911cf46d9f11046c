//! The errors of each system call that a run makes: those that its manual page lists (Linux man-pages 6, section 2,
//! under ERRORS), and EINTR for each that can be interrupted.
//!
//! Where a page covers many operations, its list stays whole: fcntl's has the errors of locks, too. Calls are here that
//! only some machines make: fstat since glibc 2.39, those of netlink where localhost has two addresses.

/// Names of calls, and the errors that their page lists. That of rseq is the kernel's
/// Documentation/userspace-api/rseq.rst and kernel/rseq.c.
const PAGES: &str = "
access faccessat faccessat2: EACCES EBADF EFAULT EINVAL EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS
    ETXTBSY;
arch_prctl: EFAULT EINVAL ENODEV EPERM;
bind: EACCES EADDRINUSE EADDRNOTAVAIL EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR ENOTSOCK
    EROFS;
brk: ENOMEM;
clock_nanosleep: EFAULT EINTR EINVAL EOPNOTSUPP;
clone clone3: EACCES EAGAIN EBUSY EEXIST EINVAL ENOMEM ENOSPC EOPNOTSUPP EPERM EUSERS;
close: EBADF EINTR EIO ENOSPC EDQUOT;
connect: EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EFAULT
    EINPROGRESS EINTR EISCONN ENETUNREACH ENOTSOCK EPROTOTYPE ETIMEDOUT;
dup dup3: EBADF EBUSY EINTR EINVAL EMFILE;
eventfd2: EINVAL EMFILE ENFILE ENODEV ENOMEM;
fcntl: EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK ENOTDIR EPERM;
fstat newfstatat statx: EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW;
futex: EACCES EAGAIN EDEADLK EFAULT EINTR EINVAL ENFILE ENOMEM ENOSYS EPERM ESRCH ETIMEDOUT;
getdents64: EBADF EFAULT EINVAL ENOENT ENOTDIR;
getpeername: EBADF EFAULT EINVAL ENOBUFS ENOTCONN ENOTSOCK;
getrandom: EAGAIN EFAULT EINTR EINVAL ENOSYS;
getsockname: EBADF EFAULT EINVAL ENOBUFS ENOTSOCK;
getsockopt setsockopt: EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK;
ioctl: EBADF EFAULT EINVAL ENOTTY;
lseek: EBADF EINVAL ENXIO EOVERFLOW ESPIPE;
madvise: EACCES EAGAIN EBADF EINVAL EIO ENOMEM EPERM;
mmap: EACCES EAGAIN EBADF EEXIST EINVAL ENFILE ENODEV ENOMEM EOVERFLOW EPERM ETXTBSY;
mprotect: EACCES EINVAL ENOMEM;
mremap: EAGAIN EFAULT EINVAL ENOMEM;
munmap set_robust_list: EINVAL;
openat: EACCES EBADF EBUSY EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE
    ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENXIO EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EAGAIN;
pipe2: EFAULT EINVAL EMFILE ENFILE ENOPKG;
poll ppoll: EFAULT EINTR EINVAL ENOMEM;
prctl: EACCES EBADF EBUSY EFAULT EINVAL ENODEV ENXIO EOPNOTSUPP EPERM ERANGE;
pread64: EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR ENXIO EOVERFLOW ESPIPE;
prlimit64 sched_getaffinity: EFAULT EINVAL EPERM ESRCH;
read: EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR;
readlink readlinkat: EACCES EBADF EFAULT EINVAL EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR;
recvfrom recvmsg: EAGAIN EBADF ECONNREFUSED EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK;
rseq: EBUSY EFAULT EINVAL EPERM;
rt_sigaction rt_sigprocmask: EFAULT EINVAL;
sched_yield:;
sendmmsg sendmsg sendto: EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN
    EMSGSIZE ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE;
shutdown: EBADF EINVAL ENOTCONN ENOTSOCK;
sigaltstack: EFAULT EINVAL ENOMEM EPERM;
socket: EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT;
sysinfo uname: EFAULT;
write writev: EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE";

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
