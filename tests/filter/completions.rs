//! The completions, by the shells themselves.

use std::path::Path;
use std::process::Command;

use crate::installed::needed;

#[test]
fn fish_completes_a_file_behind_an_at_sign_however_the_option_is_spelled() {
    let Some(fish) = needed("fish") else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for option in ["--header=", "-H", "--header ", "-H ", "--user=", "-u", "--json=", "--json "] {
        let line = format!("pngpost {option}@Cargo.lo");
        let script = format!("source man/completions/pngpost.fish; complete -C '{line}'");
        let output = Command::new(&fish)
            .args(["--no-config", "-c", &script])
            .current_dir(folder)
            .output()
            .unwrap();
        let completed = String::from_utf8(output.stdout).unwrap();
        let word = line.rsplit(' ').next().unwrap().replace(".lo", ".lock");
        assert_eq!(completed.trim_end(), word, "{line}");
    }
}
