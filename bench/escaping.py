"""Escapes names and titles for csv, Markdown and LaTeX; `bench.report.markup` escapes them for HTML.

Names in tables from elsewhere are checked when they are read. A study's title, a record in a shared store or the name
of a file can be any text.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = tuple("=+-@\t\r\n")  # a spreadsheet runs a cell that begins with one of these


def as_cells(frame: "pd.DataFrame") -> "pd.DataFrame":
    """A frame for a csv file: text that a spreadsheet would run as a formula gets a ' in front, which shows it as text.

    Numbers stay as they are, and so does every name that `bench.table.rules` allows.

    Example:
        >>> import pandas as pd
        >>> as_cells(pd.DataFrame({"model": ["=1+1", "pca"], "score": [-1.0, 0.5]}))["model"].tolist()
        ["'=1+1", 'pca']
    """
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "OSU" or str(column.dtype) in ("category", "str", "string"):
            words = {w: f"'{w}" for w in column.unique() if isinstance(w, str) and w.startswith(FORMULA)}
            if words:
                changed[name] = column.astype(object).map(lambda w, words=words: words.get(w, w))
    return frame.assign(**changed).rename(columns=lambda n: f"'{n}" if str(n).startswith(FORMULA) else n)


def markdown(text: object) -> str:
    """Text escaped so that Markdown shows it literally, on one line.

    Example:
        >>> markdown("a_b <img> *c*")
        'a_b \\\\<img\\\\> \\\\*c\\\\*'
    """
    return re.sub(r"([\\`*<>\[\]|#&~$])|(?<!\w)_|_(?!\w)", r"\\\g<0>", " ".join(str(text).split()))


def markdown_code(text: object) -> str:
    """Text as a code span, whose fence is longer than any run of backticks in it.

    Example:
        >>> markdown_code("study=a`b")
        '`` study=a`b ``'
    """
    line = " ".join(str(text).split())
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{line}{space}{fence}"


def latex(text: object) -> str:
    """Text escaped so that LaTeX sets it literally, on one line; Greek letters become mathematics.

    Example:
        >>> latex("β-VAE, 50% of a_b & {c}")
        '$\\\\beta$-VAE, 50\\\\% of a\\\\_b \\\\& \\\\{c\\\\}'
    """
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(str(text).split()))


_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "β": r"$\beta$", "γ": r"$\gamma$", "–": "--",
}  # fmt: skip
