"""The commands in README.md and docs/, and `make docs`, which runs them all and replaces the output below each.

A block that begins with ```console holds commands, on lines that begin with `$ `, each followed by its output. All
commands of all pages run in one folder, page by page. Long progress is shortened to its first and last steps. A page
may show a picture that a command draws: it is copied to docs/images/.
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

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
AREAS = {"Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific"}
_BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```)", re.DOTALL)
_PICTURE = re.compile(r"!\[[^]]*\]\((?:docs/)?images/([\w-]+\.png)\)")
_SHOWN = 2  # steps at the beginning and at the end of a training


def write_files(folder: Path) -> None:
    """Write the text that the pages use."""
    names = sorted({zone.split("/")[-1].replace("_", " ") for zone in _zones()})
    (folder / "towns.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


def _zones() -> Iterator[str]:
    return (zone for zone in zoneinfo.available_timezones() if zone.split("/")[0] in AREAS)


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of all `seqgen` commands of a page."""
    lines = [line for block in _BLOCK.findall(page.read_text(encoding="utf-8")) for line in block.splitlines()]
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ ")]
    return [words[1:] for words in found if words[0] == "seqgen"]


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
    """Return what a command printed, without the steps in the middle of a training and without trailing spaces."""
    lines = [line.rstrip() for line in output.splitlines()]
    steps = [number for number, line in enumerate(lines) if re.match(r"step [\d,]+  ", line)]
    left_out = set(steps[_SHOWN:-_SHOWN]) if len(steps) > 2 * _SHOWN + 1 else set()
    shown = ["..." if number == min(left_out, default=None) else line for number, line in enumerate(lines)
             if number not in left_out or number == min(left_out)]  # fmt: skip
    return "".join(f"{line}\n" for line in shown)


def main() -> None:
    """Update all pages."""
    with tempfile.TemporaryDirectory(prefix="seqgen-docs-") as name:
        folder = Path(name)
        write_files(folder)

        def run(command: str) -> str:
            print("$", command, flush=True)
            words = [sys.executable, "-m", *shlex.split(command, comments=True)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "dumb"}
            done = subprocess.run(
                words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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
