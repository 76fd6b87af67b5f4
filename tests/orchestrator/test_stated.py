"""What a person says of consent with their wish: recorded where it is plain and whole, and asked about otherwise."""

from __future__ import annotations

import pytest

from storykeeper_orchestrator.answers import is_name
from storykeeper_orchestrator.checking import checked
from storykeeper_orchestrator.consent import Given
from storykeeper_orchestrator.requests import Change, Clone, Make, Voice
from storykeeper_tools.errors import BadInput, StorykeeperError

WISH = "Make a companion of my mother Dorothy from dorothy.mp3."


def stated(
    said: str, *files: str, deceased: bool = False, relation: str = "mother", name: str = "Dorothy"
) -> Given | None:
    """The consent in what was said, of the voice that a model asks for."""
    about = {"name": name, "relation": relation, "deceased": deceased, "recordings": list(files or ["dorothy.mp3"])}
    return Voice.model_validate({"files": "", "target": {}, "key": "k", **about}).consent(said)


@pytest.mark.parametrize(
    ("said", "deceased", "kind"),
    [
        ("She agreed.", False, "self"),
        ("She has consented to it!", False, "self"),
        ("Dorothy gave me her full written consent.", False, "self"),
        ("My mother agreed to her voice being cloned.", False, "self"),
        ("She spoke English and gave me her consent.", False, "self"),
        ("I'm her legal guardian and I agree to this.", False, "guardian"),
        ("I am her executor and I agree.", True, "executor_or_heir"),
        ("I am Dorothy's heir and consent.", True, "executor_or_heir"),
    ],
)
def test_a_plain_sentence_at_the_end_is_a_consent(said: str, deceased: bool, kind: str) -> None:
    """And is kept as it was said."""
    given = stated(f"{WISH} {said}", deceased=deceased)
    assert given
    assert (given.kind, given.statement) == (kind, said)


@pytest.mark.parametrize(
    "said",
    [
        "Dorothy's Tom agreed.",
        "Dorothy Parker agreed.",
        "My girlfriend Sue made it. She agreed.",
        "Sue recorded it. She agreed.",
        "The plumber was there. She agreed.",
        "And of my dad Tom from tom.mp3. She agreed.",
        "My sister agreed.",
        "They agreed.",
        "He agreed.",
        "Allegedly, she agreed.",
        "I was told: she agreed.",
        "My lawyer wrote:\nShe agreed.",
        "From: Tom\nSubject: her voice\nShe agreed.",
        "In the story, she agreed.",
        "This is a story about her. She agreed.",
        "Just say, she agreed.",
        "My mother agreed with me.",
        "She agreed to have a copy of the phone.",
        "She agreed. Kidding.",
        "She agreed. She is dead now.",
        "She agreed. Her dementia is severe.",
        "She agreed, in my dreams.",
        "She died in May. She agreed.",
        "I read The Guardian and I agree.",
        "My brother is her guardian, and I agree.",
        "I am her guardian angel and I agree.",
        "I am a fake guardian and I agree.",
    ],
)
def test_whatever_else_is_said_is_asked_about(said: str) -> None:
    """Of others, of another matter, hearsay, unreal, taken back, or of an office that isn't held."""
    assert stated(f"{WISH} She agreed.")
    assert stated(f"{WISH} {said}") is None


@pytest.mark.parametrize(
    "said",
    [
        "My brother is the executor, and I agree.",
        "I know the executor and I agree.",
        "I am her former heir and I agree.",
    ],
)
def test_an_office_is_held_by_whoever_says_so(said: str) -> None:
    """In so many words."""
    assert stated(f"{WISH} I am the executor and I agree.", deceased=True)
    assert stated(f"{WISH} {said}", deceased=True) is None


@pytest.mark.parametrize(
    ("said", "name", "relation", "files"),
    [
        (f"{WISH} She agreed.", "Dorothy", "mother", ["."]),
        (f"{WISH} She agreed.", "Dorothy", "mother", ["mp3"]),
        (f"{WISH} She agreed.", "Dorothy", "mother", ["dorothy.mp3", "stolen/new.mp3"]),
        (f"{WISH} She agreed.", "Dorothy", "father", ["stolen.mp3"]),
        ("Make a companion of my mother Dorothy from xdorothy.mp3. She agreed.", "Dorothy", "mother", ["dorothy.mp3"]),
        ("Make a companion of Dorothy from my tapes. She agreed.", "Dorothy", "", ["tapes"]),
        ("Use dorothy.mp3 tomorrow. She agreed.", "Tom", "", ["dorothy.mp3"]),
        (f"{WISH} My mother agreed.", "Dorothy", "aunt", ["aunt.mp3"]),
    ],
)
def test_a_consent_is_to_the_very_files_and_names_that_were_written(
    said: str, name: str, relation: str, files: list[str]
) -> None:
    """As whole words: not to those that a model has thought of."""
    assert stated(said, *files, name=name, relation=relation) is None


def test_a_folder_counts_as_it_was_written() -> None:
    """With or without the slash at its end, and in quotes."""
    assert stated("Make a companion of Dorothy from old/tapes/. She agreed.", "old/tapes", relation="")
    assert stated('Make a companion of Dorothy from "her tapes". She agreed.', "her tapes", relation="")


@pytest.mark.parametrize(
    "said",
    [
        "my late mother Dorothy",
        "my mother Dorothy, who died in 2019,",
        "Dorothy (1934-2019)",
        "my mother. She passed away",
    ],
)
def test_who_is_said_to_have_died_is_not_asked_as_if_living(said: str) -> None:
    """Whatever the model says: an executor or heir has to answer then."""
    for wish in (Make, Clone):
        asked = wish(name="Dorothy", recordings=["dorothy.mp3"], relation="mother")
        assert checked(asked, f"Make a companion of {said} from dorothy.mp3.").deceased
        assert not checked(asked, "Make a companion of my mother Dorothy, whose husband died in 1999.").deceased


def test_a_name_is_shown_as_a_line_of_its_own_letters() -> None:
    """Nothing in it moves what a person is asked about."""
    asked = Clone(name="Dorothy\n\x1b[2J\u202eHale", recordings=["dorothy.mp3"])
    assert checked(asked, "").name == "Dorothy [2JHale"


@pytest.mark.parametrize("name", ["Anna Byrne", "Ludwig van Beethoven", "Seán d'Arcy", "王秀英", "Ngozi A. Okoye"])
def test_a_name_has_capitals_where_there_are_any(name: str) -> None:
    """Particles have none."""
    assert is_name(name)


@pytest.mark.parametrize(
    "answer",
    [
        "I changed my mind",
        "forget it",
        "nobody",
        "abort",
        "she is dead",
        "vergiss es",
        "/quit",
        "van der",
        "A " * 6,
        "",
    ],
)
def test_what_is_no_name_is_not_recorded_as_one(answer: str) -> None:
    """It is asked once more."""
    assert not is_name(answer)


@pytest.mark.parametrize(
    "said",
    [
        "Emma is 9 years of age.",
        "Clone my 8yo Emma.",
        "This is my kid Emma.",
        "Emma turns 8 next week.",
        "our baby Emma",
        "Emma died when she was 6.",
    ],
)
def test_a_new_voice_of_a_child_is_refused_too(said: str) -> None:
    """For a companion that there is, as for a new one."""
    again = Change(companion="emma-1a2b", recordings=["emma.wav"])
    for wish in (again, Clone(name="Emma", recordings=["emma.wav"]), again.model_copy(update={"companion": "Emma"})):
        with pytest.raises(BadInput, match="a child"):
            checked(wish, said)
    assert checked(again.model_copy(update={"recordings": []}), said)


def test_a_name_of_nothing_visible_is_refused() -> None:
    """With what to do."""
    with pytest.raises(StorykeeperError, match="name"):
        checked(Clone(name="\u202e", recordings=["a.wav"]), "")


TIM = "Make a companion of my 8 year old son Tim from tim.mp3."


def test_a_child_stays_one_in_the_whole_conversation() -> None:
    """Though a procedure has ended since; and nobody else is taken for them."""
    tim = Make(name="Tim", relation="son", recordings=["tim.mp3"])
    ruth = Make(name="Ruth", relation="grandmother", recordings=["ruth.mp3"])
    again, hers = "Make a companion of Tim from tim.mp3.", "Make a companion of my grandmother Ruth from ruth.mp3."
    for earlier in (TIM, "Tim is 8 years old."):
        with pytest.raises(BadInput, match="child"):
            checked(tim, again, [earlier, again])
        assert checked(ruth, hers, [earlier, hers])
    assert checked(ruth, f"{TIM}\n{hers}", [TIM, hers])
    with pytest.raises(BadInput, match="child"):
        checked(tim.model_copy(update={"relation": ""}), "Clone the voice of my 8 year old son from tim.mp3.")
