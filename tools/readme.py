#!/usr/bin/env python3
"""Runs the README: saves its ```c blocks, runs its ```sh blocks, checks the sizes that it states.

A block's info string says what happens to it: "c NAME" is saved as NAME, "sh run" is run, in order, in
one scratch directory in which `dist` is the repository's. A ```text block after one that was run is its
output, line by line; "…" stands for anything.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

readme = pathlib.Path(sys.argv[1]).resolve()
root = readme.parent
text = readme.read_text()
ran = 0

with tempfile.TemporaryDirectory() as scratch:
    (pathlib.Path(scratch) / "dist").symlink_to(root / "dist")
    output = None
    for info, body in re.findall(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S):
        words = info.split()
        if words[:1] == ["c"] and len(words) == 2:
            (pathlib.Path(scratch) / words[1]).write_text(body)
        elif words == ["sh", "run"]:
            run = subprocess.run(["bash", "-euc", body], cwd=scratch, capture_output=True, text=True)
            if run.returncode:
                sys.exit(f"README block failed:\n{body}\n{run.stdout}{run.stderr}")
            output, ran = run.stdout, ran + 1
            continue
        elif words == ["text"] and output is not None:
            pattern = ".*".join(re.escape(part) for part in body.split("…"))
            if not re.fullmatch(pattern, output, re.S):
                sys.exit(f"README promises\n{body}\nbut the command printed\n{output}")
        output = None

sizes = re.findall(r"^\| `(lib[^`]+)` \| ([0-9.]+) MB", text, re.M)
for name, said in sizes:
    size = (root / "dist/lib" / name).stat().st_size / 1e6
    if abs(size - float(said)) > 0.1 * size:
        sys.exit(f"README says {name} has {said} MB, it has {size:.1f}")

if not ran or not sizes:
    sys.exit("README has no block to run, or states no size")
print(f"{ran + len(sizes)} passed, 0 failed")
