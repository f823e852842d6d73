"""How commands speak: one kind of console for all of them, and what their exit status means.

Text is printed as it is: a name in brackets is no markup, a colon no emoji, and no line is broken that the terminal
does not break itself, so that what is piped can be read by programs.
"""

from __future__ import annotations

import os
from typing import Final

from rich.console import Console

REFUSED: Final = 2
"""The exit status of a command that could not do what it was asked, told in one line with a stable code."""
FAILED: Final = 70
"""The exit status of a defect of the program itself (EX_SOFTWARE), whose traceback is printed."""
FOUND_WRONG: Final = 1
"""The exit status of a command that judged what it was asked to judge, and found it wrong."""
PIPED_WIDTH: Final = 1_000
"""How wide a table may be where nobody looks at it on a screen, and COLUMNS does not say."""


class FoundWrong(Exception):
    """What a command was asked to judge is not as it must be; it has been told already."""


def console(*, stderr: bool = False, markup: bool = False) -> Console:
    """Give a console on standard output or standard error; with `markup`, brackets are rich's."""
    made = Console(stderr=stderr, markup=markup, emoji=False, highlight=False, soft_wrap=True)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPED_WIDTH
    return made
