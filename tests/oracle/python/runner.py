"""Asks the modules of verify/: `examples IN OUT` lists what each is tried with, `verify IN OUT` has each request judged."""

import base64
import importlib.util
import json
import re
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import SimpleNamespace

FOLDER = Path(__file__).resolve().parent / "verify"


def load(file):
    spec = importlib.util.spec_from_file_location(f"verify_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sdk(file):
    """The library is the first package that the module imports and that is not Python's own."""
    installed = packages_distributions()
    for name in re.findall(r"^(?:from|import) (\w+)", file.read_text(), re.MULTILINE):
        if name in installed and name not in sys.stdlib_module_names:
            return f"{installed[name][0]} {version(installed[name][0])}"
    return None


def examples():
    for file in sorted(FOLDER.glob("*.py")):
        module = {"id": file.stem.replace("_", "-"), "sdk": sdk(file)}
        try:
            module["example"] = load(file).EXAMPLE
        except Exception as error:
            module["error"] = repr(error)
        yield module


def verify(request):
    module = load(FOLDER / f"{request['id'].replace('-', '_')}.py")
    body = base64.b64decode(request.pop("bodyBase64"))
    try:
        return {"accepted": module.verify(SimpleNamespace(**request, body=body)) is True}
    except Exception as error:
        return {"accepted": False, "error": repr(error)}


what, given, answered = sys.argv[1:]
requests = json.loads(Path(given).read_text())
Path(answered).write_text(json.dumps(list(examples()) if what == "examples" else [verify(each) for each in requests]))
