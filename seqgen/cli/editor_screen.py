"""The screen of `seqgen write`: what is written, a status line, and questions."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from seqgen.cli import display
from seqgen.errors import SeqgenError

_STYLE = Style.from_dict(
    {
        "ghost": "ansibrightblack",
        "help": "ansibrightblack",
        "status": "reverse",
        "expected": "ansigreen bold",
        "possible": "ansiyellow bold",
        "surprising": "ansired bold",
    }
)
_SIGNALS = ("SIGTERM", "SIGHUP")


class Screen:
    """A window above a status line and a line of help, whose place a question takes.

    Args:
        window: shows what is written.
        status: returns the status line.
        line: returns the line above it, which is hidden while it is empty.
        help_line: the keys.
        keys: the key bindings, which must not apply while the screen is asking.

    Attributes:
        app: the application.
        message: replaces the help until the next key.
    """

    def __init__(
        self,
        window: Window,
        status: Callable[[], str],
        line: Callable[[], StyleAndTextTuples],
        help_line: str,
        keys: KeyBindings,
    ) -> None:
        self.message = ""
        self._help = help_line
        self._answers: Mapping[str, Callable[[], None]] = {}
        self._named: Callable[[str], None] | None = None
        self._name = TextArea(height=1, multiline=False, prompt="save as: ", accept_handler=self._on_name)
        self._window = window
        is_naming = Condition(lambda: self._named is not None)
        bottom = [
            ConditionalContainer(Window(FormattedTextControl(line), height=1), Condition(lambda: bool(line()))),
            Window(
                FormattedTextControl(lambda: display.visible(f" {status()}")),
                style="class:status",
                wrap_lines=True,
                dont_extend_height=True,
            ),
            ConditionalContainer(self._name, is_naming),
            ConditionalContainer(
                Window(FormattedTextControl(self._last_line), wrap_lines=True, dont_extend_height=True), ~is_naming
            ),
        ]
        self.app: Application[None] = Application(
            Layout(HSplit([window, *bottom]), window),
            key_bindings=merge_key_bindings([keys, self._keys()]),
            style=_STYLE,
            full_screen=True,
        )
        self.app.key_processor.before_key_press += self._forget_message

    @property
    def is_asking(self) -> bool:
        """Whether it waits for an answer or a name."""
        return bool(self._answers) or self._named is not None

    def run(self, recover: Callable[[], None]) -> None:
        """Show the screen until `exit`.

        Args:
            recover: saves what is not saved; called when anything else ends the program, at once after a signal.

        Raises:
            KeyboardInterrupt: a signal ended it.
        """
        try:
            with self._signals_handled(recover):
                self.app.run(handle_sigint=True)
        except EOFError as error:  # the terminal is gone
            raise KeyboardInterrupt from error
        finally:
            recover()

    def exit(self) -> None:
        """End the program."""
        self.app.exit()

    def ask(self, question: str, answers: Mapping[str, Callable[[], None]]) -> None:
        """Ask a question; a key answers it, and Escape withdraws it."""
        self.message, self._answers = question, answers

    def ask_name(self, named: Callable[[str], None]) -> None:
        """Ask for the name of a file, which Enter confirms and Escape withdraws."""
        self._named, self._name.text = named, ""
        self.app.layout.focus(self._name)

    def attempt(self, action: Callable[[], None]) -> bool:
        """Do something that may fail; show the error, and return whether it succeeded."""
        try:
            action()
        except SeqgenError as error:
            self.message = str(error)
            return False
        return True

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        is_answering, is_naming = Condition(lambda: bool(self._answers)), Condition(lambda: self._named is not None)
        keys.add(Keys.Any, filter=is_answering)(self._answer)
        for key in ("escape", "c-c", "c-q"):
            keys.add(key, filter=is_answering | is_naming, eager=True)(lambda _: self._withdraw())
        return keys

    def _answer(self, event: KeyPressEvent) -> None:
        answer = self._answers.get(event.data.lower())
        if answer is not None:
            self._withdraw()
            answer()

    def _withdraw(self) -> None:
        self.message, self._answers, self._named = "", {}, None
        self.app.layout.focus(self._window)

    def _on_name(self, buffer: Buffer) -> bool:
        """Use the name that was entered; the field is emptied."""
        named, name = self._named, buffer.text.strip()
        if named is not None and name:
            self._withdraw()
            named(name)
        return False

    def _last_line(self) -> StyleAndTextTuples:
        is_help = not self.message
        return [("class:help" if is_help else "", " " + (self._help if is_help else display.visible(self.message)))]

    def _forget_message(self, _: object) -> None:
        if not self._answers:
            self.message = ""

    @contextmanager
    def _signals_handled(self, recover: Callable[[], None]) -> Iterator[None]:
        """Recover at once after a signal, since the terminal may be gone, and end the application."""

        def end(*_: object) -> None:
            recover()
            if self.app.is_running and self.app.loop is not None:
                self.app.loop.call_soon_threadsafe(self._interrupt)

        numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
        before = {number: signal.signal(number, end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self) -> None:
        if self.app.is_running and not self.app.is_done:
            self.app.exit(exception=KeyboardInterrupt)
