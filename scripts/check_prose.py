"""Check the English of comments, docstrings, messages and documentation: part of ``make check``.

codespell finds misspelt words. The table below has correct phrases that slow a reader down: archaic
words and literal translations. Code blocks and text in backquotes are not checked.

    python scripts/check_prose.py              # every file that git knows
    python scripts/check_prose.py docs labkit  # those below a folder
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A phrase, as a regular expression where a space is any white space, and what to write instead.
PHRASES = {
    r"anew": "again",
    r"who(so)?ever": "anyone who",
    r"amiss": "wrong",
    r"shall": "must, will or should",
    r"lest": "so that ... does not",
    r"whilst": "while",
    r"hitherto|heretofore": "so far",
    r"here(by|of|in|upon)|there(by|of|in|upon)|where(by|of|upon)": "by it, of it, in it",
    r"heeds?|heeded|heeding": "watch for, obey",
    r"nought|naught|aught": "nothing, anything",
    r"forthwith": "at once",
    r"of late": "recently",
    r"as far as it goes": "(leave it out)",
    r"(stands?|stood) (in|there|beside|behind|below|above|at|on|before)(?! for)": "is in, is there",
    r"(is|are|was|were) no (?!longer|more|less|fewer|matter|problem|reason|sign|time|such|change|"
    r"of|[a-z]+er )[a-z]+": "is not a ...",
    r"no possible readings?|possible readings": "not a valid reading, invalid readings",
    r"made bad on purpose|bad on purpose": "deliberately malformed",
    r"of one's own": "separate",
    r"makes? (it|them) new": "creates it again",
    r", for (it|they|he|she|nobody|there|nothing|this|that|these|those) (is|are|was|were|has|have|"
    r"had|can|cannot|may|must|would|will|does|do)": "because ...",
    r"be it": "whether",
    r"as it were": "(leave it out)",
    r"at one's own|by one's own": "by itself",
    r"brought about": "caused",
}
FINE = r"\b(?:there|where) (?:is|are|was|were) no\b"
PATTERN = re.compile(
    "|".join([FINE, *(rf"\b(?P<p{n}>{phrase})\b" for n, phrase in enumerate(PHRASES))]).replace(
        " ", r"\s+"
    ),
    re.IGNORECASE,
)
QUOTING = ("check_prose", "test_check_prose")  # these files name the phrases
BETTER = list(PHRASES.values())

CODE_IN_MARKDOWN = re.compile(r"^( *)```.*?^\1```|``.+?``|`[^`\n]+`", re.DOTALL | re.MULTILINE)
CODE_IN_DOCSTRING = re.compile(r"``.+?``|`[^`\n]+`|\{[^{}\n]*\}")
COMMENT_IN_TYPESCRIPT = re.compile(r"/\*.*?\*/|(?<![:\"'`/])//[^\n]*", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Print each phrase with its place and a better one; return 1 where there is one."""
    paths = files(arguments)
    found = [(path.relative_to(ROOT), *phrase) for path in paths for phrase in phrases(path)]
    for path, line, phrase, better in found:
        print(f"{path}:{line}: {phrase!r}: better {better}")
    misspelt = subprocess.call([sys.executable, "-m", "codespell_lib", *paths], cwd=ROOT)
    print(f"prose: {len(found)} phrases to rewrite" if found else "prose: nothing to rewrite")
    return int(bool(found) or misspelt != 0)


def phrases(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield each phrase of a file with its line (of a notebook, its cell) and a better one."""
    for place, text in prose(path):
        for match in PATTERN.finditer(text):
            if match.lastgroup:
                line = place + text.count("\n", 0, match.start())
                yield line, " ".join(match[0].split()), BETTER[int(match.lastgroup[1:])]


def files(arguments: list[str]) -> list[Path]:
    """Return the files that git knows, or those of them below the paths given."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *arguments]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.suffix in READERS and path.stem not in QUOTING]


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each text of a file and the line it begins at; of a notebook, the cell's number."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        for number, cell in enumerate(json.loads(text)["cells"], start=1):
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                yield number, " ".join(blank(CODE_IN_MARKDOWN, source).split())
    else:
        yield 1, READERS[path.suffix](text)


def python_prose(source: str) -> str:
    """Return comments, docstrings and messages at their places, and blanks for the code."""
    lines = [[" "] * len(line) for line in source.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        is_text = kind in ("STRING", "FSTRING_MIDDLE") and token.string.count(" ") > 3
        if not is_text and kind != "COMMENT":
            continue
        row, column = token.start
        for line in token.string.splitlines():
            lines[row - 1][column : column + len(line)] = line
            row, column = row + 1, 0
    text = "\n".join("".join(line) for line in lines)
    return re.sub(r"""(?m)^(\s*)#|f?["']+$|^\s*f?["']+""", blanks, blank(CODE_IN_DOCSTRING, text))


def typescript_prose(source: str) -> str:
    """Return the comments at their places, and blanks for the code."""
    kept = list(re.sub(r"[^\n]", " ", source))
    for match in COMMENT_IN_TYPESCRIPT.finditer(source):
        kept[match.start() : match.end()] = re.sub(r"(?m)^\s*(\*|//)|`[^`\n]+`", blanks, match[0])
    return "".join(kept)


def blank(pattern: re.Pattern[str], text: str) -> str:
    """Replace what a pattern finds by blanks, so that lines keep their numbers."""
    return pattern.sub(blanks, text)


def blanks(match: re.Match[str]) -> str:
    """Return as many blanks as the match is long, with its line breaks."""
    return re.sub(r"[^\n]", " ", match[0])


READERS: dict[str, Callable[[str], str]] = {
    ".py": python_prose,
    ".pyi": python_prose,
    ".toml": lambda text: blank(CODE_IN_DOCSTRING, text),
    ".md": lambda text: blank(CODE_IN_MARKDOWN, text),
    ".ts": typescript_prose,
    ".tsx": typescript_prose,
    ".ipynb": str,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
