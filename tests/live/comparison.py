"""The same steps and probes at a sandbox and at the service, and what differs: no contents, no ids, no key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from live.exchanges import Exchange, Shape
from live.probes import PROBES, alike
from live.run import LAST, Unknown, check_room, explore, steps, sweep, walk
from live.world import World

Seen = dict[str, list[Exchange]]


@dataclass
class Report:
    """What two sides showed; `left` is what couldn't be deleted at the service."""

    differences: list[str] = field(default_factory=list[str])
    switches: dict[str, tuple[Any, Any]] = field(default_factory=dict[str, tuple[Any, Any]])
    left: list[str] = field(default_factory=list[str])
    compared: int = 0

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.compared} exchanges compared, {len(self.differences)} differences"
        yield from (f"  {difference}" for difference in self.differences)
        yield "what the sandbox assumes, and what the service showed:"
        for name, (ours, theirs) in self.switches.items():
            yield f"  {name:22} {ours!s:22} {theirs!s:22} {_verdict(name, ours, theirs)}"
        yield f"left behind: {', '.join(self.left) or 'nothing'}"


def _verdict(name: str, ours: Any, theirs: Any) -> str:
    if isinstance(theirs, Unknown):
        return "not found out"
    return "as assumed" if alike(name, ours, theirs) else f"differs: --switch {name}={theirs}"


async def visit(world: World) -> dict[str, Any]:
    """Everything on one side; answers what the probes found. What was made is deleted whatever happens."""
    try:
        if world.real:
            await check_room(world)
        await walk(world, steps(real=True))
        found = await explore(world, PROBES)
        await walk(world, [LAST])
        return found
    finally:
        world.left = await sweep(world)


async def compare(ours: World, theirs: World) -> Report:
    """Visit both, the sandbox first: what fails there needn't be tried at the service."""
    here = await visit(ours)
    there = await visit(theirs)
    report = Report(switches={name: (here[name], there[name]) for name in PROBES}, left=theirs.left)
    for step in ours.outcomes:
        report.differences += _outcomes(step, ours.outcomes[step], theirs.outcomes.get(step, "not run"))
        mine, others = (_by_operation(world.exchanges.get(step, [])) for world in (ours, theirs))
        report.compared += len(mine)
        report.differences += [f"{step}: {line}" for line in _differences(mine, others)]
    return report


def _outcomes(step: str, ours: str, theirs: str) -> Iterator[str]:
    if ours != theirs:
        yield f"{step}: sandbox {ours}, service {theirs}"


def _by_operation(exchanges: Iterable[Exchange]) -> Seen:
    found: Seen = {}
    for exchange in exchanges:
        found.setdefault(exchange.operation, []).append(exchange)
    return found


def _differences(ours: Seen, theirs: Seen) -> Iterator[str]:
    for operation in ours.keys() | theirs.keys():
        mine, others = ours.get(operation, []), theirs.get(operation, [])
        if not mine or not others:
            yield f"{operation}: only {'the sandbox' if mine else 'the service'} got here"
            continue
        for what, read in (("status", _statuses), ("refusal", _refusals)):
            if read(mine) != read(others):
                yield f"{operation}: {what} {read(mine)} in the sandbox, {read(others)} at the service"
        if _statuses(mine) == _statuses(others):
            yield from (f"{operation}: {line}" for line in _fields(_merged(mine), _merged(others)))


def _statuses(exchanges: list[Exchange]) -> str:
    return ", ".join(dict.fromkeys(str(exchange.status) for exchange in exchanges))


def _refusals(exchanges: list[Exchange]) -> str:
    told = (" ".join([one.envelope, *one.told]) for one in exchanges if one.envelope)
    return ", ".join(dict.fromkeys(told)) or "none"


def _merged(exchanges: list[Exchange]) -> Shape:
    merged: dict[str, frozenset[str]] = {}
    for exchange in exchanges:
        for path, kinds in exchange.shape.items():
            merged[path] = merged.get(path, frozenset()) | kinds
    return merged


def _fields(ours: Shape, theirs: Shape) -> Iterator[str]:
    for path in sorted(ours.keys() | theirs.keys()):
        if path in ours and path in theirs:
            mine, others = ours[path] - {"null"}, theirs[path] - {"null"}
            if mine and others and not mine & others:
                yield f"{path} is {_told(mine)} in the sandbox, {_told(others)} at the service"
        elif path in ours and _would_show(theirs, path):
            yield f"only the sandbox has {path} ({_told(ours[path])})"
        elif path in theirs and _would_show(ours, path):
            yield f"only the service has {path} ({_told(theirs[path])})"


def _would_show(shape: Shape, path: str) -> bool:
    """Whether a field that isn't there could have been: what it would lie in is there, and isn't empty or null."""
    if path.endswith("[]"):
        return False
    parent = path[: path.rindex(".")] if "." in path else ""
    return "object" in shape.get(parent, ()) and not path.endswith(".*")


def _told(kinds: Iterable[str]) -> str:
    return " or ".join(sorted(kinds))
