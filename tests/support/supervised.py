"""A supervisor as a program of its own, so that tests can signal and kill it.

Its only argument is a JSON object: `var`, `server` (whether to run one), `workers` (name to argv), `stop_s_max`,
`mark` (a file that is made when the workers may start).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from infrastructure.embedded import EmbeddedServer
from infrastructure.errors import InfrastructureError
from infrastructure.supervisor import Patience, Supervisor, Worker


def program(*argv: str, **env: str) -> Callable[[], None]:
    """Give the work of a worker that becomes another program, with more in its environment."""

    def become() -> None:
        os.environ.update(env)
        os.execv(argv[0], argv)  # noqa: S606 - a program of a test

    return become


def main() -> int:
    """Run until told to stop; a typed refusal is told on standard error and is status 3."""
    wanted = json.loads(sys.argv[1])
    var = Path(wanted["var"])
    supervisor = Supervisor(
        var,
        EmbeddedServer(var) if wanted["server"] else None,
        [Worker(name, program(*argv)) for name, argv in wanted["workers"].items()],
        before_workers=Path(wanted["mark"]).touch,
        patience=Patience(restart_s_min=0.05, restart_s_max=0.4, stop_s_max=wanted["stop_s_max"]),
    )
    try:
        supervisor.run()
    except InfrastructureError as refused:
        sys.stderr.write(json.dumps({"code": refused.code, "message": refused.message, "details": refused.details}))
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
