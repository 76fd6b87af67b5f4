"""From measures to a verdict, for each recording and for all of them together: pure, and stated in the open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ...model import Model
from .measures import Measures
from .thresholds import Thresholds

Verdict = Literal["good", "usable", "refused"]

FORMATS = "WAV, MP3, M4A, FLAC, Ogg or WebM"
# Most voices can't be recorded again.
FIND = "find the original or a cleaner copy, or let storykeeper prepare look for better parts"
# What only says that there is too little of it: several such recordings may be enough together.
TOO_LITTLE = frozenset({"too_short", "too_little_speech"})


class Finding(Model):
    """`what` says the figure and the bar that it missed, `do` what the keeper can do."""

    code: str
    what: str
    do: str


class Recording(Model):
    """`seconds` counts decoded sound, whatever the header says; `sha256` is that of the file, where one was inspected."""

    name: str
    format: str
    mime: str
    seconds: float
    sample_rate: int
    channels: int
    speech_seconds: float
    loudness: float
    snr: float
    clipping: float
    bandwidth: int
    verdict: Verdict
    findings: list[Finding]
    sha256: str = ""

    def __str__(self) -> str:
        facts = f"{self.name}: {self.verdict}, {self.format}"
        if self.seconds:
            facts += f", {self.seconds:.0f} s with {self.speech_seconds:.0f} s of speech, {self.sample_rate} Hz"
            facts += f", {self.loudness:.0f} LUFS, SNR {self.snr:.0f} dB"
        return "; ".join([facts, *(f"{f.code}: {f.what}: {f.do}" for f in self.findings)])


# A name, the sha256 of the content, and what was measured of it.
Row = tuple[str, str, Measures]


@dataclass(frozen=True, slots=True)
class Judged:
    """`ranking` numbers the recordings from the best one on, refused ones left out; `says` is about all of them, in sentences."""

    verdict: Verdict
    recordings: list[Recording]
    ranking: list[int]
    says: list[str]


def judge(name: str, measures: Measures, bars: Thresholds) -> Recording:
    """One recording alone."""
    refusals, hints = list(_refusals(measures, bars)), list(_hints(measures, bars))
    if refusals:
        return _recording(name, measures, "refused", [*refusals, *_damage(measures)])
    return _recording(name, measures, "usable" if hints else "good", hints)


def judge_set(rows: Sequence[Row], bars: Thresholds) -> Judged:
    """All that one voice is to be made from. What is only short counts together; any other refusal refuses them all."""
    first: dict[str, int] = {}
    for number, (_, sha256, _) in enumerate(rows):
        first.setdefault(sha256, number)
    speech = sum(rows[number][2].speech_seconds for number in first.values() if _adds(rows[number][2], bars))
    enough = len(first) > 1 and speech >= bars.speech_refuse
    alone = [judge(name, measures, bars) for name, _, measures in rows]
    recordings = [_together(row, one, bars) if enough else one for row, one in zip(rows, alone, strict=True)]
    kept = [number for number in first.values() if recordings[number].verdict != "refused"]
    says = [*_refused(recordings, kept), *_twice(rows, first), *_short(speech, enough, bars)]
    return Judged(_worst(recordings, says), recordings, _ranked(recordings, kept), says)


def _worst(recordings: Sequence[Recording], says: Sequence[str]) -> Verdict:
    verdicts = {recording.verdict for recording in recordings}
    if "refused" in verdicts:
        return "refused"
    return "usable" if "usable" in verdicts or says else "good"


def _adds(measures: Measures, bars: Thresholds) -> bool:
    """Whether it is refused for nothing but being short."""
    return {finding.code for finding in _refusals(measures, bars)} <= TOO_LITTLE


def _together(row: Row, alone: Recording, bars: Thresholds) -> Recording:
    """A recording among others that are enough together."""
    name, _, measures = row
    if alone.verdict != "refused" or not _adds(measures, bars) or not measures.speech_seconds:
        return alone
    short = Finding(
        code="short",
        what=f"{measures.speech_seconds:.0f} s of speech are too few alone, and enough with the others",
        do="a longer one makes a better likeness",
    )
    hints = [hint for hint in _hints(measures, bars) if hint.code != "short"]
    return _recording(name, measures, "usable", [short, *hints])


def _refused(recordings: Sequence[Recording], kept: Sequence[int]) -> Iterator[str]:
    out = [recording.name for recording in recordings if recording.verdict == "refused"]
    if out and kept:
        remain = ", ".join(recordings[number].name for number in kept)
        yield f"leave out {', '.join(out)}, and go on with {remain}"


def _twice(rows: Sequence[Row], first: dict[str, int]) -> Iterator[str]:
    for number, (name, sha256, _) in enumerate(rows):
        if first[sha256] != number:
            yield f"{name} is the same as {rows[first[sha256]][0]}; it counts and is sent once"


def _short(speech: float, enough: bool, bars: Thresholds) -> Iterator[str]:
    if enough and speech < bars.speech_warn:
        yield f"all together hold {speech:.0f} s of speech; one to two minutes make a better likeness"


def _ranked(recordings: Sequence[Recording], kept: Sequence[int]) -> list[int]:
    """The fewest findings first; then what stands out of its noise most, up to where more is not heard; then length."""

    def worth(number: int) -> tuple[int, float, float]:
        recording = recordings[number]
        return len(recording.findings), -min(recording.snr, 40.0), -min(recording.speech_seconds, 180.0)

    return sorted(kept, key=worth)


def _recording(name: str, found: Measures, verdict: Verdict, findings: list[Finding]) -> Recording:
    return Recording(
        name=name,
        format=found.format,
        mime=found.mime,
        seconds=round(found.seconds, 2),
        sample_rate=found.sample_rate,
        channels=found.channels,
        speech_seconds=round(found.speech_seconds, 1),
        loudness=round(found.loudness, 1),
        snr=round(found.snr, 1),
        clipping=round(found.clipping, 5),
        bandwidth=round(found.bandwidth),
        verdict=verdict,
        findings=findings,
    )


def _refusals(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.trouble:
        yield _trouble(found)
        return
    if found.sample_rate < bars.rate_refuse:
        yield Finding(
            code="low_rate",
            what=f"{found.sample_rate} Hz is telephone quality; {bars.rate_refuse:.0f} Hz is the least",
            do="find the original; if the person can, record again at 44,100 Hz",
        )
        return
    if found.silent:
        yield _silent(found)
        return
    yield from _too_little(found, bars)
    yield from _refused_sound(found, bars)


def _trouble(found: Measures) -> Finding:
    original = f"give the original recording as {FORMATS}"
    what, do = {
        "audio_empty": ("it holds no sound", "give another recording"),
        "not_audio": ("this is not a recording in a known format", original),
        "stopped": (
            f"it couldn't be decoded: {found.why or 'the process was stopped'}",
            f"try again; if that stays so, {original}",
        ),
        "not_finite": ("it holds numbers that are no sound (NaN or infinity)", "export it again as 16- or 24-bit WAV"),
    }.get(found.trouble, (found.why or "this recording can't be decoded", original))
    return Finding(code=found.trouble, what=what, do=do)


def _silent(found: Measures) -> Finding:
    part = "it holds" if found.complete else f"the first {found.seconds / 60:.0f} minutes hold"
    do = "give a recording on which somebody speaks" if found.complete else "cut the silence off, or give another one"
    return Finding(code="silent", what=f"{part} nothing but silence", do=do)


def _too_little(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.seconds < bars.speech_refuse:
        yield Finding(
            code="too_short",
            what=f"{found.seconds:.0f} s is less than {bars.speech_refuse:.0f} s",
            do="give one to two minutes of speech",
        )
    elif found.speech_seconds < bars.speech_refuse:
        yield Finding(
            code="too_little_speech",
            what=f"{found.speech_seconds:.0f} s of speech in {found.seconds:.0f} s is less than {bars.speech_refuse:.0f} s",
            do="give one to two minutes in which one person speaks",
        )


def _refused_sound(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.loudness < bars.quiet_refuse:
        yield Finding(
            code="quiet",
            what=f"{_figure(found.loudness, bars.quiet_refuse)} LUFS is too soft; {bars.quiet_refuse:.0f} is the least",
            do="find a louder copy; if the person can, record again nearer to the microphone",
        )
    if found.clipping >= bars.clipping_refuse:
        yield Finding(
            code="clipped",
            what=f"{found.clipping:.1%} of it is cut off at the loudest; {bars.clipping_refuse:.1%} is too much",
            do=f"{FIND} (making it softer doesn't help); if the person can, record again with less gain",
        )
    if found.music >= bars.music_warn and found.snr < bars.music_refuse:
        yield Finding(
            code="background",
            what=f"music or a hum lies only {_figure(found.snr, bars.music_refuse)} dB under the voice; {bars.music_refuse:.0f} dB is the least",
            do="give a part without it, which storykeeper prepare looks for; it would be cloned too",
        )
    elif found.snr < bars.snr_refuse and found.speech_seconds:
        yield Finding(
            code="noisy",
            what=f"the voice stands {_figure(found.snr, bars.snr_refuse)} dB above the noise; {bars.snr_refuse:.0f} dB is the least",
            do=f"{FIND}; if the person can, record again in a quiet room, near to the microphone",
        )


def _figure(value: float, bar: float) -> str:
    """Exact enough to be seen to miss the bar."""
    return f"{value:.0f}" if abs(value - bar) >= 1 else f"{value:.1f}" if abs(value - bar) >= 0.1 else f"{value:.2f}"


def _damage(found: Measures) -> Iterator[Finding]:
    if found.damaged:
        places = "1 place" if found.damaged == 1 else f"{found.damaged} places"
        what = f"it is damaged in {places}; {found.seconds:.0f} s of it could be read"
        yield Finding(code="damaged", what=what, do="find another copy; storykeeper prepare saves what can be read")


def _hints(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    yield from _damage(found)
    yield from _file(found, bars)
    yield from _length(found, bars)
    yield from _level(found, bars)
    yield from _background(found, bars)
    yield from _channels(found)


def _file(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if not found.alone:
        what = "it holds pictures or more besides the sound; only the (first) sound will be sent"
        yield Finding(
            code="pictures", what=what, do="nothing need be done; storykeeper prepare takes the sound out, too"
        )
    elif found.size > bars.size_warn * 1e6:
        what = f"{found.size / 1e6:.0f} MB is much to send; the service may refuse it"
        yield Finding(code="large", what=what, do="storykeeper prepare writes its best minutes as a small file")


def _length(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.speech_seconds < bars.speech_warn:
        what = f"{found.speech_seconds:.0f} s of speech is less than {bars.speech_warn:.0f} s"
        mostly = found.speech_seconds < found.seconds / 3
        code = "too_little_speech" if mostly else "short"
        yield Finding(code=code, what=what, do="one to two minutes make a better likeness")
    if found.seconds > bars.long_warn:
        heard = "" if found.complete else f"; only the first {found.seconds / 3600:.0f} hours were heard"
        what = f"{found.seconds / 60:.1f} minutes is over {bars.long_warn / 60:.0f} minutes{heard}"
        yield Finding(code="long", what=what, do="the best one to three minutes are enough: storykeeper prepare")


def _level(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.loudness > bars.loud_warn:
        what = f"{_figure(found.loudness, bars.loud_warn)} LUFS is over {bars.loud_warn:.0f}"
        yield Finding(code="loud", what=what, do="find the original; it may have been made louder later")
    if found.loudness < bars.quiet_warn:
        what = f"{_figure(found.loudness, bars.quiet_warn)} LUFS is under {bars.quiet_warn:.0f}"
        yield Finding(code="quiet", what=what, do="find a louder copy, if there is one")
    if found.clipping >= bars.clipping_warn:
        what = f"{found.clipping:.2%} of it is cut off at the loudest; {bars.clipping_warn:.2%} can be heard"
        yield Finding(code="clipped", what=what, do=FIND)
    if found.offset > bars.offset_warn:
        what = f"it lies {found.offset:.2f} off the middle; {bars.offset_warn:.2f} is usual at most"
        yield Finding(code="offset", what=what, do="take the DC offset out, which a sound editor does")


def _background(found: Measures, bars: Thresholds) -> Iterator[Finding]:
    if found.music >= bars.music_warn:
        what = f"music, a hum or tones seem to lie {_figure(found.snr, bars.music_refuse)} dB under the voice"
        yield Finding(code="background", what=what, do="use a part without it; it would be cloned too")
    elif found.snr < bars.snr_warn:
        what = (
            f"the voice stands {_figure(found.snr, bars.snr_warn)} dB above the noise, less than {bars.snr_warn:.0f} dB"
        )
        yield Finding(code="noisy", what=what, do=FIND)
    if found.bandwidth < bars.bandwidth_warn:
        what = f"nothing is heard above {found.bandwidth:.0f} Hz; a voice needs {bars.bandwidth_warn:.0f} Hz"
        yield Finding(code="narrow", what=what, do="find the original; this was once a telephone's or a small file's")


def _channels(found: Measures) -> Iterator[Finding]:
    if found.speakers > 1 and found.channels:
        what = "more than one person seems to speak"
        yield Finding(code="speakers", what=what, do="keep only the parts in which the one person speaks")
    if found.dead_channels and found.channels > 1:
        what = f"{found.dead_channels} of its {found.channels} channels is silent"
        yield Finding(code="dead_channel", what=what, do="save it again as mono")
    if found.opposed:
        what = "left and right cancel each other out where they are played as one"
        yield Finding(code="opposed", what=what, do="save one of them as mono; storykeeper prepare does")
    if found.channels > 2:
        yield Finding(code="channels", what=f"it has {found.channels} channels", do="mix it down to one")
