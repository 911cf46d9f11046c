//! bare: the simplest filter over an HTTP crate: a frame in, its form posted, the answer out as a line.
//!
//!     bare URL [FRAMES]
//!
//! Reads 64x64 rgb24 frames and posts the bodies that pngpost sends, one after the other, on one thread and one
//! connection of ureq's. With FRAMES, a file of such frames, the bodies are made of those before the first one is read,
//! so that there is nothing left to encode. So what pngpost adds to a request can be told from the request.

use std::io::{ErrorKind, Read, Write};

use anyhow::{Context, Result};

const BOUNDARY: &str = "pngpost-0123456789abcdef0123456789abcdef";
const SIDE: u32 = 64;
const FRAME_BYTES: usize = (SIDE * SIDE * 3) as usize;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("takes URL [FRAMES]")?;
    let ready = arguments.next().map(|path| bodies(&path)).transpose()?.unwrap_or_default();
    let agent = ureq::Agent::new_with_defaults();
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut frame = vec![0; FRAME_BYTES];
    let mut next = ready.iter().cycle();
    loop {
        match stdin.read_exact(&mut frame) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
        let mut line = match next.next() {
            Some(body) => post(&agent, &url, body)?,
            None => post(&agent, &url, &body(&frame)?)?,
        };
        line.push(b'\n');
        stdout.write_all(&line)?;
        stdout.flush()?;
    }
}

fn bodies(path: &str) -> Result<Vec<Vec<u8>>> {
    let pixels = std::fs::read(path).context("read the frames")?;
    pixels.chunks_exact(FRAME_BYTES).map(body).collect()
}

fn post(agent: &ureq::Agent, url: &str, body: &[u8]) -> Result<Vec<u8>> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let answer = agent.post(url).header("Content-Type", content_type).send(body)?;
    let mut text = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut text)?;
    Ok(text)
}

fn body(frame: &[u8]) -> Result<Vec<u8>> {
    let mut body = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\ndemo\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    let mut encoder = png::Encoder::new(&mut body, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(frame)?;
    writer.finish()?;
    body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    Ok(body)
}
