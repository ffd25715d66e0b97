"""HTML from functions, which escape everything but markup, so that any name stays text."""

from html import escape


class Html(str):
    """Markup, which is not escaped again."""


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element; None among children or attributes is left out, True is an attribute without a value.

    Attributes are written with a trailing underscore where Python needs one, and `_` for `-`.

    Example:
        >>> tag("td", "a < b", class_="name", data_value=1.5, hidden=None)
        '<td class="name" data-value="1.5">a &lt; b</td>'
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None and value is not False:
            written = key.rstrip("_").replace("_", "-")
            words.append(written if value is True else f'{written}="{escape(str(value))}"')
    opening = f"<{' '.join(words)}>"
    return Html(opening) if name in ("img", "input", "br") else Html(f"{opening}{join(*children)}</{name}>")


def join(*children: object) -> Html:
    """Children side by side, without an element around them."""
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None))
