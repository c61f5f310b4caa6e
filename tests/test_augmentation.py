"""Augmentation: signals change as described, in the same way however a batch is divided, and never get shorter."""

import pytest
import torch

from seqgen.config import ModelConfig
from seqgen.encoders import _augmentation, _image_networks
from seqgen.encoders._convolutions import InstanceNorm
from seqgen.encoders.audio import AudioCoding
from seqgen.encoders.image import ImageCoding
from seqgen.encoders.strokes import StrokesCoding
from seqgen.noise import Noise

CODINGS = {
    "lines": ImageCoding(48, is_line=True),
    "pictures": ImageCoding(64, is_line=False),
    "recordings": AudioCoding(8000, 40),
    "strokes": StrokesCoding(16),
}
LENGTHS = torch.tensor([64, 30, 47])
CHANGES = {
    _image_networks: ("_SLANT", "_SHIFT", "_WEIGHT", "_STRETCH", "_ZOOM", "_WAVES"),
}


@pytest.fixture(params=["lines"])
def coding(request):
    return CODINGS[request.param]


@pytest.fixture
def front_end(coding, generator):
    usual = coding.subsamplings[0] if coding.subsamplings else 1
    made = coding.front_end(ModelConfig(num_layers=1, hidden_size=8, embedding_size=8, subsampling=usual))
    made.initialise(generator)
    return made


@pytest.fixture
def rows(coding, generator):
    shape = (64, 3, *coding.shape)
    if coding.dtype == "uint8":
        return torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    return torch.randn(shape, generator=generator)


@pytest.fixture
def without_changes(monkeypatch):
    for module, names in CHANGES.items():
        for name in names:
            monkeypatch.setattr(module, name, 0.0)


def test_signals_change_and_do_not_shrink(front_end, rows):
    plain, counts = front_end(rows, LENGTHS)
    changed, new_counts = front_end(rows, LENGTHS, torch.float32, Noise(1, 3))
    assert (new_counts >= counts).all()  # a text that had room for ctc still has it
    assert len(changed) == new_counts.max()
    assert not torch.allclose(plain[:5], changed[:5], atol=0.1)
    other, _ = front_end(rows, LENGTHS, torch.float32, Noise(2, 3))
    assert not torch.allclose(other[:5], changed[:5], atol=0.1)


def test_changes_do_not_depend_on_how_a_batch_is_divided(front_end, rows):
    whole, counts = front_end(rows, LENGTHS, torch.float32, Noise(1, 3))
    for place in range(3):
        some = slice(place, place + 1)
        part, (count,) = front_end(rows[:, some], LENGTHS[some], torch.float32, Noise(1, 3).from_stream(place))
        assert count == counts[place]
        torch.testing.assert_close(part[:count, 0], whole[:count, place], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coding", [CODINGS[name] for name in ("pictures", "recordings", "strokes")])
def test_other_signals_do_not_change(front_end, rows):
    assert torch.equal(front_end(rows, LENGTHS)[0], front_end(rows, LENGTHS, torch.float32, Noise(1, 3))[0])


@pytest.mark.usefixtures("without_changes")
def test_changes_of_size_zero_change_nothing(front_end, rows):
    expected, counts = front_end(rows, LENGTHS)
    found, new_counts = front_end(rows, LENGTHS, torch.float32, Noise(1, 3))
    assert new_counts.tolist() == counts.tolist()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def centres(lines):
    """Return the mean column of what is written in each row of each line, shape (lines, rows)."""
    columns = torch.arange(lines.shape[-1], dtype=torch.float32)
    return (lines[:, 0] * columns).sum(-1) / lines[:, 0].sum(-1)


@pytest.mark.usefixtures("without_changes")
def test_a_slanted_stroke_remains_straight_and_inside(monkeypatch):
    monkeypatch.setattr(_image_networks, "_SLANT", 0.3)
    lines = torch.zeros(8, 1, 48, 30)
    lines[..., 1] = 1.0  # upright, at the left edge
    changed, lengths = _image_networks._changed_line(lines, torch.full((8,), 30), Noise(1, 8))
    torch.testing.assert_close(changed.sum((1, 2, 3)), torch.full((8,), 48.0), rtol=1e-3, atol=0)  # nothing is lost
    slopes = centres(changed).diff(dim=1)
    torch.testing.assert_close(slopes, slopes[:, :1].expand_as(slopes), rtol=0, atol=1e-3)
    assert slopes.abs().max() <= 0.3
    assert slopes[:, 0].unique().numel() == 8
    assert lengths.tolist() == (30 + 47 * slopes[:, 0].abs() - 1e-3).ceil().tolist()


@pytest.mark.usefixtures("without_changes")
def test_a_stretched_line_has_more_columns_and_a_squeezed_one_as_many(monkeypatch):
    monkeypatch.setattr(_image_networks, "_STRETCH", 0.2)
    lines = torch.zeros(8, 1, 48, 40)
    lines[..., 29:31] = 1.0
    changed, lengths = _image_networks._changed_line(lines, torch.full((8,), 40), Noise(1, 8))
    factors = (centres(changed)[:, 0] + 0.5) / 30
    assert 0.8 < factors.min() < 1 < factors.max() < 1.23
    assert lengths.tolist() == pytest.approx((40 * factors.clamp(min=1)).tolist(), abs=1.0)


@pytest.mark.usefixtures("without_changes")
def test_nothing_is_lost_at_the_sides_of_a_slanted_and_stretched_line(monkeypatch):
    monkeypatch.setattr(_image_networks, "_SLANT", 0.3)
    lines = torch.zeros(16, 1, 48, 40)
    lines[..., 0] = lines[..., 39] = 1.0
    for stretch in (0.0, 0.2):
        monkeypatch.setattr(_image_networks, "_STRETCH", stretch)
        changed, lengths = _image_networks._changed_line(lines, torch.full((16,), 40), Noise(1, 16))
        factors = torch.exp(stretch * Noise(1, 16).stream_uniform(16, 5)[:, 3])
        torch.testing.assert_close(changed.sum((1, 2, 3)), 96 * factors, rtol=0.02, atol=0)
        assert (lengths >= 40).all()


def test_waves_are_smooth_and_small():
    found = _augmentation.waves(Noise(1, 4), 4, 48, 300, 310)
    assert found.shape == (2, 4, 48, 300)
    assert 0.5 < found.abs().max() <= 1
    assert found.diff(dim=-1).abs().max() <= 2 / 24 + 1e-6


@pytest.mark.parametrize("shape", [(3, 5, 11), (3, 5, 4, 11)])
def test_instance_normalization_is_that_of_torch_and_ignores_padding(shape, generator):
    norm = InstanceNorm(5)
    torch.nn.init.normal_(norm.weight, generator=generator)
    torch.nn.init.normal_(norm.bias, generator=generator)
    values, lengths = torch.randn(shape, generator=generator), torch.tensor([11, 7, 2])
    for place, length in enumerate(lengths.tolist()):
        values[place, ..., length:] = 0
    found = norm(values, lengths)
    for place, length in enumerate(lengths.tolist()):
        expected = torch.nn.functional.instance_norm(values[[place], ..., :length], weight=norm.weight, bias=norm.bias)
        torch.testing.assert_close(found[[place], ..., :length], expected)


@pytest.mark.parametrize(("offset", "tolerance"), [(0.0, 0.05), (20.0, 0.12)])  # near 20 the mean is rounded by 1/16
def test_instance_normalization_in_bfloat16_agrees_within_its_rounding(offset, tolerance, generator):
    norm, lengths = InstanceNorm(4), torch.tensor([9, 1])
    values = torch.randn(2, 4, 9, generator=generator) + offset
    values[1, :, 1:] = 0
    values = values.bfloat16()
    expected, found = norm(values.float(), lengths), norm(values, lengths).float()
    torch.testing.assert_close(found[0], expected[0], rtol=0.05, atol=tolerance)
    assert not found[1, :, 0].any()  # a single number is its own mean


@pytest.mark.parametrize("kind", ["lines", "recordings", "strokes"])
def test_each_subsampling_divides_the_positions(kind, generator):
    coding = CODINGS[kind]
    for subsampling in coding.subsamplings:
        config = ModelConfig(num_layers=1, hidden_size=8, embedding_size=8, subsampling=subsampling)
        front_end = coding.front_end(config)
        front_end.initialise(generator)
        vectors, counts = front_end(torch.ones(13, 2, *coding.shape), torch.tensor([13, 4]))
        assert counts.tolist() == [-(-13 // subsampling), -(-4 // subsampling)]
        assert vectors.shape == (-(-13 // subsampling), 2, front_end.size)
