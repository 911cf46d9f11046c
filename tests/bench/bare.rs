//! bare: the two HTTP crates alone, as fast as they post a form that is ready.
//!
//!     bare minreq|ureq URL COUNT FRAMES
//!
//! FRAMES is a file of 64x64 rgb24 frames; their bodies are made before the first request, and are what
//! pngpost sends. Prints the time of each request in microseconds, from its first byte to the
//! answer's last. So what pngpost adds to a request can be told from the request.

use std::io::Read;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

const BOUNDARY: &str = "pngpost-0123456789abcdef0123456789abcdef";
const SIDE: u32 = 64;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [engine, url, count, path] = &arguments[..] else {
        bail!("takes minreq|ureq URL COUNT FRAMES");
    };
    let pixels = std::fs::read(path).context("read the frames")?;
    let frames = pixels.chunks_exact((SIDE * SIDE * 3) as usize);
    let bodies = frames.map(body).collect::<Result<Vec<_>>>()?;
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let requests = bodies.iter().cycle().take(count.parse()?);
    match engine.as_str() {
        "minreq" => time_each(requests, |body| minreq(url, &content_type, body)),
        "ureq" => {
            let agent = ureq::Agent::new_with_defaults();
            time_each(requests, |body| ureq(&agent, url, &content_type, body))
        }
        _ => bail!("takes minreq or ureq"),
    }
}

fn time_each<'a>(
    bodies: impl Iterator<Item = &'a Vec<u8>>,
    post: impl Fn(&[u8]) -> Result<Vec<u8>>,
) -> Result<()> {
    for body in bodies {
        let begin = Instant::now();
        let answer = post(body)?;
        println!("{:.1}", begin.elapsed().as_secs_f64() * 1e6);
        ensure!(!answer.is_empty(), "an empty answer");
    }
    Ok(())
}

/// A connection for each request, as minreq has it.
fn minreq(url: &str, content_type: &str, body: &[u8]) -> Result<Vec<u8>> {
    let answer = minreq::post(url)
        .with_header("Content-Type", content_type)
        .with_header("Connection", "close")
        .with_body(body)
        .send()?;
    ensure!(answer.status_code == 200, "status {}", answer.status_code);
    Ok(answer.into_bytes())
}

/// On the agent's one connection.
fn ureq(agent: &ureq::Agent, url: &str, content_type: &str, body: &[u8]) -> Result<Vec<u8>> {
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
