"""The editor of `seqgen write` for models of music, in which bars are kept, replaced and played."""

from collections.abc import Callable
from functools import partial

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FormattedTextControl, Window

from seqgen.cli import display
from seqgen.cli.background import Background
from seqgen.cli.editor_screen import Screen
from seqgen.cli.manuscript import ScoreFile
from seqgen.cli.player import Player
from seqgen.cli.saving import Saving
from seqgen.errors import SeqgenError
from seqgen.music.score import Score
from seqgen.music.textroll import text as as_text
from seqgen.wording import counted
from seqgen.writing.bar_suggester import BarSuggester, Draft

_HELP = "Tab keep S-Tab other p play a play all ^T^R temperature ^Z^Y undo redo ^S save ^Q quit"
_NUM_SHOWN = 4  # of the bars that are kept
_NUM_OTHER_LINES = 8  # of the screen


class BarEditor:
    """The editor; `run` shows it until the user quits.

    Args:
        file: where the kept bars are saved.
        suggester: suggests bars.
        temperature: at the beginning.
        name: of the model.
    """

    def __init__(self, file: ScoreFile, suggester: BarSuggester, temperature: float, name: str) -> None:
        self.file = file
        self.temperature = temperature
        self._suggester = suggester
        self._name = name
        self._num_drafts = 0
        self._undone: list[Draft] = []
        self._done: list[Draft] = []
        self.draft = suggester.draft(None, temperature, 0)
        window = Window(FormattedTextControl(self._rolls, focusable=True, show_cursor=False))
        self.screen = Screen(window, self._status, list, _HELP, self._keys())
        self.app: Application[None] = self.screen.app
        self.saving = Saving(self.screen, file, lambda: self.draft.kept)
        self.background = Background(self.app, self._compute)
        self.player = Player()

    def run(self) -> None:
        """Show the editor until the user quits; however it ends, the music is saved or deliberately discarded.

        Raises:
            KeyboardInterrupt: a signal ended it.
        """
        try:
            self.screen.run(self.saving.recover)
        finally:
            self.player.stop()
            self.background.close()
            if self.file.recovered is not None:
                display.note(f"the music is saved as {self.file.recovered}")

    def _compute(self, _: Callable[[], bool]) -> Callable[[], None]:
        return partial(self._show, self._suggester.draft(self.draft, self.temperature, self._num_drafts))

    def _show(self, draft: Draft) -> None:
        self.draft = draft

    # Keys

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        is_music = Condition(lambda: not self.screen.is_asking)
        actions: dict[Keys | str, Callable[[], None]] = {
            "tab": self._keep,
            "s-tab": self._reject,
            "p": lambda: self._play(self.draft.offered or self.draft.kept),
            "a": lambda: self._play(self.draft.plan[: self.draft.end]),
            "c-t": lambda: self._warm(1),
            "c-r": lambda: self._warm(-1),
            "c-z": lambda: self._travel(self._done, self._undone),
            "c-y": lambda: self._travel(self._undone, self._done),
            "c-s": lambda: self.saving.save(),
            "c-q": lambda: self.saving.quit(),
            "c-c": lambda: self.saving.quit(),
            Keys.SIGINT: lambda: self.saving.quit(),
        }
        for key, action in actions.items():
            keys.add(key, filter=is_music)(partial(_call, action))
        return keys

    def _keep(self) -> None:
        """Keep the bars that are offered, unless others are being computed."""
        if not self.background.is_idle:
            self.screen.message = "the model is still writing other bars"
        elif self.draft.offered is None:
            self.screen.message = "the piece has ended: ^S saves it, ^Z goes back"
        else:
            self._done.append(self.draft)
            self._undone.clear()
            self.draft = self.draft.with_offered()

    def _reject(self) -> None:
        if self.draft.offered is None:
            self.screen.message = "the piece has ended: ^S saves it, ^Z goes back"
        else:
            self._num_drafts += 1
            self.background.request()

    def _travel(self, back: list[Draft], forth: list[Draft]) -> None:
        """Undo or redo the last choice."""
        if back and self.background.is_idle:
            forth.append(self.draft)
            self.draft = back.pop()

    def _warm(self, steps: int) -> None:
        self.temperature = max(0.0, round(self.temperature + steps / 10, 2))
        self._reject()

    def _play(self, score: Score | None) -> None:
        if score is not None and not self.player.stop():
            self.screen.message = "playing; p stops"
            self.app.create_background_task(self._played(score))

    async def _played(self, score: Score) -> None:
        try:
            self.screen.message = await self.player.play(score)
        except (SeqgenError, OSError) as error:
            self.screen.message = str(error)
        self.app.invalidate()

    # Display

    def _status(self) -> str:
        kept, num_bars = (self._number(count) for count in (self.draft.num_kept, len(self.draft.plan)))
        state = f"{counted(kept, 'bar')} of {num_bars} kept  {self._name}, temperature {self.temperature:g}"
        return f"{self.saving.status}  {state}{'' if self.background.is_idle else '  ...'}"

    def _rolls(self) -> StyleAndTextTuples:
        """Return the last kept bars, and below them those that are offered."""
        size = self.app.output.get_size()
        num_rows = max(4, (size.rows - _NUM_OTHER_LINES) // 2)
        draft = self.draft
        shown: StyleAndTextTuples = []
        first = max(0, draft.num_kept - _NUM_SHOWN)
        parts = [("", "kept", first, draft.num_kept), ("class:ghost", "offered", draft.num_kept, draft.end)]
        for style, title, begin, end in parts:
            if begin < end:
                roll = as_text(draft.plan[begin:end], size.columns, num_rows)
                shown.append((style, f" bars {self._number(begin + 1)} to {self._number(end)}, {title}\n{roll}\n\n"))
        return shown

    def _number(self, count: int) -> int:
        """Return the number of the last of some bars; that of a pickup is 0."""
        return max(0, count - bool(self.draft.plan.pickup))


def _call(action: Callable[[], None], _: object) -> None:
    action()
