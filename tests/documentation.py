"""The commands in README.md and docs/, and `make docs`, which runs them all and replaces the output below each.

A block that begins with ```console holds commands, on lines that begin with `$ `, each followed by its output. All
commands of all pages run in one folder, page by page. Long progress is shortened to its first and last steps. A page
may show a picture that a command draws: it is copied to docs/images/. `printf 'TEXT' |` before a command is its
standard input.

A block that begins with ```python holds a program; the first of docs/pairs.md writes the pairs that the pages use, and
that of docs/signals.md the images.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
AREAS = {"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
_PIPED = re.compile(r"printf '([^']*)' \| ")
_PROGRAM = re.compile(r"(?<=```python\n)(.*?)(?=```)", re.DOTALL)
_BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```)", re.DOTALL)
_PICTURE = re.compile(r"!\[[^]]*\]\((?:docs/)?images/([\w-]+\.png)\)")
_SHOWN = 2  # steps at the beginning and at the end of a training


class Command(NamedTuple):
    """A `seqgen` command of a page.

    Attributes:
        arguments: its arguments.
        stdin: its standard input; None for a command that reads nothing.
    """

    arguments: list[str]
    stdin: str | None

    @classmethod
    def parse(cls, line: str) -> "Command":
        """Return the command on a line, without `$ `."""
        piped = _PIPED.match(line)
        words = shlex.split(line[piped.end() if piped else 0 :], comments=True)
        if words[:1] != ["seqgen"]:
            raise ValueError(f"a command of a page must be seqgen, got {line!r}")
        return cls(words[1:], piped[1].replace("\\n", "\n") if piped else None)


def write_files(folder: Path) -> None:
    """Write the text, the pairs and the images that the pages use."""
    names = sorted({zone.split("/")[-1].replace("_", " ") for zone in _zones()})
    (folder / "towns.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    for page in "pairs.md", "signals.md":
        subprocess.run([sys.executable, "-c", programs(ROOT / "docs" / page)[0]], cwd=folder, check=True)


def _zones() -> Iterator[str]:
    return (zone for zone in zoneinfo.available_timezones() if zone.split("/")[0] in AREAS)


def commands(page: Path) -> list[Command]:
    """Return all commands of a page."""
    lines = [line for block in _BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]
    return [Command.parse(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def programs(page: Path) -> list[str]:
    """Return all Python programs of a page."""
    return _PROGRAM.findall(page.read_text(encoding="utf-8"))


def updated(text: str, run: Callable[[str], str]) -> str:
    """Return the text of a page with new output below each command.

    Args:
        text: the page.
        run: returns what a command prints.
    """

    def block(match: re.Match[str]) -> str:
        typed = [line for line in match[1].splitlines() if line.startswith("$ ")]
        return "".join(f"{line}\n{shortened(run(line.removeprefix('$ ')))}" for line in typed)

    return _BLOCK.sub(block, text)


def shortened(output: str) -> str:
    """Return what a command printed, without the steps in the middle of a training, and trailing spaces."""
    lines = [line.rstrip() for line in output.splitlines()]
    steps = [number for number, line in enumerate(lines) if re.match(r"step [\d,]+  ", line)]
    left_out = set(steps[_SHOWN:-_SHOWN]) if len(steps) > 2 * _SHOWN + 1 else set()
    for number, line in enumerate(lines):  # the example of a validation follows its step
        if number - 1 in left_out and re.match(r"(given|reference|output)  ", line):
            left_out.add(number)
    shown = ["..." if number == min(left_out, default=None) else line for number, line in enumerate(lines)
             if number not in left_out or number == min(left_out)]  # fmt: skip
    return "".join(f"{line}\n" for line in shown)


def main() -> None:
    """Update all pages."""
    with tempfile.TemporaryDirectory(prefix="seqgen-docs-") as name:
        folder = Path(name)
        write_files(folder)

        def run(line: str) -> str:
            print("$", line, flush=True)
            command = Command.parse(line)
            words = [sys.executable, "-m", "seqgen", *command.arguments]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "dumb"}
            done = subprocess.run(
                words,
                cwd=folder,
                env=environment,
                input=command.stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            if done.returncode:
                sys.exit(done.stdout)
            return done.stdout

        for page in PAGES:
            text = updated(page.read_text(encoding="utf-8"), run)
            page.write_text(text, encoding="utf-8")
            for picture in _PICTURE.findall(text):
                if (folder / picture).is_file():
                    shutil.copy(folder / picture, ROOT / "docs" / "images")


if __name__ == "__main__":
    main()
