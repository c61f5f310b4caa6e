"""The text editor of `seqgen write`, in which a model suggests how to go on."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, Window

from seqgen.cli import display
from seqgen.cli.background import Background
from seqgen.cli.editor_screen import Screen
from seqgen.cli.manuscript import Manuscript
from seqgen.cli.saving import Saving
from seqgen.cli.word_wrap import WordWrap
from seqgen.config import SamplingConfig
from seqgen.wording import counted
from seqgen.writing.ghost import ENOUGH, Ghost
from seqgen.writing.next_words import NextWord
from seqgen.writing.suggester import Suggester
from seqgen.writing.words import begins_inside_word

NUM_CHOICES = 3
_HELP = "Tab word S-Tab other ^N words ^T^R temperature ^Z^Y undo redo ^S save ^Q quit"
_SURPRISALS = ((2.0, "class:expected"), (5.0, "class:possible"))  # in bits


class Editor:
    """The editor; `run` shows it until the user quits.

    Args:
        manuscript: the text with its file.
        suggester: suggests continuations.
        config: temperature, filters and seed at the beginning.
        name: of the model.
    """

    def __init__(self, manuscript: Manuscript, suggester: Suggester, config: SamplingConfig, name: str) -> None:
        self.manuscript = manuscript
        self.config = config
        self.choices: list[NextWord] = []
        self.ghost = Ghost(manuscript.text)
        self._suggester = suggester
        self._name = name
        self._attempt = 0
        self._wants_choices = self._wants_word = False
        text = manuscript.text
        self.buffer = Buffer(
            document=Document(text, len(text)), multiline=True, on_text_changed=self._on_change,
            on_cursor_position_changed=self._on_change,
        )  # fmt: skip
        control = BufferControl(self.buffer, input_processors=[WordWrap(self._shown_ghost)])
        self.screen = Screen(Window(control, wrap_lines=True), self._status, self._choice_line, _HELP, self._keys())
        self.app: Application[None] = self.screen.app
        self.saving = Saving(self.screen, manuscript, lambda: self.buffer.text)
        self.background = Background(self.app, self._compute)

    def run(self) -> None:
        """Show the editor until the user quits; however it ends, the text is saved or deliberately discarded.

        Raises:
            KeyboardInterrupt: a signal ended it.
        """
        self._compute(lambda: False)()  # compiles kernels before the screen is filled
        try:
            self.screen.run(self.saving.recover)
        finally:
            self.background.close()
            if self.manuscript.recovered is not None:
                display.note(f"the text is saved as {self.manuscript.recovered}")

    # Suggestions

    def _on_change(self, _: Buffer) -> None:
        text = self.buffer.text
        if text != self.ghost.before:
            self._attempt = 0
            self.ghost = self.ghost.moved_to(text)
        self.choices, self._wants_choices, self._wants_word = [], False, False
        self.background.request()

    def _compute(self, is_outdated: Callable[[], bool]) -> Callable[[], None]:
        """Compute suggestions for the present text, in any thread; return what shows them."""
        text, place, ghost = self.buffer.text, self.buffer.cursor_position, self.ghost
        more, choices = "", list[NextWord]()
        if self._wants_choices:
            choices = self._suggester.next_words(text[:place], NUM_CHOICES, is_outdated)
        elif place == len(text) and len(ghost.text) < ENOUGH:
            more = self._suggester.continuation(text + ghost.text, self.config, self._attempt, is_outdated)
        return partial(self._show, ghost._replace(text=ghost.text + more), choices)

    def _show(self, ghost: Ghost, choices: list[NextWord]) -> None:
        self.ghost, self.choices = ghost, choices
        if self._wants_choices and not choices:
            self.screen.message = "the model knows no word that could follow"
        self._wants_choices = False
        if self._wants_word:
            self._accept()

    def _shown_ghost(self) -> str:
        is_at_end = self.buffer.cursor_position == len(self.buffer.text)
        return _on_one_line(self.ghost.text) if is_at_end and not self.choices else ""

    # Keys

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        is_text = Condition(lambda: not self.screen.is_asking)
        has_choices = Condition(lambda: bool(self.choices)) & is_text
        never = {"save_before": lambda _: False}
        keys.add("tab", filter=is_text)(lambda _: self._accept())
        keys.add("s-tab", filter=is_text)(lambda _: self._reject())
        keys.add("c-n", filter=is_text)(lambda _: self._choose())
        keys.add("c-t", filter=is_text)(lambda _: self._warm(1))
        keys.add("c-r", filter=is_text)(lambda _: self._warm(-1))
        keys.add("c-z", filter=is_text, **never)(lambda _: self.buffer.undo())  # type: ignore[arg-type]
        keys.add("c-y", filter=is_text, **never)(lambda _: self.buffer.redo())  # type: ignore[arg-type]
        keys.add("c-s", filter=is_text)(lambda _: self.saving.save())
        keys.add("c-q", filter=is_text)(lambda _: self.saving.quit())
        keys.add("c-c", filter=is_text)(lambda _: self.saving.quit())
        keys.add(Keys.SIGINT)(lambda _: self.saving.quit())
        keys.add(Keys.Any, filter=is_text, save_before=_begins_word)(lambda event: self.buffer.insert_text(event.data))
        keys.add("escape", filter=has_choices, eager=True)(lambda _: self._on_change(self.buffer))
        for number in range(NUM_CHOICES):
            keys.add(str(number + 1), filter=has_choices)(partial(self._insert, number))
        return keys

    def _accept(self) -> None:
        """Insert the first word of the ghost as soon as there is one."""
        if self.buffer.cursor_position < len(self.buffer.text):
            self.screen.message = "suggestions follow the end of the text; ^N also works here"
        elif self.ghost.text:
            self.buffer.insert_text(self.ghost.word)
        elif self.background.is_idle:
            self.screen.message = "the model would end the text here; S-Tab asks again"
        else:
            self._wants_word = True

    def _reject(self) -> None:
        self._attempt += 1
        self._restart()

    def _restart(self) -> None:
        self.ghost = Ghost(self.buffer.text)
        self._on_change(self.buffer)

    def _choose(self) -> None:
        self._on_change(self.buffer)
        self._wants_choices = True

    def _insert(self, number: int, _: KeyPressEvent) -> None:
        if number < len(self.choices):
            self.buffer.insert_text(self.choices[number].text)

    def _warm(self, steps: int) -> None:
        self.config = replace(self.config, temperature=max(0.0, round((self.config.temperature or 0) + steps / 10, 2)))
        self._restart()

    # Display

    def _status(self) -> str:
        words = counted(len(self.buffer.text.split()), "word")
        return f"{self.saving.status}  {words}  {self._name}, temperature {self.config.temperature:g}"

    def _choice_line(self) -> StyleAndTextTuples:
        """Return the choices, coloured by their surprisal."""
        before = self.buffer.document.text_before_cursor
        shown: StyleAndTextTuples = []
        for number, word in enumerate(self.choices, 1):
            is_rest = before[-1:].strip() and begins_inside_word(word.text)
            style = next((style for most, style in _SURPRISALS if word.bits < most), "class:surprising")
            text = ("\u2026" if is_rest else "") + _on_one_line(word.text).strip()
            shown += [("", f" {number} "), (style, text), ("class:help", f" {word.bits:.1f} bits  ")]
        return shown


def _begins_word(event: KeyPressEvent) -> bool:
    """Return whether a typed character is not within a word, so that undo goes word by word."""
    before = event.current_buffer.document.char_before_cursor
    return not (before.isalnum() and event.data.isalnum())


def _on_one_line(text: str) -> str:
    return display.visible(text.replace("\n", "\u21b5")).replace("\t", "    ")
