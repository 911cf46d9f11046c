"""The build backend of pyproject.toml: maturin, told to leave the paths of this machine out of the program.

cargo adds the flags to those of its configuration; RUSTFLAGS in the environment take the place of both. dist.sh has the
same maps for the archive.
"""

import json
import os
import shlex
import subprocess

import maturin
from maturin import *


def maps():
    """From a prefix of the paths in the program to what stands there: the last one that fits counts."""
    cargo = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    rust = subprocess.check_output(["rustc", "--print", "sysroot"], text=True).strip()
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR") or "target")
    return {cargo: "/cargo", rust: "/rust", os.getcwd(): "/pngpost", target: "/build"}


def build_wheel(directory, settings=None, metadata=None):
    flags = [f"--remap-path-prefix={path}={name}" for path, name in maps().items()]
    config = shlex.quote(f"--config=build.rustflags={json.dumps(flags)}")
    os.environ["MATURIN_PEP517_ARGS"] = f"{os.environ.get('MATURIN_PEP517_ARGS', '')} {config}"
    return maturin.build_wheel(directory, settings, metadata)
