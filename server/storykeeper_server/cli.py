"""The command line: results on stdout, everything else on stderr, and exit codes that say who must act."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from storykeeper_tools.errors import InternalError, StorykeeperError, from_system

from . import commands
from .sandbox.control import options
from .wording import commanded

UNEXPECTED, USAGE = 1, 2
INTERRUPTED = 130
UNHEARD = 141
T = TypeVar("T")
Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0 done, 2 usage, 3 needs an answer, 4 refused, 5 account, 6 upstream, 7 still going, 1 else."""
    if sys.platform == "win32":
        print("storykeeper: native Windows isn't supported yet; please run it in WSL", file=sys.stderr)
        return UNEXPECTED
    root = parser()
    arguments = root.parse_args(argv)
    problem = misfit(arguments) if arguments.run in {_provisioning, _applying} else ""
    if problem:
        root.error(problem)
    return _run(arguments.run, arguments)


def _run(command: Command, arguments: argparse.Namespace) -> int:
    """The outermost handler: whatever happens ends in a sentence and an exit code."""
    try:
        code = asyncio.run(command(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read along has seen enough. Python would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEARD
    except StorykeeperError as error:
        return fail(error, as_json=getattr(arguments, "json", False))
    except KeyboardInterrupt:
        print("storykeeper: interrupted; said again, it goes on where it was", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        return fail(from_system(error), as_json=getattr(arguments, "json", False))
    except Exception as error:  # a defect of ours, told with where it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        broken = InternalError(
            f"something broke: {type(error).__name__} in {where.name}, line {where.lineno} of {Path(where.filename).name}",
            exists="see storykeeper list",
        )
        return fail(broken, as_json=getattr(arguments, "json", False))
    return code


# Commands whose modules a server needn't wait for.


async def _provisioning(arguments: argparse.Namespace) -> int:
    from .making import provision

    return await provision(arguments)


async def _applying(arguments: argparse.Namespace) -> int:
    from .batch import apply

    return await apply(arguments)


async def _reconciling(arguments: argparse.Namespace) -> int:
    from .reconciling import reconcile

    return await reconcile(arguments)


async def _retiring(arguments: argparse.Namespace) -> int:
    from .retiring import retire

    return await retire(arguments)


def misfit(arguments: argparse.Namespace) -> str:
    """Why the arguments of `provision` or `apply` can't be meant together, or nothing."""
    if arguments.run is _applying:
        return "" if arguments.files or arguments.schema else "give a companion.yaml, or a folder of them"
    options = ("name", "audio", "memories", "relation", "deceased", "wishes", "companion", "consent", "granted_by")
    given = [f"--{option.replace('_', '-')}" for option in options if getattr(arguments, option)]
    if arguments.sentence or arguments.plan:
        both = ["a sentence"] if arguments.sentence and arguments.plan else []
        beside = ", ".join([*both, *given])
        return f"a sentence, a file or a plan says it all; {beside} can't stand beside it" if beside else ""
    missing = [f"--{option}" for option in ("name", "audio") if not getattr(arguments, option)]
    return f"give a sentence, a companion.yaml, or --name and --audio; {', '.join(missing)} missing" if missing else ""


def fail(error: StorykeeperError, *, as_json: bool) -> int:
    """The one place where the command line renders an error."""
    print(f"storykeeper: {commanded(str(error))}", file=sys.stderr)
    if as_json:
        commands.print_json({"error": error.row()})
    return error.exit_code


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
    _plan(sub.add_parser("plan", help="show what making a companion would do and cost; spends nothing"))
    _apply(sub.add_parser("apply", help="make or change many companions, each from its companion.yaml"))
    _list(sub.add_parser("list", help="list the companions of this workspace"))
    _show(sub.add_parser("show", help="show one companion"))
    _retire(sub.add_parser("retire", help="pause or resume a companion, or forget it for good"))
    _verify(sub.add_parser("verify", help="check that the journal of what was done is as it was written"))
    _reconcile(sub.add_parser("reconcile", help="compare the ledger with ElevenLabs, and mend what differs"))
    _worker(sub.add_parser("worker", help="carry on what is to be done, until it is told to go"))
    _mcp(sub.add_parser("mcp", help="serve the tools over MCP: stdio, or HTTP on this machine"))
    _sandbox(sub.add_parser("sandbox", help="run a local ElevenLabs for tries and tests"))
    return root


def _common(command: argparse.ArgumentParser, run: Command) -> None:
    command.set_defaults(run=run)
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _provision(command: argparse.ArgumentParser) -> None:
    _common(command, _provisioning)
    command.add_argument(
        "sentence", nargs="?", help='such as "make a companion of my mother Dorothy from mum.m4a", or a companion.yaml'
    )
    command.add_argument("--plan", default="", metavar="PLAN_ID", help="carry out this plan, or go on with it")
    files = command.add_argument_group("instead of a sentence")
    files.add_argument("--name", help="whose companion it is")
    files.add_argument("--audio", nargs="+", default=[], metavar="FILE", help="recordings of the voice")
    files.add_argument("--memories", nargs="+", default=[], metavar="PATH", help="texts, or folders of them")
    files.add_argument("--relation", default="", help="mother, friend, ...")
    files.add_argument("--deceased", action="store_true", help="the person has died")
    files.add_argument("--language", default="en", help="two letters, such as en, es, de, fr (default: en)")
    files.add_argument("--wishes", default="", help="how it should speak")
    files.add_argument("--companion", help="an existing companion's id, or `new` for another of the same name")
    files.add_argument("--consent", choices=["self", "guardian", "executor_or_heir"], help="whose consent there is")
    files.add_argument("--granted-by", metavar="NAME", help="who gave it")
    command.add_argument("--yes", action="store_true", help="confirm the spending; never stands for consent")
    _overwriting(command)
    command.add_argument("--env", action="store_true", help="print the ids as environment variables")


def _plan(command: argparse.ArgumentParser) -> None:
    _common(command, commands.plan)
    command.add_argument("files", nargs="+", metavar="companion.yaml")
    _overwriting(command)


def _apply(command: Parser) -> None:
    command.set_defaults(run=_applying)
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
    _common(command, commands.list_companions)


def _show(command: argparse.ArgumentParser) -> None:
    _common(command, commands.show)
    command.add_argument("companion", help="id, or name")
    command.add_argument("--about", default="", metavar="TOPIC", help="also show the memories on a topic")
    command.add_argument("--link", action="store_true", help="also give a new link to talk to it, good for 15 minutes")


def _retire(command: Parser) -> None:
    _common(command, _retiring)
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
    _common(command, commands.verify)


def _reconcile(command: Parser) -> None:
    _common(command, _reconciling)
    command.description = "Without options it only reports; exit code 4 says that there is something to be done."
    command.add_argument(
        "--adopt", action="store_true", help="take in what is ours, and cross out what was deleted at ElevenLabs"
    )
    command.add_argument(
        "--delete", action="store_true", help="delete what is there twice, or was to be deleted before"
    )
    command.add_argument("--yes", action="store_true", help="confirm the deleting")


def _worker(command: Parser) -> None:
    command.set_defaults(run=commands.worker)
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")


def _mcp(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=commands.mcp)
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")
    command.add_argument("--http", metavar="HOST:PORT", help="streamable HTTP on a loopback address, at /mcp")
    command.add_argument("--read-only", action="store_true", help="offer only the tools that change nothing")


def _sandbox(command: Parser) -> None:
    command.set_defaults(run=commands.sandbox)
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
