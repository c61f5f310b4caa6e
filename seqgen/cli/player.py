"""Plays music with a program of the system."""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from seqgen.errors import SeqgenError
from seqgen.music.score import Score

# Programs with their arguments, and the format that they play.
_PLAYERS = (
    (("fluidsynth", "-ni"), ".mid"),
    (("timidity", "-id"), ".mid"),
    (("wildmidi",), ".mid"),
    (("afplay",), ".wav"),
    (("paplay",), ".wav"),
    (("aplay", "-q"), ".wav"),
)


class Player:
    """Plays one piece at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def play(self, score: Score) -> str:
        """Play music to its end, or until `stop`; return a message if the program fails.

        Raises:
            SeqgenError: there is no program that plays music, or it cannot be started.
        """
        from seqgen.music.write import rendered

        self.stop()
        command, suffix = next((each for each in _PLAYERS if shutil.which(each[0][0])), ((), ""))
        if not command:
            raise SeqgenError("no program plays music here: install fluidsynth or timidity, or save a file with ^S")
        with tempfile.TemporaryDirectory(prefix="seqgen-") as folder:
            path = Path(folder) / f"music{suffix}"
            path.write_bytes(rendered(score, suffix))
            silent = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *command, str(path), stdin=silent, stdout=silent, stderr=silent
            )
            self._process = process
            status = await process.wait()
        is_stopped = self._process is not process
        return f"{command[0]} failed with exit status {status}" if status and not is_stopped else ""

    def stop(self) -> bool:
        """Stop, and return whether music was playing."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return False
        with suppress(ProcessLookupError):
            process.terminate()
        return True
