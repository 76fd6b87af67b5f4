"""What people want of Storykeeper, each until it is so. Another wish is another row of WISHES."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from simulated.auditor import Auditor
from simulated.process import Process
from simulated.staged import staged
from simulated.story import Story
from storykeeper_tools.caller import NOBODY
from storykeeper_tools.companion.spec import ConsentBlock, Subject, Voice, Wish
from storykeeper_tools.errors import Busy
from storykeeper_tools.provisioning.closing import Closing, closing
from storykeeper_tools.provisioning.consents import about
from storykeeper_tools.provisioning.observing import observe
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.provisioning.removal import Removal, removal
from storykeeper_tools.provisioning.runs import UNFINISHED, Run

NAMES = ("Dorothy", "Bernard", "Agnes")


@dataclass
class Person:
    """Somebody who asks, waits, and asks again. `keeper` is a process of theirs that nothing happens to."""

    name: str
    story: Story
    keeper: Process
    auditor: Auditor

    async def live(self) -> None:
        await self.wait(0, 60)
        await WISHES[self.story.dice("wishes").choice(sorted(WISHES))](self)

    async def wait(self, least: float, most: float) -> None:
        await asyncio.sleep(self.story.between("wish", least, most))

    def memories(self) -> list[str]:
        """Some of those that there could be; one of them is too long to have in mind."""
        dice = self.story.dice("memories")
        told = [f"{self.name}, memory {n}." for n in range(6)] + [f"{self.name}, memory 6." + " So it went on." * 4000]
        return dice.sample(told, dice.choice([0, 1, 2, 3, 6]))

    async def have(self, memories: Sequence[str], speed: float = 0.9, take: int = 0) -> None:
        """Plan it and have it carried out, and plan it again for as long as that fails."""
        while True:
            plan = await self.planned(memories, speed, take)
            if not plan or (await self.done(plan)).state == "done":
                return
            await self.wait(1, 120)

    async def insist(self, memories: Sequence[str], take: int = 0, speed: float = 0.9) -> None:
        """Have it as soon as nothing else is done."""
        while True:
            try:
                return await self.have(memories, speed, take)
            except Busy:
                await self.wait(5, 30)

    async def planned(self, memories: Sequence[str], speed: float = 0.9, take: int = 0) -> Plan | None:
        """A plan and its consent, as plan_companion and record_consent leave them; None where all is so already."""
        planner, ledger = self.keeper.planner, self.keeper.ledger
        known = next((c.id for c in ledger.companions() if take and c.name == self.name), None)
        wish = Wish(companion=known, subject=Subject(name=self.name), recordings=["a.wav"], voice=Voice(speed=speed))
        things = staged(self.keeper.blobs, self.name, memories, take)
        companion = planner.identify(wish, [recording.sha256 for recording in things.recordings])
        live = await observe(self.keeper.elevenlabs, planner.made_of(companion))
        draft = planner.draw(companion, wish, things, live)
        plan = ledger.plan(draft.plan_id)
        assert plan
        self.auditor.note(self.name, f"plans {plan.plan_id}: {', '.join(map(str, draft.steps))}")
        await self.keeper.consents.attest(about(plan), ConsentBlock(kind="self", granted_by=self.name), NOBODY)
        self.auditor.expect(plan)
        return None if planner.finished(planner.take_up(plan)) else plan

    async def done(self, plan: Plan | Removal | Closing) -> Run:
        """Ask for it, and wait until it stands still."""
        run = self.keeper.engine.submit(plan)
        self.auditor.note(self.name, f"asks for {run.id}, which is {run.state}")
        while run.state in UNFINISHED or run.again_at is not None:
            await asyncio.sleep(2)
            run = self.keeper.engine.look(plan.plan_id) or run
        self.auditor.note(self.name, f"hears that {run.id} is {run.state} {run.reason} {run.result}"[:300])
        self.auditor.ended(run)
        return run

    async def forget(self) -> None:
        marker = next(c for c in self.keeper.ledger.companions() if c.name == self.name).id
        self.auditor.dismiss(marker)
        while (await self.done(removal("sandbox", marker))).state != "done":
            await self.wait(1, 120)

    async def revoke(self) -> None:
        """Take the consent back, and wait until nobody can talk to what there is."""
        ledger = self.keeper.ledger
        companion = next(c for c in ledger.companions() if c.name == self.name)
        self.keeper.consents.revoke(companion)
        while (await self.done(closing(companion.id, companion.marker))).state != "done":
            await self.wait(1, 120)
        self.auditor.closed(companion.marker)

    async def lose(self) -> None:
        """Somebody deletes something of it by hand."""
        resources = [r for r in self.keeper.ledger.resources(self.auditor.marker(self.name)) if r.state == "made"]
        lost = self.story.dice("lost").choice(resources)
        self.auditor.note(self.name, f"deletes the {lost.kind} {lost.id} by hand")
        self.auditor.lost(lost)
        service = self.keeper.elevenlabs
        if lost.kind == "document":
            await service.delete_document(lost.id, force=True)
        else:
            await (service.delete_voice if lost.kind == "voice" else service.delete_agent)(lost.id)


async def have(person: Person) -> None:
    """A companion."""
    await person.have(person.memories())


async def change(person: Person) -> None:
    """A companion, and then another voice and other memories of it."""
    await person.have(person.memories())
    await person.wait(0, 60)
    await person.have(person.memories(), speed=1.1)


async def recast(person: Person) -> None:
    """A companion, and then the same with a voice from other recordings, and from others again."""
    memories = person.memories()
    for take in range(3):
        await person.have(memories, take=take)
        await person.wait(0, 60)


async def waver(person: Person) -> None:
    """A companion, and while it is being made one from other recordings, and while that is being made, from others."""
    memories = person.memories()
    for take in range(2):
        asking = asyncio.create_task(person.insist(memories, take))
        await person.wait(1, 180)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await person.insist(memories, 2)


async def mend(person: Person) -> None:
    """A companion of which something is lost, made whole."""
    memories = person.memories()
    await person.have(memories)
    await person.wait(60, 120)  # lists lag; who looks at once may see what is gone
    await person.lose()
    await person.have(memories)


async def forget(person: Person) -> None:
    """A companion, and then none."""
    await person.have(person.memories())
    await person.wait(0, 60)
    await person.forget()


async def regret(person: Person) -> None:
    """A companion, and while it is being made: none."""
    asking = asyncio.create_task(person.have(person.memories()))
    await person.wait(1, 90)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await person.forget()


async def revoke(person: Person) -> None:
    """A companion, and while it is being made, or just after: none, since nobody may have it any more."""
    asking = asyncio.create_task(person.have(person.memories()))
    await person.wait(1, 180)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await person.revoke()
    await person.forget()


async def insist(person: Person) -> None:
    """A companion, wanted otherwise while it is being made; that has to wait."""
    asking = asyncio.create_task(person.have(person.memories()))
    await person.wait(1, 90)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await person.insist(person.memories(), speed=1.1)


WISHES: dict[str, Callable[[Person], Awaitable[None]]] = {
    "have": have,
    "change": change,
    "mend": mend,
    "forget": forget,
    "regret": regret,
    "insist": insist,
    "recast": recast,
    "waver": waver,
    "revoke": revoke,
}
