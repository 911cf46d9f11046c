#!/usr/bin/env python3
"""Changes the code in one place at a time, and lists the changes that no test notices.

    python3 tests/tools/mutants.py [--jobs N] [AREA]...

cargo-mutants says which changes there are. It would build each on its own, which takes hours; here all of them
stand in one build: each function holds its mutants beside itself, and the variable MUTANT chooses one by its number.
Those that the compiler refuses are taken out first. What cannot stand beside others (constants, functions that return
an `impl`) is built alone.

An area is some files of src and the tests that matter for them, in steps, the quickest first: a mutant that one step
notices does not meet the next. All of it happens in a copy of the tree, target/mutants/tree, so the tree itself may be
edited meanwhile. target/mutants/AREA.txt has every mutant with its outcome.

Needs cargo-mutants: cargo install --locked cargo-mutants.
"""
import argparse, collections, json, os, re, shutil, signal, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target/mutants"
TREE = WORK / "tree"
# What is built is built often: without debug information, and only what has changed.
ENV = {**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "1", "CARGO_TARGET_DIR": str(WORK / "target")}
ENV.setdefault("PNGPOST_TEST_VENV", str(ROOT / "target/test-venv"))
# Of each kind, for a model.
ENV.setdefault("PNGPOST_SCHEDULES", "300")
# It takes longer than the test that has failed.
ENV["RUST_BACKTRACE"] = "0"

# The first word of a step: unit tests, or models. Otherwise it is one of the filter tests.
TARGETS = {"unit": "--bin=pngpost", "models": "--test=models"}
# Models first where threads wait: they see at once that nobody is left who could wake them.
# Area: files below src; steps.
AREAS = {
    "args": ("args/*.rs", ["unit args::", "usage::", "request:: dry_run::",
                           "http::client_certificates http::proxy_rules http::proxies output::records"]),
    "request": ("request/mod.rs request/template.rs request/multipart.rs request/json.rs",
                ["unit request::", "request::", "promises::secrets"]),
    "line": ("output/line.rs output/record.rs", ["unit output::", "output::lines output::records"]),
    "samples": ("encode/samples.rs", ["unit encode:: --skip the_level --skip every_sample", "unit encode::",
                                      "encode::layouts encode::bad_samples", "input::numpy"]),
    "outcome": ("http/outcome.rs", ["unit http::", "http::responses http::tls http::sockets",
                                    "http::certificates upload::retries"]),
    "reply": ("http/reply.rs", ["unit http::", "http::responses http::heads", "http::cuts http::client_certificates",
                                "http::limits"]),
    "exchange": ("http/exchange.rs", ["unit http::", "http::responses http::heads http::connections", "http::early",
                                      "http::cuts", "http::limits http::proxies", "system_faults::"]),
    "kept": ("http/kept.rs http/pool.rs", ["models pool::", "http::connections http::responses",
                                           "dry_run:: http::sockets http::heads", "http::client_certificates",
                                           "http::cuts", "http::proxies", "system_faults:: usage:: upload::retries"]),
    "input": ("input/*.rs", ["unit input:: --skip streams --skip stream_cut --skip survived", "unit input::",
                                "input::", "promises::"]),
    "ordered": ("pipeline/window.rs pipeline/ordered.rs", ["models window:: ordered::", "models run::",
                                                           "unit pipeline::", "promises::order", "promises::bounded"]),
    "retry": ("upload/retry.rs", ["unit upload::retry upload::schedule", "upload::retries upload::tokens", "upload::outages",
                                  "upload::limits"]),
    "gate": ("upload/gate.rs", ["models upload::", "models run::", "unit upload::gate", "upload::retries upload::rate",
                                "upload::limits upload::outages"]),
}

# Stands at the end of main.rs, and of the crate of the models, which has files of src, too: there std is another one.
CHOSEN = """
fn mutant() -> usize {
    static CHOSEN: STD::sync::OnceLock<usize> = STD::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| STD::env::var("MUTANT").ok().and_then(|it| it.parse().ok()).unwrap_or(0))
}
"""
ROOTS = {"src/main.rs": "std", "tests/models/world/lib.rs": "real"}

# A token of Rust, as far as braces go.
TOKEN = re.compile(r"""//[^\n]*|r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?'(?:\\u\{\w+\}|\\x..|\\.|[^\\'])'|.""", re.S)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2, help="mutants that are tried at once [2]")
    parser.add_argument("areas", nargs="*", metavar="AREA", default=list(AREAS), help=" ".join(AREAS))
    given = parser.parse_args()
    unknown = [area for area in given.areas if area not in AREAS]
    if unknown:
        parser.error(f"no such area: {unknown[0]}")
    try_areas(given.areas, given.jobs)


def try_areas(areas, jobs):
    copy_tree()
    mutants = mutants_of(areas)
    together, alone = apart(mutants)
    programs = build_together(together, [step for area in areas for step in AREAS[area][1]])
    for area in areas:
        left = [mutant for mutant in together if mutant.area == area and not mutant.outcome]
        for step in AREAS[area][1]:
            left = try_step(area, programs, step, left, jobs)
    restore(mutants)
    for mutant in alone:
        try_alone(mutant, AREAS[mutant.area][1])
    for area in areas:
        tell(area, [mutant for mutant in mutants if mutant.area == area])


def tell(area, mutants):
    with open(WORK / f"{area}.txt", "w") as file:
        file.writelines(f"{mutant.outcome or 'untried':9}{mutant.name}\n" for mutant in mutants)
    counts = collections.Counter(mutant.outcome or "untried" for mutant in mutants)
    print(f"{area}: {len(mutants)} mutants:", ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    for mutant in mutants:
        if mutant.outcome == "missed":
            print(f"missed   {mutant.name}", flush=True)


def copy_tree():
    """Copies what git knows. A file that is the same is left alone, for cargo."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {name for name in names.split("\0") if name and (ROOT / name).exists()}
    TREE.mkdir(parents=True, exist_ok=True)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in names:
            path.unlink()
    for name in names:
        source, copy = ROOT / name, TREE / name
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)


class Source:
    """A file of the tree without mutants."""

    def __init__(self, name):
        self.path = TREE / name
        self.text = self.path.read_text()
        self.lines = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def span(self, span):
        return tuple(self.lines[end["line"] - 1] + end["column"] - 1 for end in (span["start"], span["end"]))


class Mutant:
    """`outcome`: caught, timeout, missed or unviable; None so far. `function`: the place of the outermost one."""

    def __init__(self, area, number, source, listed):
        self.area, self.number, self.source, self.name = area, number, source, listed["name"]
        self.begin, self.end = source.span(listed["span"])
        self.replacement, self.outcome = f" {listed['replacement']} ", None
        self.function = source.span(listed["function"]["span"]) if listed["function"] else None

    def within(self, begin, end):
        """The text of the file from `begin` to `end`, which hold the mutant, with it."""
        text = self.source.text
        return text[begin:self.begin] + self.replacement + text[self.end:end]


def mutants_of(areas):
    area_of = {f"src/{pattern}": area for area in areas for pattern in AREAS[area][0].split()}
    command = ["cargo", "mutants", "--list", "--json", "--dir", TREE]
    for pattern in area_of:
        command += ["--file", pattern]
    listed = subprocess.run(command, env=ENV, check=True, stdout=subprocess.PIPE, text=True).stdout
    listed = [it for it in json.loads(listed) if not it["file"].endswith("tests.rs")]
    sources = {name: Source(name) for name in {it["file"] for it in listed}}
    areas = {file: next(area for pattern, area in area_of.items() if fnmatch(file, pattern)) for file in sources}
    mutants = [Mutant(areas[it["file"]], number, sources[it["file"]], it) for number, it in enumerate(listed, 1)]
    for mutant in mutants:
        if mutant.function:
            begin, end = mutant.function
            around = [m.function for m in mutants if m.source is mutant.source and m.function]
            mutant.function = min(it for it in around if it[0] <= begin and end <= it[1])
    return mutants


def apart(mutants):
    """Those that may stand beside their function, and those that may not."""
    def may_stand(mutant):
        return mutant.function and not re.search(r"\bconst fn|-> impl\b", head_of(mutant.source, *mutant.function))
    together = [mutant for mutant in mutants if may_stand(mutant)]
    return together, [mutant for mutant in mutants if not may_stand(mutant)]


def head_of(source, begin, end):
    """The text of a function up to the brace that opens its body, and with it."""
    depth, text = 0, source.text[begin:end]
    for token in TOKEN.finditer(text):
        if token[0] in "([":
            depth += 1
        elif token[0] in ")]":
            depth -= 1
        elif token[0] == "{" and depth == 0:
            return text[:token.end()]
    raise ValueError(f"{source.path}: no body: {text}")


def build_together(together, steps):
    """Builds with all of them but those that the compiler refuses."""
    for name, std in ROOTS.items():
        (TREE / name).write_text((ROOT / name).read_text() + CHOSEN.replace("STD", std))
    while True:
        standing = [mutant for mutant in together if not mutant.outcome]
        lines = write_together(standing)
        programs, errors = build(steps)
        if not errors:
            return programs
        refused = [mutant for mutant in standing if any(place in lines[mutant] for place in errors)]
        if not refused:
            sys.exit(f"mutants.py: the build fails: {errors}")
        for mutant in refused:
            mutant.outcome = "unviable"


def write_together(mutants):
    """Writes each file with its mutants. Returns the lines that each of them takes, as (file, line)."""
    lines, by_function = {}, collections.defaultdict(list)
    for mutant in mutants:
        by_function[mutant.source, mutant.function].append(mutant)
    for source in {mutant.source for mutant in mutants}:
        text, copied = "", 0
        functions = sorted(function for it, function in by_function if it is source)
        for begin, end in functions:
            body = begin + len(head_of(source, begin, end))
            text += source.text[copied:body] + " match crate::mutant() {\n"
            for mutant in by_function[source, (begin, end)]:
                first = text.count("\n") + 1
                text += f"{mutant.number} => {{ {mutant.within(body, end)}\n"
                last = text.count("\n") + 1
                lines[mutant] = {(str(source.path.relative_to(TREE)), line) for line in range(first, last)}
            text += f"_ => {{ {source.text[body:end]} }} }}"
            copied = end
        source.path.write_text(text + source.text[copied:])
    return lines


def restore(mutants):
    for source in {mutant.source for mutant in mutants}:
        source.path.write_text(source.text)


def build(steps):
    """The test programs by their names, and the errors as (file, line)."""
    command = ["cargo", "test", "--no-run", "--locked", "--message-format=json"]
    command += sorted({TARGETS.get(step.split()[0], "--test=filter") for step in steps})
    output = subprocess.run(command, cwd=TREE, env=ENV, capture_output=True, text=True)
    messages = [json.loads(line) for line in output.stdout.splitlines()]
    programs = {it["target"]["name"]: it["executable"] for it in messages
                if it["reason"] == "compiler-artifact" and it["profile"]["test"]}
    errors = {place for it in messages if it["reason"] == "compiler-message" and it["message"]["level"] == "error"
              for span in it["message"]["spans"] if span["is_primary"] for place in places_of(span)}
    if output.returncode and not errors:
        sys.exit(output.stderr)
    return programs, errors if output.returncode else set()


def places_of(span):
    """Where a span is, and where the macros are called that it is in."""
    while span:
        yield os.path.normpath(span["file_name"]), span["line_start"]
        span = span["expansion"] and span["expansion"]["span"]


def try_step(area, programs, step, mutants, jobs):
    """Those that the tests of this step do not notice."""
    if not mutants:
        return []
    begin = time.monotonic()
    if outcome(programs, step, 0, 600) != "missed":
        print(f"{area}: {step}: fails without a mutant, and is left out", flush=True)
        return mutants
    limit = max(20, 6 * (time.monotonic() - begin))
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda mutant: outcome(programs, step, mutant.number, limit), mutants)
        for mutant, mutant.outcome in zip(mutants, outcomes):
            pass
    left = [mutant for mutant in mutants if mutant.outcome == "missed"]
    print(f"{area}: {step}: {len(left)} of {len(mutants)} left, {time.monotonic() - begin:.0f} s", flush=True)
    return left


def try_alone(mutant, steps):
    mutant.source.path.write_text(mutant.within(0, len(mutant.source.text)))
    mutant.outcome = "missed"
    for step in steps:
        if mutant.outcome == "missed":
            # No more than this step wants: one that it notices needs no other program.
            programs, errors = build([step])
            mutant.outcome = "unviable" if errors else outcome(programs, step, 0, 300)
    mutant.source.path.write_text(mutant.source.text)


def outcome(programs, step, number, limit):
    """Whether a test of this step notices the mutant; 0 is none. One that never ends is noticed, too."""
    kind, *tests = step.split()
    program = {"unit": "pngpost", "models": "models"}.get(kind, "filter")
    # Tests of the binary wait more than they work. All schedules are too many here.
    arguments = {"filter": ["--test-threads=8", kind], "models": ["--skip=under_all"]}.get(program, []) + tests
    child = subprocess.Popen([programs[program], *arguments], cwd=TREE, env={**ENV, "MUTANT": str(number)},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return "missed" if child.wait(limit) == 0 else "caught"
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()


if __name__ == "__main__":
    main()
