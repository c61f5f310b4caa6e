"""Text encodings; Python's own decoding of the whole text is the oracle."""

import codecs
import encodings
import pkgutil

import pytest

from seqgen.corpus.encodings import ByteDecoder, canonical, decoded, effective, suggested
from seqgen.errors import UsageError

TEXT = "Hello, wörld! café ÀÉ Привет 日本語 한국어 中文\r\nline two +~ {} \\ end\n"


def encodings_of_files():
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            codecs.lookup(module.name)
            yield canonical(module.name)
        except (LookupError, UsageError):
            continue


@pytest.mark.parametrize("encoding", sorted(set(encodings_of_files())))
def test_decoding_in_chunks_equals_decoding_at_once_in_every_encoding(encoding):
    data = TEXT.encode(encoding, "ignore")
    effective_one = effective(encoding, data)
    expected = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    for size in (1, 2, 3):
        decoder = ByteDecoder(effective_one, "strict")
        chunks = [decoder.feed(data[place : place + size]) for place in range(0, len(data), size)]
        assert "".join([*chunks, decoder.feed(b"", is_last=True)]) == expected


@pytest.mark.parametrize(
    "encoding", ["utf-9", "base64", "rot13", "hex", "idna", "punycode", "undefined", "utf-8\0", ""]
)
def test_encodings_that_files_cannot_have_are_rejected(encoding):
    with pytest.raises(UsageError, match="is not a known text encoding; common ones are utf-8"):
        canonical(encoding)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_overrides_the_given_encoding(encoding):
    mark = "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    data = f"{mark}café".encode(encoding)
    for named in ("utf-8", "cp1252", "utf-16-be"):
        assert ByteDecoder(effective(named, data), "strict").feed(data, is_last=True) == "café"
    assert decoded(data) == "café"


@pytest.mark.parametrize("text", ["Hello there.\n", "Все счастливые семьи похожи.\n", "他们说今天的天气很好。\n"])
@pytest.mark.parametrize("named", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_the_byte_order_is_detected_without_a_mark(text, named, order):
    data = text.encode(f"{named}-{order}")
    assert effective(named, data) == f"{named}-{order}" == suggested(data)


SAMPLES = {
    "cp1252": [
        "“Hello” — it’s €5 and the cat sat on the mat.\n",
        "It’s raining, and the dog doesn’t like it at all.\n",
        "café au lait",
        "Die Straße führt über die schöne Brücke. „Guten Tag“, sagte er.\n",
        "Les élèves ont été très contents de leur été à la mer. Où êtes-vous allés?\n",
        "Perché no? È così che la città è più bella.\n",
        "El niño comió una manzana. ¿Qué pasó después?\n",
    ],
    "cp1250": ["Zażółć gęślą jaźń. Wszystkie dzieci są już w szkole, a nauczycielka czeka.\n"],
    "cp1251": ["Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n"],
    "koi8-r": ["Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n"],
    "cp1253": ["Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.\n"],
    "cp1254": ["Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Işık güneş.\n"],
    "cp1255": ["כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.\n"],
    "shift_jis": ["吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"],
    "euc_jp": ["吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"],
    "iso2022_jp": ["吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n"],
    "gb18030": ["他们说今天的天气很好，我们一起去公园散步吧。\n"],
    "big5": ["他們說今天的天氣很好，我們一起去公園散步吧。\n"],
    "euc_kr": ["모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n"],
    "utf-8": ["Die Straße führt über die Brücke.\n"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in SAMPLES.items() for text in texts])
@pytest.mark.parametrize("times", [1, 20])
def test_the_encoding_that_fits_is_suggested(encoding, text, times):
    data = (text * times).encode(encoding)
    assert data.decode(suggested(data)) == text * times


def test_a_few_invalid_bytes_in_utf_8_suggest_no_other_encoding():
    assert suggested("Die Straße führt über die Brücke.".encode() + b"\xff" + "Schöne Grüße".encode()) == "utf-8"
    assert suggested("Die Straße führt über die Brücke".encode()[:-5]) == "utf-8"  # cut inside a character


def test_no_encoding_is_suggested_that_yields_control_characters():
    data = (
        "Les élèves ont été très contents de leur été à la mer. Où êtes-vous allés?\n".encode("latin-1") + b"\x81\x9d"
    )
    assert not (suggested(data) or "").startswith("iso8859")


@pytest.mark.parametrize("data", [bytes(range(256)) * 10, b"\x7fELF" + bytes(100), b"x\0"])
def test_binary_data_suggests_no_encoding(data):
    assert suggested(data) is None


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("encoding", "data", "text", "count"),
    [
        ("utf-8", b"caf\xe9 au \xff\xfelait", "caf\ufffd au \ufffd\ufffdlait", 3),
        ("utf-8", b"ab\xe2\x82", "ab\ufffd", 2),
        ("utf-8", b"ab\xed\xa0\x80c", "ab\ufffd\ufffd\ufffdc", 3),  # a lone surrogate
        ("utf-8", b"a\r\n\xff\r\nb\xef\xbf\xbd", "a\n\ufffd\nb\ufffd", 1),  # the last one was in the text
        ("utf-16-le", "ab".encode("utf-16-le") + b"\x00\xdc" + b"c\0d", "ab\ufffdc\ufffd", 3),
        ("shift_jis", "日本".encode("shift_jis") + b"\xff" + b"abc", "日本\ufffdabc", 1),
        ("cp1252", b"a\x81b", "a\ufffdb", 1),
    ],
)
def test_invalid_bytes_are_replaced_and_counted(encoding, data, text, count, size):
    decoder = ByteDecoder(encoding, "replace")
    chunks = [decoder.feed(data[place : place + size]) for place in range(0, len(data), size)]
    assert "".join([*chunks, decoder.feed(b"", is_last=True)]) == text
    assert decoder.num_replaced == count
