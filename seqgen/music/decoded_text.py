"""The text of files of music, which do not state their encoding."""


def decoded_text(data: bytes) -> str:
    """Return text in UTF-8, or else Latin-1, with line feeds."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
