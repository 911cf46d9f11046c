//! The end of a response's body in the stream: by its length, by chunks, or with the stream (RFC 9112, 6.3 and 7.1).
//!
//! Pure: bytes come in as they are received, in pieces of any size, and those of the body come out. As to curl, a line
//! may end without its CR.

use std::io;

use super::reply::{self, Head, MAX_ALL_HEADER_BYTES, malformed};

/// What comes next in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The last bytes of the body, this many.
    Last(usize),
    /// The body, to the end of the stream.
    Stream,
    /// A line with a chunk's size. What stands behind a `;` is passed over.
    Size,
    /// This many bytes of a chunk, and the line end behind it.
    Chunk(usize),
    /// A line behind the last chunk, and the bytes of those before it: it is passed over, but the empty one is the end.
    Trailer(usize),
}

impl Framing {
    pub fn of(head: &Head) -> Framing {
        match head.length {
            _ if !head.has_body() => Framing::Last(0),
            _ if head.is_chunked => Framing::Size,
            Some(length) => Framing::Last(length),
            None => Framing::Stream,
        }
    }

    pub fn is_whole(self) -> bool {
        self == Framing::Last(0)
    }

    /// Appends to `body` what `bytes` hold of it. Returns the number of bytes that are done with; behind them a line
    /// begins that is not whole, or what comes after the body.
    pub fn read(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() && !self.is_whole() {
            let rest = &bytes[done..];
            let of_body = match self {
                Framing::Stream => rest.len(),
                Framing::Last(left) | Framing::Chunk(left @ 1..) => {
                    let count = rest.len().min(*left);
                    *left -= count;
                    count
                }
                Framing::Size | Framing::Chunk(0) | Framing::Trailer(_) => {
                    let Some(end) = memchr::memchr(b'\n', rest) else { break };
                    let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
                    *self = self.behind(line)?;
                    done += end + 1;
                    continue;
                }
            };
            reply::make_room(body, of_body)?;
            body.extend_from_slice(&rest[..of_body]);
            done += of_body;
        }
        Ok(done)
    }

    /// What comes behind this line.
    fn behind(self, line: &[u8]) -> io::Result<Framing> {
        match self {
            Framing::Size => match size(line)? {
                0 => Ok(Framing::Trailer(0)),
                size => Ok(Framing::Chunk(size)),
            },
            Framing::Trailer(_) if line.is_empty() => Ok(Framing::Last(0)),
            Framing::Trailer(before) => {
                reply::check_headers(before + line.len(), MAX_ALL_HEADER_BYTES)?;
                Ok(Framing::Trailer(before + line.len()))
            }
            _ if line.is_empty() => Ok(Framing::Size),
            _ => Err(malformed("a chunk is longer than its size")),
        }
    }
}

fn size(line: &[u8]) -> io::Result<usize> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, rest) = line.split_at(digits);
    let size = str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
    match (size, rest.trim_ascii_start()) {
        (Some(size), [] | [b';', ..]) => Ok(size),
        _ => Err(malformed("a chunk's size")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::MAX_RESPONSE_BYTES;
    use super::*;

    /// The body in these bytes, which come in pieces of this size, and the bytes behind it; or what is wrong.
    fn read(mut framing: Framing, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, usize), String> {
        let (mut body, mut done, mut come) = (Vec::new(), 0, 0);
        while come < bytes.len() {
            come = (come + piece).min(bytes.len());
            let read = framing.read(&bytes[done..come], &mut body);
            done += read.map_err(|error| error.to_string())?;
        }
        if !framing.is_whole() && framing != Framing::Stream {
            return Err(format!("cut: {framing:?}"));
        }
        Ok((body, bytes.len() - done))
    }

    #[test]
    fn a_body_ends_where_it_says_however_its_bytes_come() {
        let long = format!("4;{}\r\ngood\r\n0\r\n\r\n", "x".repeat(10_000));
        for (framing, bytes, behind) in [
            (Framing::Last(4), "good", 0),
            (Framing::Last(4), "good and more", 9),
            (Framing::Stream, "good", 0),
            (Framing::Size, "4\r\ngood\r\n0\r\n\r\n", 0),
            (Framing::Size, "3;a=b\r\ngoo\r\n01\r\nd\r\n0\r\nX: y\r\nZ\r\n\r\nmore", 4),
            (Framing::Size, "4 \ngood\n000 ;x\n\n", 0),
            (Framing::Size, "4;name=\"a; longer value\";b\r\ngood\r\n0;\"x;y\"\r\n\r\n", 0),
            (Framing::Size, &long, 0),
        ] {
            for piece in [1, 2, 3, 5, bytes.len()] {
                let good = (b"good".to_vec(), behind);
                assert_eq!(read(framing, bytes.as_bytes(), piece), Ok(good), "{piece}: {bytes}");
            }
        }
        assert_eq!(read(Framing::Last(0), b"", 1), Ok((vec![], 0)));
        assert_eq!(read(Framing::Size, b"0\r\n\r\n", 5), Ok((vec![], 0)));
    }

    #[test]
    fn a_body_that_is_cut_is_not_whole() {
        let chunked = b"2;x\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n";
        for end in 0..chunked.len() {
            assert!(read(Framing::Size, &chunked[..end], 3).unwrap_err().starts_with("cut: "));
        }
        assert!(read(Framing::Last(4), b"goo", 1).is_err());
    }

    #[test]
    fn a_chunk_that_is_not_as_it_says_is_malformed() {
        let size = "malformed response: a chunk's size";
        let longer = "malformed response: a chunk is longer than its size";
        for (bytes, cause) in [
            ("\r\n", size),
            ("+2\r\n", size),
            (" 2\r\n", size),
            ("x\r\n", size),
            ("2x\r\n", size),
            ("2 2\r\n", size),
            ("0x2\r\n", size),
            ("-2\r\n", size),
            ("10000000000000000\r\n", size),
            ("2\r\nabc\r\n", longer),
            ("2\r\nab\r\r\n", longer),
            ("\u{e9}\r\n", size),
        ] {
            assert_eq!(read(Framing::Size, bytes.as_bytes(), 2), Err(cause.to_owned()), "{bytes}");
        }
    }

    #[test]
    fn a_body_may_be_as_long_as_the_limit() {
        let over = Err("response over the limit of 64 MiB".to_owned());
        for (more, is_over) in [(0, false), (1, true)] {
            let bytes = vec![0; MAX_RESPONSE_BYTES + more];
            let framing =
                [Framing::Stream, Framing::Chunk(bytes.len()), Framing::Last(bytes.len())];
            for mut framing in framing {
                let mut body = Vec::new();
                let read = framing.read(&bytes, &mut body).map_err(|error| error.to_string());
                assert_eq!(read, if is_over { over.clone() } else { Ok(bytes.len()) });
            }
        }
    }
}
