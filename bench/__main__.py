"""`python -m bench [name …] [--url URL] [--var FOLDER] [--json FILE]`: measures, prints, keeps the figures."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import json
from pathlib import Path
from typing import Any, Final

BENCHES: Final = {
    "recorder": "bench.recorder",
    "proofs": "bench.proofs",
    "http": "bench.http",
    "import": "bench.importing",
    "verify": "bench.verify",
    "headmap": "bench.headmap",
    "evidence": "bench.evidence",
}
"""Name → module with `run(…)`; `table(result)` if it has one. One whose module is not there is left out."""


def measure(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run one bench with those of the options that it knows."""
    module = importlib.import_module(BENCHES[name])
    known = inspect.signature(module.run).parameters
    result: dict[str, Any] = module.run(**{key: value for key, value in options.items() if key in known})
    shown = module.table(result) if hasattr(module, "table") else json.dumps(result, indent=1, ensure_ascii=False)
    print(f"# {name}\n{shown}\n", flush=True)
    return result


def main() -> None:
    """Read the command line and measure."""
    there = [name for name, module in BENCHES.items() if importlib.util.find_spec(module) is not None]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(there)}; default all")
    parser.add_argument("--url", help="a database to measure on; default an embedded server")
    parser.add_argument("--var", type=Path, help="the folder of an idle ledger, like the demonstration's, for verify")
    parser.add_argument("--slices", type=int, help="how many slices of each kind")
    parser.add_argument("--no-large", dest="large", action="store_false", default=None, help="leave large cases out")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(there):
        parser.error(f"there is no bench called {', '.join(sorted(unknown))}")
    known = ("url", "var", "slices", "large")
    options = {key: value for key in known if (value := getattr(arguments, key)) is not None}
    results = {name: measure(name, options) for name in arguments.names or there}
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
