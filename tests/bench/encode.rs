//! encode: the png crate alone, on as many threads as wanted, with the settings of `src/encode/mod.rs`.
//!
//!     encode WxH LEVEL THREADS FRAMES
//!
//! FRAMES is a file of rgb24 frames. All are in memory before the clock starts; each is encoded once, by
//! whichever thread is free. Prints the seconds, those that the threads were on a core, and the bytes of all
//! PNGs. So what pngpost adds to encoding can be told from encoding.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [size, level, threads, path] = &arguments[..] else {
        anyhow::bail!("takes WxH LEVEL THREADS FRAMES");
    };
    let (width, height) = size.split_once('x').context("takes WxH")?;
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let level = compression(level)?;
    let threads: usize = threads.parse()?;
    let pixels = std::fs::read(path).context("read the frames")?;
    let frame_bytes = width as usize * height as usize * 3;
    ensure!(pixels.len().is_multiple_of(frame_bytes), "the file ends inside a frame");
    let frames: Vec<&[u8]> = pixels.chunks_exact(frame_bytes).collect();

    let next = AtomicUsize::new(0);
    let work = || -> Result<(u64, usize)> {
        let (on_core, mut bytes) = (nanoseconds_on_core()?, 0);
        while let Some(frame) = frames.get(next.fetch_add(1, Ordering::Relaxed)) {
            bytes += encoded(width, height, level, frame)?.len();
        }
        Ok((nanoseconds_on_core()? - on_core, bytes))
    };
    let begin = Instant::now();
    let (mut on_core, mut bytes) = (0, 0);
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let of_worker = worker.join().expect("no panic")?;
            on_core += of_worker.0;
            bytes += of_worker.1;
        }
        Ok(())
    })?;
    println!("{} {} {bytes}", begin.elapsed().as_secs_f64(), on_core as f64 / 1e9);
    Ok(())
}

/// How long this thread has run: the first number of what Linux tells of it. It is up to date whenever the
/// thread comes back to a core.
fn nanoseconds_on_core() -> Result<u64> {
    thread::sleep(Duration::from_micros(1));
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn compression(level: &str) -> Result<png::Compression> {
    Ok(match level {
        "none" => png::Compression::NoCompression,
        "fastest" => png::Compression::Fastest,
        "fast" => png::Compression::Fast,
        "balanced" => png::Compression::Balanced,
        "high" => png::Compression::High,
        _ => anyhow::bail!("takes none, fastest, fast, balanced or high"),
    })
}

fn encoded(width: u32, height: u32, level: png::Compression, frame: &[u8]) -> Result<Vec<u8>> {
    let mut png = Vec::with_capacity(frame.len() + frame.len() / 1000 + height as usize + 1024);
    let mut encoder = png::Encoder::new(&mut png, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(level);
    encoder.validate_sequence(true);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(frame)?;
    writer.finish()?;
    Ok(png)
}
