//! The completions, by the shells themselves.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::installed::needed;
use crate::support::folder::Folder;
use crate::support::program::run_command;

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

/// In an interactive shell under a terminal, as a user types it.
#[test]
fn bash_completes_files_behind_a_redirection_and_behind_a_sign_in_quotes() {
    let (Some(script), Some(_)) = (needed("script"), needed("bash")) else { return };
    let folder = Folder::new("completions");
    folder.file("frames.rgb", "");
    folder.file("my key.txt", "");
    let completions = concat!(env!("CARGO_MANIFEST_DIR"), "/man/completions/pngpost.bash");
    folder.file("rc", format!(". '{completions}'; PS1='$ '; pngpost() {{ :; }}"));
    let lines = [
        ("< fra", "< frames.rgb "),
        ("-s 1x1 >fra", "-s 1x1 >frames.rgb "),
        ("2> fra", "2> frames.rgb "),
        ("< my", "< my\\ key.txt "),
        ("-F 'key=<my", "-F 'key=<my key.txt' "),
        ("--form=\"key=<my", "--form=\"key=<my key.txt\" "),
        ("-H @fra", "-H @frames.rgb "),
        ("--cacert=fra", "--cacert=frames.rgb "),
    ];
    let typed = lines.map(|(typed, _)| format!("pngpost {typed}\t\n")).concat();
    let mut terminal = Command::new(script);
    terminal.args(["-qec", "bash --rcfile rc -i", "/dev/null"]);
    terminal.current_dir(folder.path()).env("TERM", "dumb");
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = run_command(terminal, format!("{typed}exit\n").as_bytes());
    let said = run.lines();
    for (typed, completed) in lines {
        let line = format!("$ pngpost {completed}");
        assert!(said.iter().any(|it| it.trim_end_matches('\r') == line), "{typed}: {said:?}");
    }
}
