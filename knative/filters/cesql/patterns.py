r"""The patterns of LIKE: `%` for any characters, `_` for one, `\%` and `\_` for themselves.

Source: CloudEvents SQL 1.0, section 3.4.3.
"""

from __future__ import annotations

import re


def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return a LIKE pattern as a regular expression that never tries a part twice.

    Between two `%`, the first place a part fits is as good as any later one, so the group is
    atomic: matching takes at most time in proportion to text times pattern.
    """
    parts: list[str] = [""]
    for piece in re.findall(r"\\[%_]|[\s\S]", pattern):
        if piece == "%":
            parts.append("")
        else:
            parts[-1] += "." if piece == "_" else re.escape(piece[-1])
    first, *middle = parts
    if not middle:
        return re.compile(first, re.DOTALL)
    last = middle.pop()
    found = "".join(f"(?>.*?{part})" for part in middle if part)
    # of all its places only the last one can end the text, and the greedy `.*` begins there
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)
