//! netpbm's output goes in, and comes out as netpbm itself reads it.

use std::fs;
use std::process::Command;

use crate::installed::{find, needed};
use crate::support::folder::Folder;
use crate::support::foreign::{output, output_of};
use crate::support::native::joined;
use crate::support::posted::{images, post};

#[test]
fn netpbm_pamcat_and_the_tools_that_messages_advise() {
    let Some(pamdepth) = needed("pamdepth") else { return };
    let netpbm = |name: &str, arguments: &str, input: &[u8]| {
        output(&find(name).expect("netpbm is whole"), arguments, input)
    };
    let folder = Folder::new("pamcat");
    let files = ["red", "blue"].map(|color| folder.path().join(color));
    for file in &files {
        let color = file.file_name().unwrap().to_str().unwrap();
        fs::write(file, netpbm("ppmmake", &format!("{color} 2 1"), b"")).unwrap();
    }
    let mut pamcat = Command::new(find("pamcat").expect("netpbm is whole"));
    let both = output_of(pamcat.arg("-leftright").args(&files), b"");
    let row = [255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 0, 255];
    assert_eq!(joined(&images(&[], &both)), row);

    let bitmap = netpbm("pbmmake", "-gray 4 2", b"");
    post(&[], &bitmap).run.fails(3, "frame 0: PBM is not read; 'pamdepth 255' turns it into PGM");
    let gray = images(&[], &output(&pamdepth, "255", &bitmap));
    // In a plain PBM, 1 is black.
    let bits = String::from_utf8(netpbm("pnmtoplainpnm", "", &bitmap)).unwrap();
    let bits = bits.lines().skip(2).flat_map(str::chars).filter(char::is_ascii_digit);
    let levels: Vec<u8> = bits.map(|bit| if bit == '1' { 0 } else { 255 }).collect();
    assert_eq!(levels.len(), 8);
    assert_eq!(joined(&gray), levels);
    let plain = netpbm("pnmtoplainpnm", "", &both);
    post(&[], &plain)
        .run
        .fails(3, "frame 0: plain-text PGM and PPM are not read; 'pnmtopnm' makes them binary");
    assert_eq!(joined(&images(&[], &netpbm("pnmtopnm", "", &plain))), row);
}

/// netpbm and pngpost see as many images, and of the same size.
#[test]
fn netpbm_passes_over_white_space_where_we_do() {
    let Some(pamfile) = needed("pamfile") else { return };
    let image = |letter: u8| [&b"P5 2 1 255 "[..], &[letter, letter]].concat();
    let (a, b) = (image(b'a'), image(b'b'));
    for blanks in [&b""[..], b"\n", b" \t\r\n\x0b\x0c\n"] {
        let stream = [&a[..], blanks, &b, blanks].concat();
        let seen = output(&pamfile, "-allimages", &stream);
        assert_eq!(String::from_utf8_lossy(&seen).matches("2 by 1").count(), 2);
        assert_eq!(joined(&images(&[], &stream)), b"aabb");
    }
}
