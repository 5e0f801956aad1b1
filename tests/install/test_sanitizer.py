"""The compiled core under AddressSanitizer: all corpora, and every message of them cut off at every octet.

A compiled walk that reads one octet too many goes unnoticed everywhere else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FLAGS: Final = "-fsanitize=address -fno-omit-frame-pointer -g -O1"
SEEN: Final = """
import importlib, sys
from pathlib import Path
from diameter import Dictionary, decode, encode
from diameter.wire import core
assert core.NAME == "compiled", core.NAME
corpus = Path(sys.argv[1])
targets = sorted(path.name for path in corpus.iterdir())
for target in targets:
    module = importlib.import_module(f"fuzz.fuzz_{target}")
    for path in sorted((corpus / target).iterdir()):
        module.oracle(path.read_bytes())
    getattr(module, "close", int)()
d = Dictionary.load(cache=False)
count = 0
for path in sorted((corpus / "decode").iterdir()):
    octets = path.read_bytes()[:600]
    for end in range(0, len(octets) + 1, 3):
        cut = b"".join((octets[:end],))
        message = decode(cut, d)
        message.faults, message["Origin-Host"] if "Origin-Host" in message else None
        [one.value for one in message.avps]
        assert encode(message) == cut
        count += 1
for size in (0, 1, 900, 1024, 5000, 70000):
    name = "Update-Location"
    proxy = {"Proxy-Host": "p" * 99, "Proxy-State": b"x" * size}
    avps = {"Session-Id": "s" * size, "User-Name": "u", "Proxy-Info": [proxy] * 3}
    assert len(d.request(name, avps, application="S6a").octets) % 4 == 0
print(count, "messages", len(targets), "corpora")
"""


def test_the_corpora_under_the_address_sanitizer(checkout: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(checkout, tree)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MTC_", "DIAMETER"))}
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "--build-temp", str(tmp_path / "build")]
    flags = {"CFLAGS": FLAGS, "LDFLAGS": "-fsanitize=address"}
    done = subprocess.run(
        build, cwd=tree, env={**kept, **flags}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    sanitized = {
        "LD_PRELOAD": os.path.realpath(library.stdout.strip()),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",  # so that each bytes object ends where its own piece of memory does
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'tests'}",
    }
    run = [sys.executable, "-c", SEEN, str(tree / "tests" / "corpus")]
    done = subprocess.run(
        run, cwd=tmp_path, env={**kept, **sanitized}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    count, _, corpora, _ = done.stdout.split()
    assert int(count) > 500
    assert int(corpora) == len(list((tree / "tests" / "corpus").iterdir()))
