//! Options that are none here: those that people know from curl and ffmpeg, and those that are almost ours. A
//! message says on one line the option that is meant.
//!
//! An option may hold a secret, as `--useradmin:secret` does. A message shows it only if it is known here, is close to
//! an option of ours, or can only be a name.

use std::ffi::OsStr;

use super::options::{OPTIONS, Opt};
use crate::messages::foreign;

const SEE_HELP: &str = "'pngpost --help' lists them";

/// Options of other programs, each with its meaning here.
const HABITS: &[(&str, &str)] = &[
    ("-size -video_size -height --height -width --width", "the size of a frame is --size, -s"),
    ("-pix_fmt -pixel_format --format", "the layout of a frame is --pix-fmt, -p"),
    ("-i --input --file", "frames come on standard input: < FILE"),
    ("-r -framerate", "--rate limits how many are sent"),
    ("--live --newest --realtime --drop", "--latest sends the newest frames of a live source"),
    ("-vf -filter:v --resize --scale", "the size stays; scale before: ffmpeg -vf scale=64:64"),
    ("-vframes -frames:v", "a frame is sent for each that comes"),
    ("-hide_banner -loglevel -nostdin -nostats", "only failures are told"),
    ("--fail-with-body", "a status other than 2xx is a failure, and the body a line, anyway"),
    ("-sS -fsS -fsSL -sSL -sSf -sL -sf", "-s is the size; only failures are told"),
    ("-S --silent --show-error", "only failures are told, and nothing with --quiet"),
    ("-o --output -O --remote-name", "lines go to standard output: > FILE"),
    (
        "-d --data --data-ascii --data-binary --data-raw --data-urlencode",
        "the body is --json, --raw or --form",
    ),
    ("--base64 --b64", "base64 alone is --body-b64, and in JSON it is {{png:b64}}"),
    ("--field --data-form --part", "a field is --form, -F"),
    ("--filename --file-name", "-F 'NAME=@-;filename=F' names the part that is the frame"),
    ("--method", "the method is --request, -X"),
    ("-T --upload-file", "a PNG alone is --raw, with -X PUT"),
    ("-G --get -I --head", "a request without a body carries no upload"),
    ("-L --location", "redirects are not followed; give the URL that they lead to"),
    ("-b --cookie", "-H 'Cookie: NAME=VALUE' sends one"),
    ("-A --user-agent", "-H 'User-Agent: NAME' sends one"),
    ("-e --referer", "-H 'Referer: URL' sends one"),
    ("--header-file --headers-file", "-H @FILE takes headers from a file"),
    ("--password --passwd", "-u takes USER:PASSWORD, or @FILE"),
    ("--token --bearer", "a token is --oauth2-bearer TOKEN, or @FILE"),
    ("--url", "the URL stands alone"),
    ("-w --write-out", "--ndjson has the status and the seconds"),
    ("-Z --parallel -P --parallel-max --workers --threads -c", "uploads in flight are --jobs, -j"),
    ("--compressed", "responses come without a coding"),
    ("--retry-connrefused", "a refused connection is tried again anyway"),
    ("--keep-alive --keepalive-time", "connections are kept anyway"),
    ("--no-keepalive --no-keep-alive", "a connection for each upload is --no-http-keep-alive"),
    ("-0 --http1.0 --http1.1 --http2 --http3", "requests are HTTP/1.1; leave it out"),
    ("--tlsv1.0 --tlsv1.1 --tlsv1.2 --tlsv1.3", "TLS is 1.2 or 1.3; leave it out"),
    ("-4 --ipv4 -6 --ipv6", "IPv6 and IPv4 are both tried; an address in the URL chooses one"),
    ("--socks4 --socks5 --socks5-hostname", "--proxy, -x takes an HTTP proxy, and no SOCKS"),
    ("--no-check-certificate --no-verify", "any certificate is trusted with --insecure, -k"),
    ("--ca-certificate --capath", "the certificates to trust are --cacert FILE"),
    ("--retries --max-retries", "further attempts are --retry"),
    ("--timeout", "the limit of one attempt is --max-time, -m"),
    ("--jsonl --json-lines", "records are --ndjson"),
];

/// The message for an argument in the place of an option, if ffmpeg or curl has an option of that spelling. Here some
/// of them would be a short one with a value: `-size`.
pub fn of_argument(argument: &OsStr) -> Option<String> {
    let argument = argument.to_str()?;
    meaning(argument).map(|meaning| no_such(argument, meaning))
}

/// What stands in the place of an option's value, if that can be no value: an option of ours, without what follows it,
/// or the URL. Both may hold a secret.
pub fn in_place_of_value<'a>(long: &str, value: &'a OsStr) -> Option<&'a str> {
    let value = value.to_str()?;
    let name = value.split('=').next()?;
    let is_ours = |it: &Opt| {
        name == format!("--{}", it.long) || it.short.is_some_and(|it| value == format!("-{it}"))
    };
    if OPTIONS.iter().any(is_ours) {
        return Some(name);
    }
    let is_url = value.starts_with("http://") || value.starts_with("https://");
    (is_url && long != "proxy").then_some("the URL")
}

/// The message for `-x`.
pub fn of_short(short: char) -> String {
    let option = foreign(&format!("-{short}"));
    no_such(&option, meaning(&option).unwrap_or(SEE_HELP))
}

/// The message for `--long`.
pub fn of_long(long: &str) -> String {
    let option = format!("--{long}");
    if let Some(meaning) = meaning(&option) {
        return no_such(&option, meaning);
    }
    if let Some(near) = near(long) {
        return no_such(&option, &format!("did you mean --{near}"));
    }
    let glued = OPTIONS.iter().find(|it| it.takes_value() && long.starts_with(it.long));
    if let Some(Opt { long, .. }) = glued {
        return no_such("an option", &format!("--{long} takes its value as --{long} VALUE"));
    }
    let is_name = long.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let option = if is_name { &foreign(&option) } else { "an option" };
    no_such(option, SEE_HELP)
}

fn no_such(option: &str, advice: &str) -> String {
    format!("{option}: no such option; {advice}")
}

fn meaning(option: &str) -> Option<&'static str> {
    let is_in = |options: &str| options.split(' ').any(|known| known == option);
    HABITS.iter().find(|(options, _)| is_in(options)).map(|&(_, meaning)| meaning)
}

/// Our option that begins so, or that differs by two letters at most.
fn near(long: &str) -> Option<&'static str> {
    let long = long.to_ascii_lowercase().replace('_', "-");
    let ours = || OPTIONS.iter().map(|option| option.long);
    // The shortest of several: `--ret` is `--retry`.
    let begun = ours().filter(|ours| long.len() >= 3 && ours.starts_with(&long));
    let begun = begun.min_by_key(|ours| ours.len());
    let most = if long.len() < 5 { 1 } else { 2 };
    let near = ours().map(|ours| (distance(&long, ours), ours)).min();
    begun.or(near.filter(|near| near.0 <= most).map(|near| near.1))
}

/// How many letters are to be put in, taken out or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_habit_is_an_option_of_ours() {
        for option in HABITS.iter().flat_map(|(options, _)| options.split(' ')) {
            let ours = |it: &Opt| {
                option == format!("--{}", it.long)
                    || it.short.is_some_and(|short| option == format!("-{short}"))
            };
            assert!(!OPTIONS.iter().any(ours), "{option}");
        }
    }

    #[test]
    fn near_misses_are_found() {
        for (typed, meant) in [
            ("verbos", Some("verbose")),
            ("ret", Some("retry")),
            ("retry-al", Some("retry-all-errors")),
            ("Size", Some("size")),
            ("sise", Some("size")),
            ("pix_fmt", Some("pix-fmt")),
            ("max-tiem", Some("max-time")),
            ("headers", Some("header")),
            ("si", None),
            ("banana", None),
            ("userhunter2", None),
            // One letter of four may be wrong, two of five.
            ("fork", Some("form")),
            ("fomr", None),
            ("qiuet", Some("quiet")),
        ] {
            assert_eq!(near(typed), meant, "{typed}");
        }
    }

    #[test]
    fn a_distance_is_the_number_of_letters_to_change() {
        for (a, b, letters) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("flaw", "lawn", 2),
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), letters, "{a} {b}");
        }
    }
}
