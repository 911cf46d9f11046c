//! `--form` into a part of the form, by curl's rules for a value (curl 8, src/tool_formparse.c).
//!
//! A value may stand in quotes, with `\"` and `\\` inside; without quotes, blanks round it are dropped. Unlike in
//! curl, a vertical tab is no blank, and a `;` does not end a text: only the settings of `@-` are split at it. curl
//! warns about text behind a closing quote and drops it; here it is an error. No error repeats a value: it may be a
//! secret.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};

use crate::files;
use crate::messages::foreign;
use crate::request::template::Template;
use crate::request::{Part, is_token};

/// The settings of a part in curl: those that begin so are no parameters of a media type.
const SETTINGS: [&str; 4] = ["filename", "type", "headers", "encoder"];

/// `NAME=VALUE`, `NAME=<FILE` or `NAME=@-…`.
pub fn parse_form(field: &OsStr) -> Result<Part> {
    let (name, value) = split_field(field)?;
    let value = match value.split_first() {
        // In `-F key=<FILE` without quotes the shell takes `<FILE` for itself, and no key would go out.
        None => {
            let name = foreign(&String::from_utf8_lossy(name));
            bail!(
                "{name} is empty; if a file was meant, the shell took '<FILE' for itself: write '{name}=<FILE' \
                 in quotes; --form-string may be empty"
            );
        }
        Some((b'<', file)) => text_of(name, &whole_value(file)?)?,
        Some((b'@', after)) => return parse_image_part(name, after),
        _ => Template::with_number(&whole_value(value)?)
            .map_err(|why| anyhow!("the value {why}; --form-string takes text as it is"))?,
    };
    Ok(Part::field(name, value))
}

/// `NAME=VALUE`, taken literally.
pub fn parse_form_string(field: &OsStr) -> Result<Part> {
    let (name, value) = split_field(field)?;
    Ok(Part::field(name, Template::literal(value)))
}

fn split_field(field: &OsStr) -> Result<(&[u8], &[u8])> {
    let field = field.as_bytes();
    match field.iter().position(|&byte| byte == b'=') {
        Some(0) => bail!("takes NAME=VALUE; the name is empty"),
        Some(end) => Ok((&field[..end], &field[end + 1..])),
        None => bail!("takes NAME=VALUE; there is no '='"),
    }
}

/// The text of a file. It is no template: its author may not know of templates, and a secret may look like one.
fn text_of(name: &[u8], file: &[u8]) -> Result<Template> {
    let placeholder = format!("{}=<FILE", foreign(&String::from_utf8_lossy(name)));
    files::read(&placeholder, Path::new(OsStr::from_bytes(file)), |text| {
        anyhow::Ok(Template::literal(files::without_line_end(text)))
    })
}

/// A value that is all of the text.
fn whole_value(text: &[u8]) -> Result<Vec<u8>> {
    let text = text.trim_ascii_start();
    let Some((value, rest)) = quoted(text) else { return Ok(text.trim_ascii_end().to_vec()) };
    ensure!(
        rest.trim_ascii_start().is_empty(),
        "NAME=\"VALUE\" has text behind the closing quote; \
         --form-string takes a value with its quotes"
    );
    Ok(value)
}

/// `-[;filename=F][;type=T]`. It always has a file name: Flask and FastAPI take a part without one for text.
fn parse_image_part(name: &[u8], text: &[u8]) -> Result<Part> {
    let (file, mut rest) = value(text)?;
    ensure!(
        file == b"-",
        "NAME=@ takes only @-, the frame: images come on standard input, < FILE; a field takes its text from a file \
         by 'NAME=<FILE', and text that begins with @ by --form-string"
    );
    let (mut file_name, mut media_type) = (b"image.png".to_vec(), "image/png".to_owned());
    while let Some(setting) = rest.strip_prefix(b";").map(<[u8]>::trim_ascii_start) {
        if let Some(text) = setting_of("filename", setting) {
            (file_name, rest) = value(text)?;
            ensure!(!file_name.is_empty(), "NAME=@-: the file name is empty");
        } else if let Some(text) = setting_of("type", setting) {
            let given;
            (given, rest) = value_with_parameters(text)?;
            media_type = parse_media_type(given)?;
        } else {
            ensure!(setting.is_empty(), "NAME=@- takes ;filename=F and ;type=T, nothing else");
            rest = setting;
        }
    }
    Part::image(name, &file_name, &media_type).map_err(|why| anyhow!("NAME=@-;filename= {why}"))
}

/// The text behind `name=`, in any case of letters.
fn setting_of<'a>(name: &str, setting: &'a [u8]) -> Option<&'a [u8]> {
    let (head, text) = setting.split_at_checked(name.len())?;
    text.strip_prefix(b"=").filter(|_| head.eq_ignore_ascii_case(name.as_bytes()))
}

/// A value up to the next `;` or the end, and the rest, which begins there.
fn value(text: &[u8]) -> Result<(Vec<u8>, &[u8])> {
    let text = text.trim_ascii_start();
    let Some((value, rest)) = quoted(text) else {
        ensure!(text.first() != Some(&b'"'), "NAME=@-: a quote is not closed");
        let (value, rest) = text.split_at(end_of_setting(text));
        return Ok((value.trim_ascii_end().to_vec(), rest));
    };
    let rest = rest.trim_ascii_start();
    ensure!(matches!(rest.first(), None | Some(b';')), "NAME=@-: text after a closing quote");
    Ok((value, rest))
}

/// A value with the parameters that follow it, as in `text/plain; charset=utf-8`.
fn value_with_parameters(text: &[u8]) -> Result<(Vec<u8>, &[u8])> {
    let (mut media_type, mut rest) = value(text)?;
    while let Some(setting) = rest.strip_prefix(b";") {
        let parameter = setting.trim_ascii_start();
        let is_setting = SETTINGS.iter().any(|name| setting_of(name, parameter).is_some());
        if is_setting || parameter.is_empty() {
            break;
        }
        let (parameter, after) = rest.split_at(1 + end_of_setting(setting));
        media_type.extend_from_slice(parameter.trim_ascii_end());
        rest = after;
    }
    Ok((media_type, rest))
}

fn end_of_setting(text: &[u8]) -> usize {
    memchr::memchr(b';', text).unwrap_or(text.len())
}

/// The text in quotes, and the text behind them. `None`: it does not begin with a quote that is closed.
fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut value = Vec::new();
    while let [first, after @ ..] = rest {
        let byte;
        (byte, rest) = match (first, after) {
            (b'"', after) => return Some((value, after)),
            (b'\\', [escaped @ (b'"' | b'\\'), after @ ..]) => (escaped, after),
            unescaped => unescaped,
        };
        value.push(*byte);
    }
    None
}

fn parse_media_type(value: Vec<u8>) -> Result<String> {
    let bad = || anyhow!("NAME=@-;type= takes a media type, such as image/png");
    let text = String::from_utf8(value).map_err(|_| bad())?;
    let (kind, subtype) = text.split(';').next().and_then(|t| t.split_once('/')).ok_or_else(bad)?;
    let visible = text.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    ensure!(visible && is_token(kind) && is_token(subtype.trim_end()), bad());
    Ok(text)
}
