"""Writes one vector file. Everything that goes in is fixed, so a second run gives the same bytes."""

import json
import os
from pathlib import Path

from tried import TRIED

ROOT = Path(os.environ.get("JETHOOK_VECTORS") or Path(__file__).resolve().parents[2] / "vectors")

NOW = 1795478400  # 2026-11-24T00:00:00Z, the clock of all vectors made here.
DATE = "2026-11-24"


def write(provider, name, vector):
    if vector["from"]["kind"] == "derived" and provider in TRIED and not vector["expect"].get("handshake"):
        kind, program = TRIED[provider]
        name = name.replace("derived", kind, 1)
        vector = {**vector, "from": {"kind": kind, "name": program, "date": DATE}}
    folder = ROOT / provider
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(vector, ensure_ascii=False, indent=2) + "\n"
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
