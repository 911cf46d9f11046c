//! A response into one line. It holds the response body byte for byte, except line ends, which a line can't
//! hold.

use std::io;

use crate::memory;

/// The response body as one line, with its line end.
///
/// Trailing line ends are dropped; each inner run of CR and LF, with the blanks after it, becomes one
/// space. A raw line end cannot stand inside a JSON string (RFC 8259, section 7), so JSON keeps its value.
pub fn from_body(mut body: Vec<u8>) -> io::Result<Vec<u8>> {
    let is_line_end = |byte: u8| byte == b'\r' || byte == b'\n';
    let end = body.iter().rposition(|&byte| !is_line_end(byte)).map_or(0, |last| last + 1);
    body.truncate(end);
    if let Some(first) = memchr::memchr2(b'\r', b'\n', &body) {
        fold(&mut body, first);
    }
    // A push would double a body that fills its allocation.
    memory::reserve(&mut body, 1)?;
    body.push(b'\n');
    Ok(body)
}

/// Folds `body` in place, beginning at its first line end, `first`.
fn fold(body: &mut Vec<u8>, first: usize) {
    let (mut to, mut from) = (first, first);
    while from < body.len() {
        let run = &body[from..];
        let ends = run.iter().take_while(|&&byte| byte == b'\r' || byte == b'\n').count();
        let blanks = run[ends..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
        body[to] = b' ';
        to += 1;
        from += ends + blanks;
        let next = memchr::memchr2(b'\r', b'\n', &body[from..]).map_or(body.len(), |n| from + n);
        body.copy_within(from..next, to);
        to += next - from;
        from = next;
    }
    body.truncate(to);
}

#[cfg(test)]
mod tests {
    use super::from_body;

    #[test]
    fn a_body_becomes_one_line() {
        let cases: [(&[u8], &[u8]); 12] = [
            (b"", b"\n"),
            (b"cat", b"cat\n"),
            (b"cat\n", b"cat\n"),
            (b"cat\r\n\r\n", b"cat\n"),
            (b"\n", b"\n"),
            (b"{\n  \"a\": 1\n}\n", b"{ \"a\": 1 }\n"),
            (b"a\r\n\t b", b"a b\n"),
            (b"a \n b", b"a  b\n"),
            (b"\nb", b" b\n"),
            (b"a\n ", b"a \n"),
            (b"a\n\r\n\nb\rc", b"a b c\n"),
            (b"\0\xff\x0b\xc2\x85", b"\0\xff\x0b\xc2\x85\n"),
        ];
        for (body, line) in cases {
            assert_eq!(from_body(body.to_vec()).unwrap(), line, "{}", body.escape_ascii());
        }
    }
}
