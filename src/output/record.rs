//! A frame's record, for `--ndjson`: always one JSON object on one line.
//!
//! The names and meanings of its members are a contract, told in the manual: we never rename one or give it
//! another meaning. A string holds the body byte for byte: nothing is folded or dropped. What JSON allows in it and still
//! steers a terminal, or ends a line for some reader, is escaped.

use std::io::{self, Write};
use std::time::Duration;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::report::Report;
use crate::memory;
use crate::messages::steers;

/// The record with its line end. `behind`: the time since the frame's last byte was read, if it is known.
pub fn line(report: &Report, behind: Option<Duration>) -> io::Result<Vec<u8>> {
    let Report { frame, attempts, body, .. } = report;
    let status = report.status.map_or("null".to_owned(), |status| status.to_string());
    let seconds = report.elapsed.as_secs_f64();
    let behind = behind.map_or("null".to_owned(), |behind| format!("{:.6}", behind.as_secs_f64()));
    let mut line = Vec::new();
    // Room for base64, or for a text that needs few escapes.
    let bytes = body.as_ref().map_or(0, Vec::len);
    memory::reserve(&mut line, bytes.div_ceil(3) * 4 + 256)?;
    write!(
        line,
        "{{\"frame\":{frame},\"status\":{status},\"attempts\":{attempts},\"seconds\":{seconds:.6},\
         \"behind\":{behind},"
    )?;
    match body.as_ref().map(|body| (body, str::from_utf8(body))) {
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
    Ok(serde_json::to_writer(Escaping(line), text)?)
}

/// Between JSON and its record: escapes what JSON leaves as it is. It comes in whole characters.
struct Escaping<'a>(&'a mut Vec<u8>);

impl Write for Escaping<'_> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let text = str::from_utf8(json).map_err(io::Error::other)?;
        for piece in text.split_inclusive(steers) {
            let before = piece.trim_end_matches(steers);
            self.0.extend_from_slice(before.as_bytes());
            let mut behind = piece[before.len()..].chars();
            behind.try_for_each(|c| write!(self.0, "\\u{:04x}", u32::from(c)))?;
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELAPSED: Duration = Duration::from_micros(12_345);
    const BEHIND: Duration = Duration::from_micros(34_567);

    /// With a body, or an error in its place.
    fn record(status: Option<u16>, result: Result<&[u8], &str>) -> String {
        let report = Report {
            frame: 7,
            attempts: 2,
            elapsed: ELAPSED,
            status,
            body: result.ok().map(<[u8]>::to_vec),
            failure: result.err().map(str::to_owned),
            ..Report::default()
        };
        String::from_utf8(line(&report, Some(BEHIND)).unwrap()).unwrap()
    }

    fn record_of(body: &[u8]) -> String {
        record(Some(404), Ok(body))
    }

    #[test]
    fn members_stand_in_their_order_and_the_body_is_kept() {
        let head =
            "{\"frame\":7,\"status\":404,\"attempts\":2,\"seconds\":0.012345,\"behind\":0.034567,";
        assert_eq!(record_of(b""), format!("{head}\"body\":\"\"}}\n"));
        let body = "{\"a\": \"\\ud800\"}\r\n\0\x1b\x7f\u{feff}";
        let text = "{\\\"a\\\": \\\"\\\\ud800\\\"}\\r\\n\\u0000\\u001b\\u007f\\ufeff";
        assert_eq!(record_of(body.as_bytes()), format!("{head}\"body\":\"{text}\"}}\n"));
        let body = "\u{2028}\u{2029}\"\n\u{85}\u{2027}\u{84}";
        let text = "\\u2028\\u2029\\\"\\n\\u0085\u{2027}\\u0084";
        assert_eq!(record_of(body.as_bytes()), format!("{head}\"body\":\"{text}\"}}\n"));
        assert_eq!(record_of(b"\xff\0"), format!("{head}\"body_b64\":\"/wA=\"}}\n"));
    }

    #[test]
    fn without_a_body_there_is_an_error() {
        for (status, told) in [(None, "null"), (Some(404), "404")] {
            let expected = format!(
                "{{\"frame\":7,\"status\":{told},\"attempts\":2,\"seconds\":0.012345,\
                 \"behind\":0.034567,\"error\":\"\\\"no\\\"\"}}\n"
            );
            assert_eq!(record(status, Err("\"no\"")), expected);
        }
    }
}
