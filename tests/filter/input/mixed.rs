//! Images of all kinds in a dialogue: none is read ahead.

use png::ColorType::Rgb;

use crate::support::decode;
use crate::support::images::{npy, pam, png_of};
use crate::support::program::{Running, command};
use crate::support::server::{Server, ok};

/// One image written, one line read, a hundred times: a program that read ahead would hang.
#[test]
fn each_image_is_answered_before_the_next_one_is_written() {
    let tag = |number: u8| [number, number ^ 1, 100 - number];
    let png = |number| png_of(1, 1, Rgb, &tag(number));
    let ppm = |number| [b"P6\n1 1\n255\n".as_slice(), &tag(number)].concat();
    let pam = |number| pam(1, 1, 3, 255, &tag(number));
    let array = |number| npy("|u1", "(1, 1, 3)", &tag(number));
    let part = |number| match number {
        0 => npy("|u1", "(100, 1, 1, 3)", &tag(0)),
        _ => tag(number).to_vec(),
    };
    let any = |number: u8| match number % 4 {
        0 => png(number),
        1 => ppm(number),
        2 => pam(number),
        _ => array(number),
    };
    let kinds: [&dyn Fn(u8) -> Vec<u8>; 6] = [&png, &ppm, &pam, &array, &part, &any];
    let server = Server::answering(|_, request| ok(format!("{:?}", decode(&request.body).pixels)));
    for kind in kinds {
        for jobs in ["1", "4"] {
            let arguments = ["--raw", "-j", jobs, &server.url()];
            let mut dialogue = Running::start(command(&arguments));
            for number in 0..100 {
                dialogue.write(&kind(number));
                assert_eq!(dialogue.line(), format!("{:?}", tag(number)));
            }
            assert_eq!(dialogue.finish().ok().stdout, b"");
        }
    }
}
