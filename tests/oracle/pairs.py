"""The pairs of jethook and a provider's own library, in both directions, as each is tried.

Deliveries that a library made are the vectors in --vectors, which jethook has verified before, with --verified to tell how. Here `jethook send` signs a
delivery for each module of node/verify, python/verify and go/verify; the library behind it must take it, and must refuse it
with a byte of the signed part changed: of the body, of `signed` parts of it, or of what `altered` names where the body is not
signed: "url", or "header:NAME". Standard library only.
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMITTED = HERE.parent / "vectors"
PAIRS_MIN = 30
# Signed by programs that are not among these, and kept: see README.md.
BY_HAND = {"grafana", "langfuse", "twitch"}
ALTERED_MAX = 24


def runners(go):
    return {
        "node": ["node", str(HERE / "node" / "runner.mjs")],
        "python": [str(HERE / "python" / ".venv" / "bin" / "python"), str(HERE / "python" / "runner.py")],
        "go": [go],
    }


def ask(runner, work, what, requests):
    """Libraries print as they like, so questions and answers are files."""
    given, answered = work / "question.json", work / "answer.json"
    given.write_text(json.dumps(requests))
    subprocess.run([*runner, what, str(given), str(answered)], stdout=subprocess.DEVNULL, check=True)
    return json.loads(answered.read_text())


def sign(module, work):
    """What `jethook send` would send for the module's example."""
    example = module["example"]
    url = example.get("url") or example.get("publicUrl") or f"https://hooks.example.com/shop/{module['id']}"
    command = [os.environ["JETHOOK"], "send", module["id"], url, "--dry-run", "-o", "json"]
    secrets = example.get("secrets") or {"": example["secret"]}
    for number, (use, secret) in enumerate(secrets.items()):
        file = work / f"secret-{number}"
        file.write_text(secret)
        command += ["--secret-file", f"{use}={file}" if use else str(file)]
    for flag, name in [("--event", "event"), ("--id", "id"), ("--body", "body"), ("--public-url", "publicUrl")]:
        if name in example:
            command += [flag, example[name]]
    for name, value in example.get("parameters", {}).items():
        command += ["--parameter", f"{name}={value}"]
    for name, value in example.get("headers", {}).items():
        command += ["--header", f"{name}: {value}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"jethook send: {done.stderr.strip()}")
    return json.loads(done.stdout)


def question(module, signed):
    """The signed request as a library gets it: with the URL that the provider was told."""
    headers = {}
    for name, value in signed["headers"]:
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    body = signed["body"].encode() if "body" in signed else base64.b64decode(signed["bodyBase64"])
    example = module["example"]
    _, mark, query = signed["url"].partition("?")
    return {
        "id": module["id"],
        "method": signed["method"],
        "url": example["publicUrl"] + mark + query if "publicUrl" in example else signed["url"],
        "headers": headers,
        "bodyBase64": base64.b64encode(body).decode(),
        "secret": example.get("secret"),
        "secrets": example.get("secrets"),
        "now": int(time.time()),
    }


def changed(text, spans):
    """Copies with one letter or digit changed, spread over the spans."""
    places = [place for span in spans for place in span if chr(text[place]).isalnum() and text[place] < 128]
    step = max(1, len(places) // ALTERED_MAX)
    for place in places[::step][:ALTERED_MAX]:
        digit = chr(text[place]).isdigit()
        other = (b"7" if text[place] != 0x37 else b"3") if digit else (b"q" if text[place] != 0x71 else b"z")
        yield text[:place] + other + text[place + 1 :]


def altered(module, genuine):
    """The copies that a library must refuse."""
    target, _, name = module["example"].get("altered", "body").partition(":")
    body = base64.b64decode(genuine["bodyBase64"])
    if target == "url" or target == "body" and not body:
        return [{**genuine, "url": genuine["url"] + "q"}]
    if target == "header":
        value = genuine["headers"][name].encode()
        # Behind the scheme's name, and before the end, where letters of base64 may spell the same bytes.
        copies = changed(value, [range(value.find(b" ") + 1, len(value) - 3)])
        return [{**genuine, "headers": {**genuine["headers"], name: copy.decode()}} for copy in copies]
    parts = [part.encode() for part in module["example"].get("signed", [])]
    spans = [range(body.index(part), body.index(part) + len(part)) for part in parts] or [range(len(body))]
    copies = list(changed(body, spans)) or [body + b" "]
    return [{**genuine, "bodyBase64": base64.b64encode(copy).decode()} for copy in copies]


def try_module(runner, work, module):
    """None where the library does as it must, else what is wrong."""
    if "error" in module:
        return f"does not load: {module['error']}"
    request = question(module, sign(module, work))
    genuine, *others = ask(runner, work, "verify", [request, *altered(module, request)])
    if not genuine["accepted"]:
        return f"refuses it: {genuine.get('error', 'false')}"
    taken = sum(other["accepted"] for other in others)
    return f"takes {taken} of {len(others)} altered copies" if taken else None


def made_by_libraries(vectors):
    """Provider and library of each vector that a library or the sender's program signs when its program runs, with the files."""
    pairs = {}
    for file in sorted(vectors.glob("*/*.json")):
        source = json.loads(file.read_text())["from"]
        if source["kind"] in ("sdk", "sender") and not source["name"].endswith(("(accepts)", "(by hand)")):
            pairs.setdefault((file.parent.name, source["name"]), []).append(file.relative_to(vectors).as_posix())
    return pairs


def signed_by_libraries(vectors, verified):
    """Rows of what libraries sign: jethook's verdict on the fresh vectors, and a fault where a program wrote none."""
    fresh = made_by_libraries(vectors)
    done = "test result: ok. 1 passed" in verified
    for (provider, sdk), files in fresh.items():
        said = [line for line in verified.splitlines() if any(file in line for file in files)]
        fault = said[0].strip() if said else None if done else "not verified"
        yield provider, "library → jethook", sdk, fault
    for (provider, sdk), files in made_by_libraries(COMMITTED).items():
        if (provider, sdk) not in fresh and provider not in BY_HAND:
            yield provider, "library → jethook", sdk, f"{', '.join(files)} was not written again"


def compare(vectors):
    """Says where the vectors just written are not the committed ones: libraries that sign at random differ each time."""
    fresh = {str(file.relative_to(vectors)): file.read_bytes() for file in vectors.glob("*/*.json")}
    kept = {str(file.relative_to(COMMITTED)): file.read_bytes() for file in COMMITTED.glob("*/*.json")}
    differ = sorted(name for name in fresh if kept.get(name, fresh[name]) != fresh[name])
    print(f"{len(differ)} vectors differ from the committed ones: {', '.join(differ) or 'none'}")
    print(f"not committed: {', '.join(sorted(fresh.keys() - kept.keys())) or 'none'}")
    print(f"no program writes: {', '.join(sorted(kept.keys() - fresh.keys())) or 'none'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--verified", type=Path, required=True, help="what the test that verifies the vectors said")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--go", required=True)
    parser.add_argument("--only", help="the modules of this id alone")
    args = parser.parse_args()

    rows = []

    def add(*row):
        rows.append(row)
        provider, direction, sdk, fault = row
        print(f"{provider:28}  {direction}  {'ok    ' if fault is None else 'FAILED'}  {sdk}{f': {fault}' if fault else ''}", flush=True)

    for row in signed_by_libraries(args.vectors, args.verified.read_text()):
        add(*row)
    for language, runner in runners(args.go).items():
        for module in ask(runner, args.work, "examples", []):
            if args.only and module["id"] != args.only:
                continue
            try:
                fault = try_module(runner, args.work, module)
            except (RuntimeError, KeyError, ValueError, subprocess.CalledProcessError) as error:
                fault = str(error) or repr(error)
            add(module["id"], "jethook → library", f"{module.get('sdk') or '?'} ({language})", fault)

    good = [row for row in rows if row[3] is None]
    there = sum(row[1].startswith("jethook") for row in good)
    print(f"{len(good)} pairs: {there} libraries verify what jethook signs, {len(good) - there} sign what jethook verifies")
    if args.vectors.is_dir():
        compare(args.vectors)
    if len(good) < len(rows):
        print(f"{len(rows) - len(good)} failed: {', '.join(sorted({row[0] for row in rows if row[3] is not None}))}")
    elif len(good) < PAIRS_MIN and not args.only:
        print(f"fewer than {PAIRS_MIN}")
    else:
        return 0
    return 1


sys.exit(main())
