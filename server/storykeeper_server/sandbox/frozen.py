"""JSON that can't be changed, so that one parse of it can be shared by all who read."""

from __future__ import annotations

import json
from typing import Any, NoReturn, cast


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("this row is shared by all who read; change a copy, or what `get` answers")


class FrozenDict(dict[str, Any]):
    """An object; it is a dict for whoever reads."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        """A copy that can be changed."""
        return json.loads(json.dumps(self))


class FrozenList(list[Any]):
    """A list; for whoever reads."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __deepcopy__(self, memo: object) -> list[Any]:
        """A copy that can be changed."""
        return json.loads(json.dumps(self))


def loads(text: str) -> FrozenDict:
    """A JSON object, frozen through and through."""
    return json.loads(text, object_hook=_object)


def _object(parsed: dict[str, Any]) -> FrozenDict:
    return FrozenDict({name: _frozen(value) for name, value in parsed.items()})


def _frozen(value: object) -> object:
    # Objects inside are frozen already: the parser goes from the inside out.
    return FrozenList([_frozen(item) for item in cast("list[object]", value)]) if isinstance(value, list) else value
