//! The word about a tool that is missing. With CI set no tool may be missing: a skip there is a failure.

/// The reason, such as "jq is not installed".
#[track_caller]
pub fn skip(reason: &str) {
    let is_ci = std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "false"));
    assert!(!is_ci, "{reason}, and with CI set no test is skipped");
    eprintln!("skipped: {reason}");
}
