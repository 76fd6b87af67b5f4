"""Memories are judged in the language that they are told in, whichever one the companion speaks."""

from __future__ import annotations

import pytest

from storykeeper_tools.companion.memories.tongue import told_in

TOLD = {
    "en": "My mother was born in Cork in 1941. She worked in the bakery, and we went to the sea every August.",
    "de": "Meine Mutter wurde 1941 in Cork geboren. Sie war in der Bäckerei, und wir fuhren im August ans Meer.",
    "es": "Mi madre nació en Cork en 1941. Trabajaba en la panadería, y en agosto íbamos al mar con los primos.",
    "fr": "Ma mère est née à Cork en 1941. Elle travaillait dans une boulangerie, et nous allions à la mer avec les cousins.",
    "it": "Mia madre è nata a Cork nel 1941. Lavorava nella panetteria di mio zio, e per le feste non era mai a casa.",
    "pt": "A minha mãe nasceu em Cork em 1941. Ela trabalhava na padaria, e quando era verão não ficava em casa com os tios.",
    "zh": "妈妈一九四一年生在科克。她在面包店工作。每年八月我们去海边。",
}


@pytest.mark.parametrize("spec", sorted(TOLD))
@pytest.mark.parametrize("code", sorted(TOLD))
def test_memories_are_seen_to_be_in_their_own_language(code: str, spec: str) -> None:
    """Whatever the companion speaks."""
    assert told_in([TOLD[code]], spec) == code


@pytest.mark.parametrize("text", ["", "Cork, 1941.", "Dorothy & Tom Hartley, Youghal", "12.05.1950"])
def test_what_shows_no_language_is_taken_to_be_in_the_companions(text: str) -> None:
    """A few names decide nothing."""
    assert told_in([text], "de") == "de"
