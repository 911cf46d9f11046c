//! strace: whether it is here, and may trace.

use std::process::Command;

use crate::installed::needed;
use crate::skipped::skip;

/// Whether strace may trace here; a word about it if not.
pub fn works() -> bool {
    let Some(strace) = needed("strace") else { return false };
    let output = Command::new(strace).args(["-f", "-o", "/dev/null", "true"]).output();
    let works = output.unwrap().status.success();
    if !works {
        skip("strace may not trace");
    }
    works
}
