//! Which proxy a URL gets, by options and environment: each rule is held against curl.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::installed::needed;
use crate::support::program::{command, run_command};

/// A proxy that hangs up, and counts.
struct Counting {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Counting {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for connection in listener.incoming() {
                counted.fetch_add(1, Ordering::AcqRel);
                drop(connection);
            }
        });
        Counting { port, count }
    }
}

/// Whether curl goes to the proxy. It is told to connect to a closed port instead of to the host itself.
fn curl_uses(
    proxy: &Counting,
    settings: &[(&str, String)],
    options: &[String],
    url: &str,
) -> Option<bool> {
    let before = proxy.count.load(Ordering::Acquire);
    let mut command = Command::new(needed("curl")?);
    command.args(["-q", "-sS", "-m", "10", "--connect-timeout", "0.3"]);
    command.args(options).arg(url).env_clear();
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    command.output().unwrap();
    Some(proxy.count.load(Ordering::Acquire) > before)
}

/// Whether the program would, by its own word.
fn pngpost_uses(settings: &[(&str, String)], options: &[String], url: &str) -> bool {
    let options = options.iter().map(String::as_str);
    let arguments: Vec<_> =
        ["-s", "1x1", "--raw", "-n"].into_iter().chain(options).chain([url]).collect();
    let mut command = command(&arguments);
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    let run = run_command(command, &[0; 3]);
    assert_eq!(
        (run.status, run.stdout.as_slice()),
        (Some(0), &b""[..]),
        "{arguments:?} {}",
        run.stderr
    );
    run.stderr.contains(" through proxy ")
}

/// Settings and options, in which VIA stands for a good one; the URL; and whether the proxy is used.
fn hold(cases: &[(&str, &str, bool)]) {
    let proxy = Counting::new();
    for (words, url, uses) in cases {
        let words = words.replace("VIA", &format!("127.0.0.1:{}", proxy.port));
        let words: Vec<_> = words.split('|').filter(|word| !word.is_empty()).collect();
        let is_setting = |word: &&&str| word.to_ascii_lowercase().contains("_proxy=");
        let settings: Vec<_> = words
            .iter()
            .filter(is_setting)
            .map(|word| word.split_once('=').unwrap())
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let options = words.iter().filter(|word| !is_setting(word));
        let options: Vec<String> = options
            .map(|word| if *word == "''" { String::new() } else { (*word).to_owned() })
            .collect();
        assert_eq!(pngpost_uses(&settings, &options, url), *uses, "pngpost: {words:?} {url}");
        let Some(of_curl) = curl_uses(&proxy, &settings, &options, url) else { return };
        assert_eq!(of_curl, *uses, "curl: {words:?} {url}");
    }
}

#[test]
fn the_environment_names_proxies_as_for_curl() {
    let (http, https) = ("http://10.255.255.1/", "https://10.255.255.1/");
    hold(&[
        ("", http, false),
        ("http_proxy=VIA", http, true),
        ("http_proxy=http://VIA/", http, true),
        ("http_proxy=VIA", https, false),
        ("HTTP_PROXY=VIA", http, false),
        ("https_proxy=VIA", https, true),
        ("HTTPS_PROXY=VIA", https, true),
        ("HTTPS_PROXY=VIA", http, false),
        ("https_proxy=|HTTPS_PROXY=VIA", https, true),
        ("https_proxy=VIA|HTTPS_PROXY=127.0.0.1:1", https, true),
        ("all_proxy=VIA", http, true),
        ("ALL_PROXY=VIA", https, true),
        ("http_proxy=VIA|all_proxy=127.0.0.1:1", http, true),
        ("all_proxy=|ALL_PROXY=VIA", http, true),
        ("http_proxy=", http, false),
        ("-x|VIA", http, true),
        ("-x|VIA", https, true),
        ("-x|VIA|http_proxy=127.0.0.1:1", http, true),
        ("-x|''|http_proxy=VIA", http, false),
        ("--noproxy|*|http_proxy=VIA", http, false),
        ("--noproxy|*|-x|VIA", http, false),
        ("no_proxy=10.255.255.1|-x|VIA", http, false),
        ("no_proxy=10.255.255.1|--noproxy|x|-x|VIA", http, true),
        ("no_proxy=10.255.255.1|--noproxy|''|http_proxy=VIA", http, true),
        ("NO_PROXY=10.255.255.1|http_proxy=VIA", http, false),
        ("no_proxy=x|NO_PROXY=10.255.255.1|http_proxy=VIA", http, true),
    ]);
}

#[test]
fn no_proxy_names_hosts_as_for_curl() {
    let address = "http://10.255.255.1/";
    let six = "http://[fd00::1]/";
    let name = "http://a.no.invalid/";
    let list = |list: &'static str| -> &'static str {
        Box::leak(format!("http_proxy=VIA|no_proxy={list}").into_boxed_str())
    };
    let cases: Vec<_> = [
        ("*", name, false),
        ("x,*", name, true),
        ("a.no.invalid", name, false),
        ("A.No.Invalid", name, false),
        ("no.invalid", name, false),
        (".no.invalid", name, false),
        ("..no.invalid", name, true),
        (".a.no.invalid", name, false),
        ("*.no.invalid", name, true),
        ("no.invalid.", name, false),
        ("o.invalid", name, true),
        ("b.a.no.invalid", name, true),
        ("x, no.invalid", name, false),
        ("x no.invalid", name, false),
        (",,no.invalid", name, false),
        ("no.invalid:80", name, true),
        ("invalid", name, false),
        ("a.no.invalid", "http://a.no.invalid./", false),
        ("10.255.255.1", address, false),
        ("10.255.255.1:80", address, true),
        ("10.255.255.0/24", address, false),
        ("10.255.254.0/24", address, true),
        ("10.255.254.0/23", address, false),
        ("10.0.0.0/8", address, false),
        ("10.255.255.1/32", address, false),
        ("10.255.255.1/33", address, true),
        ("10.0.0.0/0", address, true),
        ("255.1", address, true),
        ("10.255.255.1", "http://10.16776961/", false),
        ("10.0.0.0/8", "http://0x0affff01/", false),
        ("fe80::1", "http://[fe80::1%25lo]/", false),
        ("fd00::1", six, false),
        ("[fd00::1]", six, true),
        ("fe00::/8", six, true),
        ("fd00::/129", six, true),
    ]
    .map(|(entries, url, uses)| (list(entries), url, uses))
    .into();
    hold(&cases);
}

#[test]
fn a_socks_proxy_of_the_environment_is_bad_usage() {
    let mut command = command(&["-s", "1x1", "http://127.0.0.1:1/"]);
    command.env("all_proxy", "socks5://u:secret@p:1");
    let why = "socks5:// is SOCKS; takes an http:// or https:// proxy";
    run_command(command, &[0; 3]).fails(2, &format!("all_proxy: {why}"));
}
