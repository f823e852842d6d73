"""The compiled shapes of this version's actions; made once a process, by whoever serves or tests them."""

from __future__ import annotations

from api.shapes import Shapes
from application.catalogue import ACTIONS

SHAPES = Shapes(ACTIONS)
