"""Why a row is rejected and why an import ends early: every code of the importer's own, with its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

RejectCode = Literal[
    "byte_order_mark", "columns_too_few", "columns_too_many", "date_malformed", "encoding_invalid",
    "number_malformed", "number_out_of_range", "pattern_mismatch", "row_malformed", "row_too_large", "source_repeated",
    "value_missing", "value_unknown",
]  # fmt: skip

REJECTS: Final[Mapping[RejectCode, str]] = {
    "byte_order_mark": "A byte order mark stands inside the file, as where files were put together.",
    "columns_too_few": "The row has fewer columns than the header.",
    "columns_too_many": "The row has more columns than the header.",
    "date_malformed": "The text is no date of the field's format, or no day of the calendar.",
    "encoding_invalid": "The row has bytes that are not of the file's encoding.",
    "number_malformed": "The text is no decimal number without sign or exponent.",
    "number_out_of_range": "The number lies outside the field's bounds.",
    "pattern_mismatch": "The text is not of the field's pattern.",
    "row_malformed": "A quote is wrong or never closed, or the row runs over too many lines.",
    "row_too_large": "The row, or the JSON made of it, is longer than 64 KiB; the column is its longest.",
    "source_repeated": "An earlier row of the file has the same `source.system` and `source.id`.",
    "value_missing": "A required value is empty, or a building or estate is described without a number.",
    "value_unknown": "The text is not among the field's values.",
}

ENDINGS: Final[Mapping[str, str]] = {
    "file_missing": "The file cannot be opened.",
    "file_empty": "The file has no header.",
    "file_encoding": "The header is not of the mapping's encoding; or the file is UTF-16 or UTF-32.",
    "file_truncated": "The file ends inside a row, a quoted value, or its compressed data; the rows before are sent.",
    "file_corrupt": "The compressed data are damaged; the rows before are sent.",
    "header_malformed": "The header cannot be read as a row.",
    "columns_missing": "The header lacks columns that the mapping reads: `columns`.",
    "columns_unknown": "The header has columns that a mapping with absent columns does not know: `columns`.",
    "column_repeated": "The header has a column twice that the mapping reads: `columns`.",
    "post_failed": "The ledger could not be reached, for a minute.",
}
