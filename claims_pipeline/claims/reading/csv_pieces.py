"""Pieces of a CSV text that polars may read: those whose records are as they should be without a doubt.

What belongs here: the proof. polars pads or cuts records, and takes quotes that are none, without a word; but it writes
every cell that holds a comma, a quote or a line break in quotes, each quote doubled, and every record with all its
cells. What it writes has one reading only. So what it read is taken where writing it gives the very same piece.
Not here: the records of any other piece (`csv_records`).
"""

import io

import polars as pl


def proved_records(piece: str, width: int) -> pl.DataFrame | None:
    """The records of whole lines, all with `width` cells, at least two; None where that is not proved.

    Columns: `0` and on, String, no nulls.
    """
    content = piece.encode()
    try:
        records = pl.read_csv(
            content, has_header=False, schema={str(place): pl.String for place in range(width)}
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    written = io.BytesIO()
    records.write_csv(
        written,
        include_header=False,
        line_terminator="\r\n" if piece.endswith("\r\n") else "\n",
        quote_style="always" if piece.startswith('"') else "necessary",
    )
    if written.getvalue() != content:
        return None
    return records.fill_null("")  # an empty cell without quotes; polars keeps the two apart
