"""What `buf breaking` says of the same changes, all of them in one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.contracts.changes.case import Case
from tests.contracts.changes.revisions import loaded

BUF = Path(sys.executable).with_name("buf")
CONFIGURATION = "version: v2\nbreaking:\n  use: [WIRE_JSON]\n"

# What the .proto imports for its HTTP bindings; buf would fetch it from its registry.
ANNOTATIONS = """
syntax = "proto3";
package google.api;
import "google/protobuf/descriptor.proto";
message CustomHttpPattern { string kind = 1; string path = 2; }
message HttpRule {
  string selector = 1;
  oneof pattern {
    string get = 2;
    string put = 3;
    string post = 4;
    string delete = 5;
    string patch = 6;
    CustomHttpPattern custom = 8;
  }
  string body = 7;
  string response_body = 12;
  repeated HttpRule additional_bindings = 11;
}
extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
"""


def buf_breaking(cases: Iterable[Case], folder: Path) -> dict[str, list[str]]:
    """What `buf breaking` finds in each case, by its name; a case is a package of its own."""
    names = {}
    for n, case in enumerate(cases):
        application = f"case{n}"
        names[application] = case.name
        with loaded(case, application) as sides:
            for age, side in zip(("old", "new"), sides, strict=True):
                for version, text in side.protos.items():
                    path = folder / age / application / f"v{version}.proto"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
    for age in ("old", "new"):
        path = folder / age / "google" / "api" / "annotations.proto"
        path.parent.mkdir(parents=True)
        path.write_text(ANNOTATIONS, encoding="utf-8")
        (folder / age / "buf.yaml").write_text(CONFIGURATION, encoding="utf-8")
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for line in _run(folder):
        application = line["path"].split("/")[-2]
        found[names[application]].append(f"{line['type']}: {line['message']}")
    return found


def _run(folder: Path) -> list[dict[str, str]]:
    done = subprocess.run(
        [BUF, "breaking", "--against", "../old", "--error-format", "json"],
        cwd=folder / "new",
        env={"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    # Status 100: it has findings.
    assert done.returncode in (0, 100), done.stderr
    return [msgspec.json.decode(line) for line in done.stdout.splitlines()]
