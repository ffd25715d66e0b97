"""The figures' typeface: a subset of DejaVu Sans, made once, because every pdf subsets it again to the glyphs it uses.

Most of that time would go into glyphs and features that no figure uses. The copy has kerning and the letters of
European languages and mathematics; other letters come from DejaVu Sans itself.
"""

from functools import cache
from pathlib import Path

import matplotlib as mpl
from fontTools.subset import Options, Subsetter, load_font, save_font
from matplotlib.font_manager import fontManager

from bench.store.files import writing

WHOLE, CUT = "DejaVu Sans", "Figure Sans"
LETTERS = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F),  # Latin, Greek, Cyrillic
    (0x2010, 0x2044), (0x2070, 0x209C), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x25A0, 0x25CF),  # signs
)  # fmt: skip


@cache
def families() -> list[str]:
    """Families for `font.family`, registered with matplotlib; the copy is stored in its cache."""
    for style in ("", "-Bold"):
        name = f"{WHOLE.replace(' ', '')}{style}.ttf"
        copy = Path(mpl.get_cachedir()) / f"figures-{mpl.__version__}-{name}"
        if not copy.exists():
            _cut(Path(mpl.get_data_path()) / "fonts" / "ttf" / name, copy)
        fontManager.addfont(copy)
    return [CUT, WHOLE]


def _cut(source: Path, copy: Path) -> None:
    options = Options(layout_features=["kern"], name_IDs=["*"], drop_tables=["FFTM", "GDEF", "MATH", "DSIG"])
    font, subsetter = load_font(source, options), Subsetter(options)
    subsetter.populate(unicodes=[letter for first, last in LETTERS for letter in range(first, last + 1)])
    subsetter.subset(font)
    for record in font["name"].names:
        record.string = str(record).replace(WHOLE, CUT).replace(WHOLE.replace(" ", ""), CUT.replace(" ", ""))
    with writing(copy) as file:
        save_font(font, file, options)
