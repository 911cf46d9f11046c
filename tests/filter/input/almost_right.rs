//! Streams that are almost right: netpbm, numpy and zune-png say what is in them. Where we differ on purpose, the
//! difference is named with its reason.

use std::path::Path;
use std::process::Command;

use crate::installed::needed;
use crate::support::almost_right::{Dice, Differences, Seen, judge_each};
use crate::support::folder::Folder;
use crate::support::foreign::{output_of, script};
use crate::support::images::{npy_of, png_of};
use crate::support::posted::{Posted, judged, post, zune_image};
use crate::support::{Image, noise};

/// The PNGs that the stream becomes, and the message without its frame.
fn ours(stream: &[u8]) -> Seen<Vec<u8>> {
    let Posted { run, pngs } = post(&[], stream);
    let error = match run.status {
        Some(0) => None,
        // 1: samples that no PNG has.
        Some(1 | 3) => Some(run.stderr.clone()),
        other => panic!("{other:?}: {}", run.stderr),
    };
    let lines = usize::from(error.is_some());
    assert_eq!(run.stderr.lines().count(), lines, "{}", run.stderr);
    Seen { items: pngs, error }
}

fn our_images(stream: &[u8]) -> Seen<Image> {
    let Seen { items, error } = ours(stream);
    Seen { items: items.iter().map(|png| judged(png)).collect(), error }
}

#[rustfmt::skip]
const PNM_WORDS: [&str; 17] = [
    " ", "\n", "\r", "\t", "\x0b", "\x0c", "#", "# c\n", "#\r", "P5", "P6 1 1 255 abc", "P7\n", "-", "+",
    "ENDHDR\n", "TUPLTYPE RGB\n", "DEPTH 1\n",
];

/// One to three images of PGM, PPM and PAM, and what mutations make of them.
fn pnm_stream(number: u64) -> Vec<u8> {
    let mut dice = Dice::new(number);
    let mut stream = Vec::new();
    for _ in 0..=dice.below(3) {
        let (width, height) = (1 + dice.below(4), 1 + dice.below(4));
        let maxval = dice.one_of(&[1, 100, 255, 256, 1000, 65535]);
        let depth = 1 + dice.below(4);
        let header = match (depth, dice.below(3)) {
            (1, 0) => format!("P5\n{width} {height}\n{maxval}\n"),
            (1, 1) => format!("P5 # c\n{width}\t{height} {maxval} "),
            (3, 0) => format!("P6\n{width} {height}\n{maxval}\n"),
            (3, 1) => format!("P6\r\n#\n{width}\n#\r{height} {maxval}\n"),
            _ => {
                let kind = ["GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"][depth - 1];
                let sizes = format!("WIDTH {width}\n# c\nHEIGHT {height}\nDEPTH {depth}");
                let end = dice.one_of(&["", "", " # c"]);
                format!("P7{end}\n{sizes}\nMAXVAL {maxval}\nTUPLTYPE {kind}\nENDHDR\n")
            }
        };
        stream.extend(header.bytes());
        for _ in 0..width * height * depth {
            let sample = dice.below(maxval + 1) as u16;
            stream.extend(&sample.to_be_bytes()[usize::from(maxval < 256)..]);
        }
    }
    dice.mutate(&mut stream, &PNM_WORDS);
    stream
}

/// What another reader makes of each stream: it finds them as files 0, 1, ... of the folder, and writes what it has read
/// of N into N.out, in one way of writing it, and into N.error why it has stopped.
fn theirs(folder: &Folder, streams: &[Vec<u8>], read: impl FnOnce()) -> Vec<Seen<Image>> {
    for (number, stream) in streams.iter().enumerate() {
        folder.file(&number.to_string(), stream);
    }
    read();
    let seen = |number| {
        let error = folder.read(&format!("{number}.error"));
        Seen {
            items: our_images(&folder.read(&format!("{number}.out"))).items,
            error: (!error.is_empty()).then(|| String::from_utf8_lossy(&error).into_owned()),
        }
    };
    (0..streams.len()).map(seen).collect()
}

/// A shell runs pamtopam for each of the files. It has no error where it succeeds.
const PAMTOPAM: &str = "ulimit -v 4000000; n=0; while [ -e $n ]; do \
     pamtopam <$n >$n.out 2>$n.error && : >$n.error; n=$((n+1)); done";

fn netpbm(streams: &[Vec<u8>], first: u64) -> Vec<Seen<Image>> {
    let folder = Folder::new(&format!("almost-right-{first}"));
    theirs(&folder, streams, || {
        output_of(Command::new("sh").args(["-c", PAMTOPAM]).current_dir(folder.path()), b"");
    })
}

#[test]
fn netpbm_reads_the_same_images_of_almost_right_pnm() {
    if needed("pamtopam").is_none() {
        return;
    }
    let differences = Differences {
        we_refuse: &[
            // PBM and plain text are not read: the message names the tool.
            "PBM is not read",
            "plain-text PGM and PPM are not read",
            // netpbm reads P564 as P5 and 64: in a stream that has lost its place, that would be chance.
            "no blank after the magic number of PNM",
            // Any byte that is no digit ends a number of netpbm's: 1x2 is 1 and 2.
            " is not a number",
            // netpbm passes over all that follows P7 on its line; pam(5) has nothing there.
            "no line end after the magic number of PAM",
            // To netpbm, whatever begins with TUPLTYPE is that field.
            "PAM header: TUPLTYPE",
            // A field that comes twice counts with netpbm as it stands last, and one of both is wrong.
            " is given twice",
            // To netpbm a line ends with a NUL.
            "PAM header: \\u{0}",
            "PAM header: ENDHDR\\u{0}",
            // PNG has to know what a channel means.
            "PAM header: no TUPLTYPE ",
            "PAM tuple type ",
            "PAM header: DEPTH is ",
        ],
        they_refuse: &[
            // A comment behind blanks: pam(5) leaves open whether its line begins with the #.
            "Unrecognized header line type: '#",
        ],
    };
    judge_each(pnm_stream, netpbm, |stream, theirs| {
        differences.judge(&our_images(stream), &theirs)
    });
}

#[rustfmt::skip]
const NPY_WORDS: [&str; 23] = [
    " ", "\n", "L", ",", "'", "\"", "(", ")", "}", "-", "0", "_", "True", "False", "<", ">", "f4",
    "#", "u", "B", "d", "\\x", "'shape': (1, 1), ",
];

/// One to three arrays, and what mutations make of them.
fn npy_stream(number: u64) -> Vec<u8> {
    let mut dice = Dice::new(number);
    let mut stream = Vec::new();
    for _ in 0..=dice.below(3) {
        let sides = [1 + dice.below(3), 1 + dice.below(3)];
        let (count, channels) = (1 + dice.below(3), 1 + dice.below(4));
        let (shape, total) = match dice.below(3) {
            0 => (format!("({}, {})", sides[0], sides[1]), 1),
            1 => (format!("({}, {}, {channels})", sides[0], sides[1]), channels),
            _ => {
                let shape = format!("({count}, {}, {}, {channels})", sides[0], sides[1]);
                (shape, count * channels)
            }
        };
        let dtype = dice.one_of(&["|u1", "<u2", ">u2", "<f4", ">f4", "<f8", ">f8", "uint8"]);
        let fortran_order = dice.one_of(&["False", "False", "False", "True"]);
        let header =
            format!("{{'descr': '{dtype}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}");
        let mut data = Vec::new();
        for _ in 0..sides[0] * sides[1] * total {
            let sample = dice.below(256);
            match dtype {
                "|u1" | "uint8" => data.push(sample as u8),
                "<u2" | ">u2" => data.extend((sample as u16 * 257).to_le_bytes()),
                "<f4" => data.extend((sample as f32 + 0.5).to_le_bytes()),
                ">f4" => data.extend((sample as f32 + 0.5).to_be_bytes()),
                "<f8" => data.extend((sample as f64 - 0.5).to_le_bytes()),
                _ => data.extend((sample as f64 - 0.5).to_be_bytes()),
            }
        }
        stream.extend(npy_of(dice.one_of(&[1, 2, 3]), &header, &data));
    }
    dice.mutate(&mut stream, &NPY_WORDS);
    stream
}

/// What numpy reads of a stream.
struct Numpy {
    seen: Seen<Image>,
    /// The number of images before the first array whose header is written in a way of its own.
    plain: Option<usize>,
}

fn numpy(python: &Path, streams: &[Vec<u8>], first: u64) -> Vec<Numpy> {
    let folder = Folder::new(&format!("almost-right-npy-{first}"));
    let all = theirs(&folder, streams, || {
        script(python, "almost_right.py", &[folder.path()], b"");
    });
    let all = all.into_iter().enumerate().map(|(number, seen)| {
        let plain = std::fs::read(folder.path().join(format!("{number}.plain"))).ok();
        Numpy { seen, plain: plain.map(|arrays| our_images(&arrays).items.len()) }
    });
    all.collect()
}

#[test]
fn numpy_reads_the_same_images_of_almost_right_npy() {
    let Some(python) = needed("python numpy") else { return };
    let differences = Differences {
        we_refuse: &[
            // Arrays that are no images: the message has the call that makes one.
            " is not read; save ",
            "dtype is structured",
            " is no image; ",
            "is in Fortran order",
            " holds no pixels",
            "width and height must be from 1",
            "is over the limit of",
            "sample is NaN",
        ],
        they_refuse: &[
            // An array is one thing to numpy; we post the whole images at its beginning.
            "ValueError: EOF: reading array data",
            "MemoryError",
            // We pass over NULs and white space between images.
            "got b'\\x00",
            "got b'\\x0b",
            "got b'\\t",
            "got b'\\n",
            "got b'\\r",
            "got b' ",
            "EOF: reading magic string",
            // A byte order before a long name of a type.
            "uint8' not understood",
            // A header is read as JSON: its false is False to us.
            "malformed node or string",
            // To Python, blanks behind the dict that are on a line of their own are an indent.
            "\\n \"",
            "\\n \\x0c",
        ],
    };
    // Any Python literal is a header to numpy; to us only the dict as numpy writes it.
    let is_of_its_own = |ours: &Seen<Image>, theirs: &Numpy| {
        let refuses = |error: &String| error.contains("header is not the dict that numpy writes");
        theirs.plain == Some(ours.items.len())
            && ours.items == theirs.seen.items[..ours.items.len()]
            && ours.error.as_ref().is_some_and(refuses)
    };
    let theirs = |streams: &[Vec<u8>], first| numpy(&python, streams, first);
    judge_each(npy_stream, theirs, |stream, theirs| {
        let ours = our_images(stream);
        if is_of_its_own(&ours, &theirs) {
            return Ok(());
        }
        differences.judge(&ours, &theirs.seen)
    });
}

const PNG_WORDS: [&str; 6] = ["IDAT", "IEND", "PLTE", "tEXt", "\0\0\0\0", "\0\0\0\x01aAAA"];

/// One PNG, and what mutations make of it; of half of them each chunk's CRC is right again.
fn png_stream(number: u64) -> Vec<u8> {
    use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
    let mut dice = Dice::new(number);
    let (width, height) = (1 + dice.below(5), 1 + dice.below(5));
    let color_type = dice.one_of(&[Grayscale, GrayscaleAlpha, Rgb, Rgba]);
    let pixels = noise(number, width * height * color_type.samples());
    let mut stream = png_of(width as u32, height as u32, color_type, &pixels);
    dice.mutate(&mut stream, &PNG_WORDS);
    if dice.below(2) == 0 {
        mend_crcs(&mut stream);
    }
    stream
}

fn mend_crcs(png: &mut [u8]) {
    let mut place = 8;
    while let Some(head) = png.get(place..place + 4) {
        let length = u32::from_be_bytes(head.try_into().unwrap()) as usize;
        let end = place + 8 + length;
        if png.len() < end + 4 {
            return;
        }
        let crc = crc32fast::hash(&png[place + 4..end]);
        png[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        place = end + 4;
    }
}

/// The pixels of the PNG at the beginning of the stream.
fn zune(stream: &[u8]) -> Seen<Image> {
    match zune_image(stream) {
        Ok(image) => Seen { items: vec![image], error: None },
        Err(error) => Seen { items: Vec::new(), error: Some(error) },
    }
}

#[test]
fn zune_png_reads_the_same_images_of_almost_right_png() {
    let differences = Differences {
        we_refuse: &[
            // zune-png stops at the end of its image; a stream goes on, and what follows has to be another one.
            "pngpost: frame 1: ",
            // PNG has one filter method (PNG 11.2.1); zune-png does not look.
            "PNG has an unknown compression, filter or interlace method",
            // zune-png reads indices without a palette.
            "no PLTE before it",
        ],
        they_refuse: &[
            // We pass on what IDAT holds without unpacking it; the server will.
            "Error decoding idat chunks",
            "Not enough pixels",
            "Unknown filter ",
            // zune-png's own limit, not PNG's.
            "larger than maximum configured",
        ],
    };
    let theirs = |streams: &[Vec<u8>], _| streams.iter().map(|stream| zune(stream)).collect();
    judge_each(png_stream, theirs, |stream, theirs| {
        let posted = ours(stream);
        assert!(posted.items.iter().all(|png| stream.starts_with(png)), "passed on as it is");
        // Where a PNG is passed on, its pixels are read from what was posted.
        let items: Vec<_> = posted.items.iter().flat_map(|png| zune(png).items).collect();
        let refused = posted.items.iter().find_map(|png| zune(png).error);
        let Some(error) = refused else {
            return differences.judge(&Seen { items, error: posted.error }, &theirs);
        };
        let is_named = differences.they_refuse.iter().any(|part| error.contains(part));
        is_named.then_some(()).ok_or_else(|| format!("passed on, and zune says {error}"))
    });
}
