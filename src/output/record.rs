//! A frame's record, for `--ndjson`: always one JSON object on one line.
//!
//! The names and meanings of its members are a contract, told in the manual: we never rename one or give it
//! another meaning. A string holds the body byte for byte: nothing is folded or dropped.

use std::io::{self, Write};
use std::time::Duration;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::report::Report;
use crate::memory;

/// Legal unescaped inside a JSON string, but Python's splitlines splits at them. We escape them, so that a
/// record is one line there, too.
const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The record with its line end. `behind`: the time since the frame's last byte was read, if it is known.
pub fn line(report: &Report, behind: Option<Duration>) -> io::Result<Vec<u8>> {
    let Report { frame, attempts, response, .. } = report;
    let status = response.as_ref().map_or("null".to_owned(), |it| it.status.to_string());
    let seconds = report.elapsed.as_secs_f64();
    let behind = behind.map_or("null".to_owned(), |behind| format!("{:.6}", behind.as_secs_f64()));
    let mut line = Vec::new();
    // Room for base64, or for a text that needs few escapes.
    let bytes = response.as_ref().map_or(0, |response| response.body.len());
    memory::reserve(&mut line, bytes.div_ceil(3) * 4 + 256)?;
    write!(
        line,
        "{{\"frame\":{frame},\"status\":{status},\"attempts\":{attempts},\"seconds\":{seconds:.6},\
         \"behind\":{behind},"
    )?;
    match response.as_ref().map(|response| (&response.body, str::from_utf8(&response.body))) {
        None => member("error", report.failure.as_deref().unwrap_or_default(), &mut line)?,
        Some((_, Ok(text))) => member("body", text, &mut line)?,
        Some((bytes, Err(_))) => {
            write!(line, "\"body_b64\":\"{}\"", Base64Display::new(bytes, &STANDARD))?;
        }
    }
    line.extend_from_slice(b"}\n");
    Ok(line)
}

fn member(name: &str, text: &str, line: &mut Vec<u8>) -> io::Result<()> {
    write!(line, "\"{name}\":")?;
    if !text.contains(LINE_ENDS) {
        return Ok(serde_json::to_writer(line, text)?);
    }
    for piece in serde_json::to_string(text)?.split_inclusive(LINE_ENDS) {
        let before = piece.trim_end_matches(LINE_ENDS);
        line.extend_from_slice(before.as_bytes());
        piece[before.len()..].chars().try_for_each(|c| write!(line, "\\u{:04x}", u32::from(c)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Response;

    const ELAPSED: Duration = Duration::from_micros(12_345);
    const BEHIND: Duration = Duration::from_micros(34_567);

    fn line_of(result: Result<&[u8], &str>) -> Vec<u8> {
        let response = |body: &[u8]| Response {
            status: 404,
            location: None,
            retry_after: None,
            body: body.to_vec(),
        };
        let (response, failure) = (result.ok().map(response), result.err().map(str::to_owned));
        let report = Report {
            frame: 7,
            attempts: 2,
            elapsed: ELAPSED,
            response,
            failure,
            ..Report::default()
        };
        line(&report, Some(BEHIND)).unwrap()
    }

    fn record(result: Result<&[u8], &str>) -> String {
        String::from_utf8(line_of(result)).unwrap()
    }

    #[test]
    fn members_stand_in_their_order_and_the_body_is_kept() {
        let head =
            "{\"frame\":7,\"status\":404,\"attempts\":2,\"seconds\":0.012345,\"behind\":0.034567,";
        assert_eq!(record(Ok(b"")), format!("{head}\"body\":\"\"}}\n"));
        let body = "{\"a\": \"\\ud800\"}\r\n\0\x1b\x7f\u{feff}";
        let text = "{\\\"a\\\": \\\"\\\\ud800\\\"}\\r\\n\\u0000\\u001b\x7f\u{feff}";
        assert_eq!(record(Ok(body.as_bytes())), format!("{head}\"body\":\"{text}\"}}\n"));
        let body = "\u{2028}\u{2029}\"\n\u{85}\u{2027}\u{84}";
        let text = "\\u2028\\u2029\\\"\\n\\u0085\u{2027}\u{84}";
        assert_eq!(record(Ok(body.as_bytes())), format!("{head}\"body\":\"{text}\"}}\n"));
        assert_eq!(record(Ok(b"\xff\0")), format!("{head}\"body_b64\":\"/wA=\"}}\n"));
    }

    #[test]
    fn without_a_response_there_is_an_error() {
        let expected =
            "{\"frame\":7,\"status\":null,\"attempts\":2,\"seconds\":0.012345,\"behind\":0.034567,";
        assert_eq!(record(Err("\"no\"")), format!("{expected}\"error\":\"\\\"no\\\"\"}}\n"));
    }
}
