"""Long fuzzing with atheris (optional: ``pip install atheris``), guided by coverage::

    python -m tests.attacks.fuzz_atheris sdf -max_total_time=600 -rss_limit_mb=2048 -timeout=10

Every finding is fixed and kept in ``test_findings.py``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Fuzz one target for as long as libFuzzer's options say."""
    try:
        import atheris
    except ImportError:
        print("atheris is not here: pip install atheris", file=sys.stderr)
        return 1
    with atheris.instrument_imports(include=["navisplit"]):
        from tests.attacks.fuzz_targets import TARGETS, seeds
    if len(arguments) < 2 or arguments[1] not in TARGETS:
        print(f"expected one of {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    name = arguments[1]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            Path(corpus, str(number)).write_bytes(seed)
        atheris.Setup([arguments[0], corpus, *arguments[2:]], TARGETS[name])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
