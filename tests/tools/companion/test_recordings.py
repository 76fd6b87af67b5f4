"""Recordings are judged by their sound: what is measured is true, and what is spoiled is found."""

from __future__ import annotations

import io
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sounds
import spoiled
from storykeeper_tools.companion.recordings import timeline
from storykeeper_tools.companion.recordings.loudness import Loudness
from storykeeper_tools.companion.recordings.measures import Measures
from storykeeper_tools.companion.recordings.measuring import measure
from storykeeper_tools.companion.recordings.thresholds import USUAL
from storykeeper_tools.companion.recordings.timeline import STEP, Timeline
from storykeeper_tools.companion.recordings.verdict import Judged, Verdict, judge, judge_set
from storykeeper_tools.companion.recordings.windows import Windows

RATE = 24_000
GOOD = Measures(
    format="wav", mime="audio/wav", seconds=100, sample_rate=RATE, channels=1, speech_seconds=90, loudness=-20, snr=40,
    bandwidth=11_000,
)  # fmt: skip


def measured(data: bytes) -> tuple[Measures, Timeline | None]:
    found, chart = measure(io.BytesIO(data), lambda _: None)
    return Measures.model_validate(found), chart


def heard(sound: sounds.Sound, rate: int = RATE) -> Measures:
    return measured(sounds.wav(sound, rate, "FLOAT"))[0]


def together(*rows: tuple[str, Measures]) -> Judged:
    """A set, each of another content."""
    return judge_set([(name, name, measures) for name, measures in rows], USUAL)


@pytest.mark.parametrize("name", spoiled.ALL)
def test_a_recording_gets_the_verdict_that_it_deserves(name: str) -> None:
    """The reject list, and everything like it; the reason is the one finding, and what is good has none."""
    wanted = spoiled.ALL[name]
    found = judge("mum.mp3", measured(wanted.make())[0], USUAL)
    assert (found.verdict, " ".join(finding.code for finding in found.findings)) == (wanted.verdict, wanted.codes)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_loudness_is_what_ffmpeg_measures(rate: int) -> None:
    """Within a tenth of a LU, in mono and stereo, evenly loud and not."""
    said = sounds.speech(20, rate, 3, 180)
    swelling = said * np.linspace(0, 1, len(said), dtype=np.float32) ** 2
    for sound in (said, swelling, np.stack([said, 0.3 * np.roll(said, 99)], axis=1)):
        assert heard(sound, rate).loudness == pytest.approx(sounds.loudness_by_ffmpeg(sound, rate), abs=0.1)


@pytest.mark.parametrize("db", [5, 15, 30])
def test_noise_is_measured_within_three_decibels(db: float) -> None:
    """Of white noise, and of the kinds that rooms and tapes have; with a voice that is not made by arithmetic too."""
    example, rate = sounds.example()
    for voice, hertz, tilt in (
        (sounds.speech(40, RATE), RATE, 0),
        (sounds.speech(40, RATE), RATE, 6),
        (example, rate, 3),
    ):
        noisy = 0.3 * sounds.under(voice, sounds.noise(len(voice), tilt=tilt), db)
        assert heard(noisy, hertz).snr == pytest.approx(db, abs=3)


@pytest.mark.parametrize("share", [0.0005, 0.005, 0.05])
@pytest.mark.parametrize("gain", [1, 0.7, 0.05])
def test_clipped_samples_are_counted_also_when_it_was_made_softer(share: float, gain: float) -> None:
    """Within a tenth of their number."""
    data = sounds.wav(gain * sounds.clip(sounds.speech(40, RATE), share), RATE)
    assert measured(data)[0].clipping == pytest.approx(share, rel=0.1)


def test_a_channel_that_is_clipped_is_not_made_good_by_the_other() -> None:
    """The share is that of the worse one."""
    said = sounds.speech(40, RATE)
    both = np.stack([0.5 * said, sounds.clip(said, 0.02)], axis=1)
    assert measured(sounds.wav(both, RATE))[0].clipping == pytest.approx(0.02, rel=0.1)


def test_neither_silence_nor_a_knock_is_taken_for_the_noise() -> None:
    """A minute of digital silence in front, and a door that slams in a pause now and then."""
    said = sounds.speech(60, RATE)
    noisy = 0.5 * sounds.under(said, sounds.noise(len(said)), 12)
    pauses = np.flatnonzero(~sounds.heard(said, RATE // 2))
    for at in pauses[:: len(pauses) // 6]:
        noisy[at : at + RATE // 50] += np.float32(0.3)
    silence = np.zeros(60 * RATE, np.float32)
    assert heard(np.concatenate([silence, noisy])).snr == pytest.approx(12, abs=3)


def test_what_is_merely_loud_is_not_clipped() -> None:
    """Nor is a pure tone, whose samples crowd at its top."""
    tone = np.sin(2 * np.pi * 441.3 * np.arange(40 * RATE) / RATE).astype(np.float32)
    assert heard(0.99 * tone).clipping == 0
    assert heard(1.98 * sounds.speech(40, RATE)).clipping == 0


def test_a_timeline_says_where_somebody_speaks() -> None:
    """Window by window: ten seconds of pause in the middle, then a clipped second, and noise under the end."""
    said = sounds.speech(60, RATE).copy()
    said[20 * RATE : 30 * RATE] = 0
    said[35 * RATE : 36 * RATE] = sounds.clip(said[35 * RATE : 36 * RATE], 0.2)
    said[40 * RATE :] += 0.01 * sounds.noise(20 * RATE)
    found, chart = measured(sounds.wav(said, RATE))
    assert chart is not None
    assert len(chart) == 60 / STEP
    assert sum(chart.speech[205:295]) == 0
    assert sum(chart.speech[:200]) > 150
    assert sum(chart.speech) * STEP == pytest.approx(found.speech_seconds, abs=1)
    assert {number // 10 for number, flag in enumerate(chart.clipped) if flag} == {35}
    assert max(chart.level[205:295]) == -120
    assert [round(level) for level in chart.noise[450:550:50]] == [-40, -40]


def test_a_timeline_shows_music_where_it_plays() -> None:
    """Under the second half."""
    said = sounds.speech(60, RATE)
    played = np.concatenate([np.zeros(30 * RATE, np.float32), sounds.music(30 * RATE, RATE)])
    _, chart = measured(sounds.wav(0.4 * (said + 0.05 * played), RATE))
    assert chart is not None
    assert (sum(chart.music[:290]), sum(chart.music[310:])) == (pytest.approx(0, abs=30), pytest.approx(290, abs=30))


@given(
    st.lists(st.tuples(st.floats(-120, 20, width=32), st.floats(-120, 20, width=32), st.integers(0, 7)), max_size=30)
)
def test_a_timeline_comes_back_as_it_was_packed(rows: list[tuple[float, float, int]]) -> None:
    """From the process that made it."""
    flags = [bytes(row[2] >> bit & 1 for row in rows) for bit in range(3)]
    chart = Timeline(array("f", [r[0] for r in rows]), array("f", [r[1] for r in rows]), flags[0], flags[1], flags[2])
    assert timeline.unpack(chart.pack()) == chart
    with pytest.raises(ValueError, match="not a timeline"):
        timeline.unpack(chart.pack() + b"x")


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 400), st.lists(st.integers(0, 300), max_size=12), st.sampled_from([np.add, np.maximum]))
def test_windows_are_the_same_however_the_samples_come(rate: int, cuts: list[int], join: np.ufunc) -> None:
    """All at once, or in pieces of any length."""
    samples = np.random.default_rng(rate).random(sum(cuts))
    whole, parted = Windows(rate, 0.1, join), Windows(rate, 0.1, join)
    whole.add(samples)
    for piece in np.split(samples, np.cumsum(cuts)):
        parted.add(piece)
    edges = [e for n in range(1, len(samples) * 10 // rate + 2) if (e := round(n * rate * 0.1)) <= len(samples)]
    assert len(whole.values()) == len(edges)
    assert parted.values() == pytest.approx(whole.values())


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 5 * RATE), max_size=6))
def test_loudness_is_the_same_however_the_samples_come(cuts: list[int]) -> None:
    """Blocks have no edges that could be heard."""
    said = sounds.speech(5, RATE).reshape(-1, 1)
    parted = Loudness(RATE, 1)
    for piece in np.split(said, sorted(cut % len(said) for cut in cuts)):
        parted.add(piece)
    whole = Loudness(RATE, 1)
    whole.add(said)
    assert parted.lufs() == pytest.approx(whole.lufs(), abs=1e-4)


def test_every_finding_says_its_figure_its_bar_and_what_to_do() -> None:
    """In one line for each recording."""
    found = judge("mum.wav", GOOD.model_copy(update={"snr": 7.4, "clipping": 0.02}), USUAL)
    assert str(found) == (
        "mum.wav: refused, wav, 100 s with 90 s of speech, 24000 Hz, -20 LUFS, SNR 7 dB; "
        "clipped: 2.0% of it is cut off at the loudest; 1.0% is too much: find the original or a cleaner copy, or let "
        "storykeeper prepare look for better parts (making it softer doesn't help); if the person can, record again with "
        "less gain; "
        "noisy: the voice stands 7 dB above the noise; 10 dB is the least: find the original or a cleaner copy, or let "
        "storykeeper prepare look for better parts; if the person can, record again in a quiet room, near to the microphone"
    )


@pytest.mark.parametrize(("snr", "said"), [(3.4, "3 dB"), (9.6, "9.6 dB"), (9.97, "9.97 dB")])
def test_a_figure_is_seen_to_miss_its_bar(snr: float, said: str) -> None:
    """However near it is."""
    [finding] = judge("a", GOOD.model_copy(update={"snr": snr}), USUAL).findings
    assert f"the voice stands {said} above the noise; 10 dB is the least" in finding.what


def test_what_is_much_to_send_is_told() -> None:
    """A film isn't sent, however large it is."""
    large = {"size": 40_000_000}
    assert [f.code for f in judge("a", GOOD.model_copy(update=large), USUAL).findings] == ["large"]
    film = judge("a", GOOD.model_copy(update={**large, "alone": False}), USUAL)
    assert [f.code for f in film.findings] == ["pictures"]


def test_thresholds_are_settings() -> None:
    """The same measures, other bars."""
    noisy = GOOD.model_copy(update={"snr": 9})
    assert judge("a", noisy, USUAL).verdict == "refused"
    assert judge("a", noisy, USUAL.model_copy(update={"snr_refuse": 8})).verdict == "usable"


def test_several_short_recordings_are_enough_together() -> None:
    """Each says that it is short; alone none would do."""
    short = GOOD.model_copy(update={"seconds": 14, "speech_seconds": 12})
    assert judge("a", short, USUAL).verdict == "refused"
    assert together(("a", short)).verdict == together(("a", short), ("b", short)).verdict == "refused"
    found = together(("a", short), ("b", short), ("c", short))
    assert [(r.verdict, [f.code for f in r.findings]) for r in found.recordings] == [("usable", ["short"])] * 3
    assert (found.verdict, found.says) == (
        "usable", ["all together hold 36 s of speech; one to two minutes make a better likeness"]
    )  # fmt: skip


def test_one_bad_recording_is_to_be_left_out() -> None:
    """The set is refused, and says which remain."""
    found = together(("a", GOOD), ("b", GOOD.model_copy(update={"snr": 3})), ("c", GOOD))
    assert (found.verdict, found.ranking) == ("refused", [0, 2])
    assert found.says == ["leave out b, and go on with a, c"]


def test_the_same_content_counts_once() -> None:
    """And it is told."""
    short = GOOD.model_copy(update={"seconds": 25, "speech_seconds": 20})
    found = judge_set([("a", "x", short), ("copy", "x", short)], USUAL)
    assert (found.verdict, found.says) == ("refused", ["copy is the same as a; it counts and is sent once"])
    assert judge_set([("a", "x", GOOD), ("copy", "x", GOOD)], USUAL).ranking == [0]


@pytest.mark.parametrize(
    ("worse", "verdict"),
    [({"snr": 15}, "usable"), ({"snr": 30}, "good"), ({"clipping": 0.002}, "usable"), ({"speech_seconds": 65}, "good")],
)
def test_the_best_recording_comes_first(worse: dict[str, float], verdict: Verdict) -> None:
    """Fewer findings, less noise, more speech."""
    found = together(("worse", GOOD.model_copy(update=worse)), ("best", GOOD))
    assert (found.ranking, found.verdict) == ([1, 0], verdict)


def test_a_family_tape_is_heard_up_to_four_hours() -> None:
    """What comes later isn't, and the verdict says so."""
    found = judge("tape", GOOD.model_copy(update={"seconds": 14_400, "complete": False}), USUAL)
    assert [f.what for f in found.findings] == ["240.0 minutes is over 3 minutes; only the first 4 hours were heard"]


def test_the_example_recording_is_good(example: Path) -> None:
    """As everything that is shown with it relies on."""
    found, _ = measured((example / "recording.mp3").read_bytes())
    assert judge("recording.mp3", found, USUAL).verdict == "good"
    assert (found.speakers, round(found.loudness)) == (1, -21)
