"""What the command line takes: every command, its options, and where its code is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import version
from typing import NoReturn, TypeVar, get_args

from storykeeper_tools.companion.spec import Audience, ConsentKind

from .sandbox.control import options

USAGE = 2
AUDIENCES = get_args(Audience)
EMBEDDED = ("html", "react", "card", "flask", "fastapi")
ASSISTANTS = ("claude-desktop", "claude-code", "cursor", "vscode", "gemini", "adk")
TALK_PORT = 8780
T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    closing: Callable[[], str] | None = None
    """Makes the end of the help, for what is too slow to import for any other purpose."""

    def format_help(self) -> str:
        self.epilog = self.closing() if self.closing else None
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"storykeeper: {message}\n\n{self.format_usage()}")


def parser() -> argparse.ArgumentParser:
    root = Parser(
        prog="storykeeper",
        description="Turn a sentence into a memory companion: a private voice agent in a loved one's cloned voice.",
    )
    root.add_argument("--version", action="version", version=f"storykeeper {version('storykeeper')}")
    sub = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _provision(sub.add_parser("provision", help="make a companion, from a sentence or from files"))
    _plan(sub.add_parser("plan", help="show what a sentence or a file would make and cost; spends nothing"))
    _chat(sub.add_parser("chat", help="talk with the orchestrator: make, change, rehearse, share, forget"))
    _apply(sub.add_parser("apply", help="make or change many companions, each from its companion.yaml"))
    _list(sub.add_parser("list", help="list the companions of this workspace"))
    _show(sub.add_parser("show", help="show one companion"))
    _book(sub.add_parser("book", help="show the memory book of files: contradictions, gaps, what is private"))
    _interview(sub.add_parser("interview", help="ask about a life, and write the answers into a file of memories"))
    _prepare(sub.add_parser("prepare", help="cut the best one to three minutes out of recordings"))
    _consent(sub.add_parser("consent", help="show who allowed a companion, ask for it, or take it back"))
    _export(sub.add_parser("export", help="write everything about a companion into one archive"))
    _rehearse(sub.add_parser("rehearse", help="ask a companion what visitors may ask, and grade its answers"))
    _retire(sub.add_parser("retire", help="pause or resume a companion, or forget it for good"))
    _verify(sub.add_parser("verify", help="check that the journal of what was done is as it was written"))
    _reconcile(sub.add_parser("reconcile", help="compare the ledger with ElevenLabs, and mend what differs"))
    _worker(sub.add_parser("worker", help="carry on what is to be done, until it is told to go"))
    _talk(sub.add_parser("talk", help="open a page to talk to a companion, talk in the terminal, or embed it"))
    _corrections(
        sub.add_parser("corrections", help="see the corrections that visitors proposed, and take or drop them")
    )
    _config(sub.add_parser("config", help="print what an assistant's settings need to say, or put it there"))
    _doctor(sub.add_parser("doctor", help="tell every problem with the key, the account, files and settings at once"))
    _mcp(sub.add_parser("mcp", help="serve the tools over MCP: stdio, or HTTP"))
    _sandbox(sub.add_parser("sandbox", help="run a local ElevenLabs for tries and tests"))
    return root


def _common(command: argparse.ArgumentParser, run: str) -> None:
    command.set_defaults(run=run)
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _provision(command: argparse.ArgumentParser) -> None:
    _common(command, "making.provision")
    command.add_argument(
        "sentence", nargs="?", help='such as "make a companion of my mother Dorothy from mum.m4a", or a companion.yaml'
    )
    command.add_argument("--plan", default="", metavar="PLAN_ID", help="carry out this plan, or go on with it")
    files = command.add_argument_group("instead of a sentence")
    files.add_argument("--name", help="whose companion it is")
    files.add_argument("--audio", nargs="+", default=[], metavar="FILE", help="recordings of the voice")
    files.add_argument("--memories", nargs="+", default=[], metavar="PATH", help="texts, or folders of them")
    files.add_argument("--memory-id", default="", metavar="ID", help="memories in Firestore (STORYKEEPER_FIRESTORE)")
    files.add_argument("--relation", default="", help="mother, friend, ...")
    files.add_argument("--deceased", action="store_true", help="the person has died")
    files.add_argument("--language", default="", help="two letters: en, de, es, fr, it, pt, zh (default: en)")
    files.add_argument("--wishes", default="", help="how it should speak")
    files.add_argument(
        "--audience", default="", choices=AUDIENCES, metavar="WHO", help=f"{', '.join(AUDIENCES)} (default: family)"
    )
    files.add_argument("--companion", help="an existing companion's id, or `new` for another of the same name")
    files.add_argument("--consent", choices=["self", "guardian", "executor_or_heir"], help="whose consent there is")
    files.add_argument("--granted-by", metavar="NAME", help="who gave it")
    command.add_argument(
        "--correction",
        action="append",
        default=[],
        metavar="TEXT",
        help="outranks the memories; with an id or a name instead of a sentence, one more of what there is",
    )
    command.add_argument("--yes", action="store_true", help="confirm the spending; never stands for consent")
    _overwriting(command)
    command.add_argument("--env", action="store_true", help="print the ids as environment variables")


def _plan(command: argparse.ArgumentParser) -> None:
    _common(command, "planning.plan")
    command.add_argument("files", nargs="+", metavar="SENTENCE|FILE", help="one sentence, or companion.yaml files")
    _overwriting(command)


def _chat(command: Parser) -> None:
    command.set_defaults(run="chatting.chat")
    command.description = (
        "Nothing is spent, changed or deleted before you have said yes to it. /help inside tells more."
    )
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")


def _apply(command: Parser) -> None:
    command.set_defaults(run="batch.apply")
    command.description = "Make or change many companions. Said again it goes on, and makes nothing twice."
    command.add_argument("files", nargs="*", metavar="FILE|FOLDER", help="companion.yaml files, or folders of them")
    command.add_argument("--yes", action="store_true", help="confirm the spending; never stands for consent")
    _overwriting(command)
    command.add_argument("--no-wait", action="store_true", help="leave it to another Storykeeper that is open")
    command.add_argument("--json", action="store_true", dest="events", help="print one JSON object for each event")
    command.add_argument("--schema", action="store_true", help="print the JSON schema of a companion.yaml")
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")


def _overwriting(command: argparse.ArgumentParser) -> None:
    command.add_argument("--overwrite", action="store_true", help="also undo edits made in the ElevenLabs dashboard")


def _list(command: argparse.ArgumentParser) -> None:
    _common(command, "commands.list_companions")


def _show(command: argparse.ArgumentParser) -> None:
    _common(command, "commands.show")
    command.add_argument("companion", help="id, or name")
    command.add_argument("--about", default="", metavar="TOPIC", help="also show the memories on a topic")
    command.add_argument("--link", action="store_true", help="also give a new link to talk to it, good for 15 minutes")


def _book(command: Parser) -> None:
    command.set_defaults(run="bookkeeping.book")
    command.description = "Read memories, and tell what they contradict and leave out. Sends nothing."
    command.add_argument("paths", nargs="+", metavar="PATH", help="files, folders of them, or a companion.yaml")
    command.add_argument("--name", default="", help="whose memories these are")
    command.add_argument("--correction", action="append", default=[], metavar="LINE", help="outranks the memories")
    command.add_argument("--language", default="", help="two letters: en, de, es, fr, it, pt, zh (default: en)")
    command.add_argument("--out", default="", metavar="FOLDER", help="write the book's documents as Markdown")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _prepare(command: Parser) -> None:
    command.set_defaults(run="preparing.prepare", sandbox=False)
    command.description = "Judge recordings, rank them, and write the best of their speech as one file. Sends nothing."
    command.add_argument("recordings", nargs="+", metavar="RECORDING", help="recordings, or folders of them")
    command.add_argument("--out", default="", metavar="FILE", help="a .flac or .wav (default: NAME-prepared.flac)")
    command.add_argument("--force", action="store_true", help="replace a file that is there already")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _consent(command: Parser) -> None:
    _common(command, "consenting.consent")
    command.description = "Show the consents to a companion; where none covers its newest plan, ask for one."
    command.add_argument("companion", help="id, or name; to take it back, also the id of a consent or a voice")
    given = command.add_argument_group("instead of being asked")
    given.add_argument(
        "--kind", default="", choices=get_args(ConsentKind), metavar="KIND", help=", ".join(get_args(ConsentKind))
    )
    given.add_argument("--granted-by", default="", metavar="NAME", help="who consents")
    given.add_argument("--relation", default="", help="theirs to whose voice it is")
    given.add_argument("--statement", default="", metavar="TEXT", help="in their own words")
    given.add_argument("--evidence", default="", metavar="FILE", help="a signed letter, say: its sha256 is kept")
    given.add_argument("--expires", default="", metavar="YYYY-MM-DD", help="the last day on which it holds")
    command.add_argument("--revoke", action="store_true", help="take it back: paused at once, then forgotten")
    command.add_argument("--confirm", default="", metavar="TOKEN", help="what --revoke gave for the forgetting")


def _export(command: Parser) -> None:
    _common(command, "exporting.export")
    command.description = "Spec, memories, recordings, consents, journal and ids, with a README that explains them."
    command.add_argument("companion", help="id, or name")
    command.add_argument("--out", default="", metavar="FILE", help="default: the companion's id, in this folder")
    command.add_argument("--without-recordings", action="store_true", help="leave the voice out")
    command.add_argument("--force", action="store_true", help="replace an archive that is there")


def _interview(command: Parser) -> None:
    _common(command, "interviewing.interview")
    command.description = "Asks first for what the memories don't tell yet. Said again, it goes on where it was."
    command.add_argument(
        "of", nargs="?", default="", metavar="WHOSE", help="a name, a companion's id, a companion.yaml"
    )
    command.add_argument("--by", default="", metavar="NAME", help="who answers: the person, or somebody else")
    command.add_argument("--memories", nargs="+", default=[], metavar="PATH", help="what is told already")
    command.add_argument("--language", default="", help="two letters (default: the companion's, or en)")
    command.add_argument("--out", default="", metavar="FILE", help="default: interview-WHOSE-NAME.md")


def _rehearse(command: Parser) -> None:
    _common(command, "rehearsing.rehearse")
    command.description = (
        "Simulated talks, which cost a few credits; answers of a companion that is still the same are kept."
        " Exit code 0: all passed; 4: something didn't; 7: not all is asked yet, and said again it goes on."
    )
    command.add_argument("companion", help="id, or name")
    command.add_argument("--again", action="store_true", help="ask everything anew")


def _retire(command: Parser) -> None:
    _common(command, "retiring.retire")
    command.description = "Nothing is forgotten before you said yes to the list of what would be deleted."
    command.add_argument("companion", help="id, or name")
    action = command.add_mutually_exclusive_group(required=True)
    action.add_argument("--pause", action="store_const", dest="action", const="pause", help="nobody can talk to it")
    action.add_argument("--resume", action="store_const", dest="action", const="resume", help="as it was before")
    action.add_argument(
        "--forget", action="store_const", dest="action", const="forget", help="delete all of it, with a receipt"
    )
    command.add_argument(
        "--confirm", default="", metavar="TOKEN", help="what --forget gave where nobody could be asked"
    )


def _verify(command: Parser) -> None:
    _common(command, "commands.verify")


def _reconcile(command: Parser) -> None:
    _common(command, "reconciling.reconcile")
    command.description = "Without options it only reports; exit code 4 says that there is something to be done."
    command.add_argument(
        "--adopt", action="store_true", help="take in what is ours, and cross out what was deleted at ElevenLabs"
    )
    command.add_argument(
        "--delete", action="store_true", help="delete what is there twice, or was to be deleted before"
    )
    command.add_argument("--yes", action="store_true", help="confirm the deleting")


def _worker(command: Parser) -> None:
    command.set_defaults(run="commands.worker")
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")


def _talk(command: Parser) -> None:
    _common(command, "talking.talk")
    command.description = "Serves the talk page on this machine and prints its address; Ctrl-C ends it."
    command.add_argument("companion", nargs="?", default="", metavar="ID", help="id, or name (default: all of them)")
    page = command.add_argument_group("the page")
    page.add_argument("--port", type=_told(options.port), default=TALK_PORT, help=f"0 is any (default: {TALK_PORT})")
    page.add_argument("--open", action="store_true", help="open it in the browser")
    page.add_argument(
        "--album",
        action="append",
        default=[],
        metavar="[ID=]FOLDER",
        help="pictures; one called portrait is the portrait",
    )
    page.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="others need STORYKEEPER_TALK_TOKENS")
    page.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="where visitors find it, behind a proxy with TLS"
    )
    other = command.add_argument_group("instead of the page")
    other.add_argument(
        "--embed", default="", choices=EMBEDDED, metavar="WHAT", help=f"print a snippet: {', '.join(EMBEDDED)}"
    )
    other.add_argument("--terminal", action="store_true", help="talk here, by typing")
    other.add_argument("--voice", action="store_true", help="with --terminal: speak and listen, too")


def _corrections(command: Parser) -> None:
    _common(command, "correcting.corrections")
    command.description = "Nothing that visitors say is taken over before you say so."
    command.add_argument("companion", help="id, or name")
    which = command.add_mutually_exclusive_group()
    which.add_argument("--take", nargs="+", default=[], metavar="NUMBER", help="change the companion by these")
    which.add_argument("--drop", nargs="+", default=[], metavar="NUMBER", help="forget these; `all` is all of them")
    command.add_argument("--yes", action="store_true", help="confirm the change")


def _mcp(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run="commands.mcp")
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")
    command.add_argument(
        "--http", metavar="HOST:PORT", help="streamable HTTP at /mcp; beyond this machine with tokens only"
    )
    command.add_argument("--workers", type=int, choices=range(1, 65), default=1, metavar="N", help="so many processes")
    command.add_argument(
        "--stateless", action="store_true", help="keep no sessions, for several processes behind a proxy"
    )
    command.add_argument("--listener", type=int, help=argparse.SUPPRESS)  # a worker's descriptor, from its supervisor
    command.add_argument("--read-only", action="store_true", help="offer only the tools that change nothing")


def _config(command: Parser) -> None:
    command.set_defaults(run="configuring.config")
    command.description = "The key is never printed nor written: each assistant has its own way to it."
    command.add_argument("host", choices=ASSISTANTS, metavar="HOST", help=", ".join(ASSISTANTS))
    command.add_argument(
        "--write",
        nargs="?",
        const="",
        metavar="FILE",
        help="put it into the host's own file, or this one; nothing is lost",
    )
    command.add_argument("--files", default="", metavar="FOLDER", help="what may be read (default: ~/Storykeeper)")
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")


def _doctor(command: Parser) -> None:
    _common(command, "examining.doctor")
    command.description = (
        "Spends nothing, and changes nothing. Exit codes: 0 all well, 4 here, 5 the account, 6 ElevenLabs."
    )


def _sandbox(command: Parser) -> None:
    command.set_defaults(run="commands.sandbox")
    command.description = "Run a local ElevenLabs on 127.0.0.1: private, without cost, and nothing in it is real."
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.closing = options.about
    command.add_argument("--port", type=_told(options.port), default=8765, help="0 is any free one (default: 8765)")
    command.add_argument("--state", metavar="FILE", help="keep the state in a file (default: in memory)")
    command.add_argument("--plan", type=_told(options.tier), default="creator", metavar="TIER", help="default: creator")
    command.add_argument(
        "--key",
        nargs="+",
        action="extend",
        type=_told(options.key),
        metavar="KEY",
        help="accepted keys, each a workspace of its own unless it says otherwise (default: sandbox)",
    )
    command.add_argument(
        "--switch", action="append", default=[], type=_told(options.switch), metavar="NAME=VALUE", help="see below"
    )
    command.add_argument(
        "--fault", action="append", default=[], type=_told(options.fault), metavar="RULE", help="see below"
    )


def _told(read: Callable[[str], T]) -> Callable[[str], T]:
    """`read`, whose ValueErrors are usage errors in its own words."""

    def told(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return told


_OF_A_CONSENT = ("kind", "granted_by", "relation", "statement", "evidence", "expires")
_SPELLED_OUT = (
    *("name", "audio", "memories", "memory_id", "relation", "deceased", "wishes", "companion"),
    *("language", "audience", "consent", "granted_by"),
)


def misfit(arguments: argparse.Namespace) -> str:
    """Why the arguments of a command can't be meant together, or nothing."""
    misfits = {
        "batch.apply": _unnamed,
        "consenting.consent": _unsaid,
        "making.provision": _unmade,
        "talking.talk": _unspoken,
        "commands.mcp": _unserved,
    }
    return misfits[arguments.run](arguments) if arguments.run in misfits else ""


def _unnamed(arguments: argparse.Namespace) -> str:
    return "" if arguments.files or arguments.schema else "give a companion.yaml, or a folder of them"


def _unmade(arguments: argparse.Namespace) -> str:
    """Why it isn't said of whom a companion is to be made, or is said twice."""
    if arguments.plan and arguments.correction:
        return "a plan says it all; --correction can't stand beside it"
    given = [f"--{option.replace('_', '-')}" for option in _SPELLED_OUT if getattr(arguments, option)]
    if arguments.sentence or arguments.plan:
        both = ["a sentence"] if arguments.sentence and arguments.plan else []
        beside = ", ".join([*both, *given])
        return f"a sentence, a file or a plan says it all; {beside} can't stand beside it" if beside else ""
    missing = [f"--{option}" for option in ("name", "audio") if not getattr(arguments, option)]
    return f"give a sentence, a companion.yaml, or --name and --audio; {', '.join(missing)} missing" if missing else ""


def _unspoken(arguments: argparse.Namespace) -> str:
    """What of a talk's options can't be meant together."""
    if arguments.embed and arguments.terminal:
        return "--embed and --terminal can't stand beside each other"
    if (arguments.embed or arguments.terminal) and not arguments.companion:
        return f"--{'embed' if arguments.embed else 'terminal'} needs the id of a companion"
    return "--voice goes with --terminal" if arguments.voice and not arguments.terminal else ""


def _unserved(arguments: argparse.Namespace) -> str:
    """What only means something over HTTP."""
    several = arguments.workers > 1 or arguments.stateless
    return "--workers and --stateless go with --http" if several and not arguments.http else ""


def _unsaid(arguments: argparse.Namespace) -> str:
    """What a consent's options don't say: without a kind nobody would notice them."""
    said = [f"--{name.replace('_', '-')}" for name in _OF_A_CONSENT if getattr(arguments, name)]
    if arguments.revoke:
        return f"--revoke takes back what there is; {', '.join(said)} can't stand beside it" if said else ""
    if arguments.confirm:
        return "--confirm goes with --revoke"
    return f"{', '.join(said)} needs --kind: as what somebody consents" if said and not arguments.kind else ""
