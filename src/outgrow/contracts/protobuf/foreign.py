"""What a ``.proto`` of ours imports that compilers do not bring along."""

from __future__ import annotations

from pathlib import Path


def foreign_protos() -> dict[str, str]:
    """
    The texts of Google's files for bindings of HTTP, by the paths under which they are imported.

    They lie beside the ``.proto`` files, so that others compile those as they are. Both are
    Copyright Google LLC, under the Apache License 2.0.
    """
    here = Path(__file__).parent
    return {
        f"google/api/{name}": (here / name).read_text(encoding="utf-8")
        for name in ("annotations.proto", "http.proto")
    }
