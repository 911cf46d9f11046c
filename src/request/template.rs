//! Text in which each `{{…}}` stands for a value of the frame: `{{n}}` its number, `{{n:06}}` the number with
//! zeros in front up to that width, `{{png:b64}}` its PNG in base64. A body is such a text, too.
//!
//! We cut a template into pieces once, before the first frame. A `{{` that we don't know is an error then,
//! and never goes out with its braces. Errors do not repeat the text.

/// The digits of the longest number, 2^64-1.
pub const MAX_WIDTH: usize = 20;

#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    Text(Vec<u8>),
    /// The frame's number, in at least this many digits.
    Number(usize),
    /// The PNG. This and what follows stand in bodies alone.
    Png,
    /// The PNG in base64.
    Base64,
    /// The boundary of a form.
    Boundary,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pub pieces: Vec<Piece>,
}

impl Template {
    /// Literal text, even if it holds `{{`.
    pub fn literal(text: impl Into<Vec<u8>>) -> Self {
        Template::of(Piece::Text(text.into()))
    }

    pub fn of(piece: Piece) -> Self {
        Template { pieces: vec![piece] }
    }

    /// For text that takes the number. The error says what it takes.
    pub fn with_number(text: &[u8]) -> Result<Self, &'static str> {
        let unknown = "takes no {{…}} but {{n}} and {{n:06}}, the frame's number";
        cut(text, false).ok_or(unknown)
    }

    /// For text that takes the number and the image.
    pub fn with_image(text: &[u8]) -> Result<Self, &'static str> {
        let unknown = "takes no {{…}} but {{png:b64}}, {{n}} and {{n:06}}";
        cut(text, true).ok_or(unknown)
    }

    pub fn has_number(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Number(_)))
    }

    /// The text for this frame.
    pub fn fill(&self, frame: u64) -> Vec<u8> {
        let mut text = Vec::new();
        self.pieces.iter().for_each(|piece| piece.append(frame, &mut text));
        text
    }
}

impl Piece {
    /// Appends text and number; the caller appends the others.
    pub fn append(&self, frame: u64, out: &mut Vec<u8>) {
        match self {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Number(width) => out.extend_from_slice(format!("{frame:0width$}").as_bytes()),
            Piece::Png | Piece::Base64 | Piece::Boundary => {}
        }
    }
}

/// `None` if a `{{` is unknown or not closed.
fn cut(text: &[u8], has_image: bool) -> Option<Template> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = memchr::memmem::find(rest, b"{{") {
        let inside = &rest[start + 2..];
        let end = memchr::memmem::find(inside, b"}}")?;
        let piece = match &inside[..end] {
            b"png:b64" if has_image => Piece::Base64,
            name => Piece::Number(width(name)?),
        };
        if start > 0 {
            pieces.push(Piece::Text(rest[..start].to_vec()));
        }
        pieces.push(piece);
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_vec()));
    }
    Some(Template { pieces })
}

/// `n` or `n:0WIDTH`.
fn width(name: &[u8]) -> Option<usize> {
    if name == b"n" {
        return Some(1);
    }
    let digits =
        name.strip_prefix(b"n:0").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let width = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (1..=MAX_WIDTH).contains(&width).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, frame: u64) -> Option<String> {
        let template = Template::with_number(text.as_bytes()).ok()?;
        Some(String::from_utf8(template.fill(frame)).unwrap())
    }

    #[test]
    fn the_number_is_filled_in_with_zeros_in_front_where_asked() {
        assert_eq!(filled("a{{n}}b{{n:03}}c", 7).as_deref(), Some("a7b007c"));
        assert_eq!(filled("{{n:03}}", 12345).as_deref(), Some("12345"));
        assert_eq!(filled("{{n:020}}", u64::MAX).as_deref(), Some("18446744073709551615"));
        assert_eq!(filled("{a} {n} }} {", 7).as_deref(), Some("{a} {n} }} {"));
        assert_eq!(filled("", 7).as_deref(), Some(""));
    }

    #[test]
    fn what_is_unknown_or_not_closed_is_refused() {
        let unknown = [
            "{{}}",
            "{{N}}",
            "{{n:6}}",
            "{{n:0}}",
            "{{n:00}}",
            "{{n:021}}",
            "{{n:0x}}",
            "{{ n }}",
            "{{{n}}}",
            "{{n",
            "{{n}",
            "a{{",
            "{{png:b64}}",
            "{{n:099999999999999999999}}",
            "{{n:0+1}}",
        ];
        for text in unknown {
            assert_eq!(filled(text, 0), None, "{text}");
        }
        assert!(Template::with_image(b"{{png:b64}}").is_ok());
        assert!(Template::with_image(b"{{png}}").is_err());
    }

    #[test]
    fn literal_text_is_never_looked_into() {
        assert_eq!(Template::literal("{{n}}{{").fill(7), b"{{n}}{{");
    }
}
