//! A frame's record, for `--ndjson`: always one JSON object on one line.
//!
//! The names and meanings of its members are a contract, told in the manual: we never rename one or give it
//! another meaning. A string holds the body byte for byte: nothing is folded or dropped.

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::report::Report;
use crate::memory;

/// Legal unescaped inside a JSON string, but Python's splitlines splits at them. We escape them, so that a
/// record is one line there, too.
const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The record with its line end. `behind`: the time since the frame's last byte was read, if it is known.
pub fn line(report: &Report, behind: Option<Duration>) -> io::Result<Vec<u8>> {
    let Report { frame, attempts, response, .. } = report;
    let result = response.as_ref().ok_or(report.failure.as_deref().unwrap_or_default());
    let status = result.map_or("null".to_owned(), |response| response.status.to_string());
    let seconds = report.elapsed.as_secs_f64();
    let behind = behind.map_or("null".to_owned(), |behind| format!("{:.6}", behind.as_secs_f64()));
    let mut line = Vec::new();
    let content = result.map(|response| (&response.body, str::from_utf8(&response.body)));
    let most = match content {
        Ok((_, Ok(text))) => most_bytes(text),
        Ok((bytes, Err(_))) => bytes.len().div_ceil(3) * 4,
        Err(error) => most_bytes(error),
    };
    memory::reserve(&mut line, most + 128)?;
    line.extend_from_slice(
        format!(
            "{{\"frame\":{frame},\"status\":{status},\"attempts\":{attempts},\"seconds\":{seconds:.6},\
             \"behind\":{behind},"
        )
        .as_bytes(),
    );
    match content {
        Ok((_, Ok(text))) => member("body", text, &mut line)?,
        Ok((bytes, Err(_))) => {
            line.extend_from_slice(b"\"body_b64\":\"");
            let start = line.len();
            line.resize(start + bytes.len().div_ceil(3) * 4, 0);
            STANDARD.encode_slice(bytes, &mut line[start..]).map_err(io::Error::other)?;
            line.push(b'"');
        }
        Err(error) => member("error", error, &mut line)?,
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

/// An upper bound of a text's bytes as a JSON string: each character as it is, or as `\u0000`.
fn most_bytes(text: &str) -> usize {
    let is_escaped = |c: char| c < ' ' || matches!(c, '"' | '\\') || LINE_ENDS.contains(&c);
    text.len() + 5 * text.chars().filter(|&c| is_escaped(c)).count() + 2
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

    /// Or it would have to grow, without asking whether there is memory.
    #[test]
    fn the_room_for_a_line_is_made_at_once() {
        let capacity = |result: Result<&[u8], &str>| line_of(result).capacity();
        for (character, most) in
            [("a", 1), (" ", 1), ("\x1f", 6), ("\"", 6), ("\\", 6), ("\u{2028}", 8)]
        {
            let text = character.repeat(1000);
            assert_eq!(capacity(Ok(text.as_bytes())), 1000 * most + 2 + 128, "{character:?}");
            assert_eq!(capacity(Err(&text)), 1000 * most + 2 + 128, "{character:?}");
        }
        assert_eq!(capacity(Ok(&[0xff; 1000])), 1336 + 128);
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
