"""The command line: results on stdout, everything else on stderr, and exit codes that say who must act."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from storykeeper_tools.errors import BadInput, InternalError, StorykeeperError

from . import commands
from .sandbox.control import options

UNEXPECTED, USAGE = 1, 2
INTERRUPTED = 130
T = TypeVar("T")
Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0 done, 2 usage, 3 needs an answer, 4 refused, 5 account, 6 upstream, 7 still going, 1 else."""
    if sys.platform == "win32":
        print("storykeeper: native Windows isn't supported yet; please run it in WSL", file=sys.stderr)
        return UNEXPECTED
    root = parser()
    arguments = root.parse_args(argv)
    command: Command = arguments.run
    problem = misfit(arguments) if command is commands.provision else ""
    if problem:
        root.error(problem)
    try:
        return asyncio.run(command(arguments))
    except StorykeeperError as error:
        return fail(error, as_json=getattr(arguments, "json", False))
    except KeyboardInterrupt:
        print("storykeeper: interrupted; said again, it goes on where it was", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        refused = BadInput(
            f"the system refused: {error.strerror or type(error).__name__}", exists="see storykeeper list"
        )
        return fail(refused, as_json=getattr(arguments, "json", False))
    except Exception as error:  # the outermost handler: a defect of ours is told in a sentence, with where it is
        where = traceback.extract_tb(error.__traceback__)[-1]
        broken = InternalError(
            f"something broke: {type(error).__name__} in {where.name}, line {where.lineno} of {Path(where.filename).name}",
            exists="see storykeeper list",
        )
        return fail(broken, as_json=getattr(arguments, "json", False))


def misfit(arguments: argparse.Namespace) -> str:
    """Why the arguments of `provision` can't be meant together, or nothing."""
    options = ("name", "audio", "memories", "relation", "deceased", "wishes", "companion", "consent", "granted_by")
    given = [f"--{option.replace('_', '-')}" for option in options if getattr(arguments, option)]
    if arguments.sentence:
        return f"a sentence says it all; {', '.join(given)} can't stand beside it" if given else ""
    missing = [f"--{option}" for option in ("name", "audio") if not getattr(arguments, option)]
    return f"give a sentence, or --name and --audio; {', '.join(missing)} missing" if missing else ""


def fail(error: StorykeeperError, *, as_json: bool) -> int:
    """The one place where the command line renders an error."""
    print(f"storykeeper: {error}", file=sys.stderr)
    if as_json:
        print(json.dumps({"error": error.row()}, ensure_ascii=False, indent=2))
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
    _list(sub.add_parser("list", help="list the companions of this workspace"))
    _show(sub.add_parser("show", help="show one companion"))
    _verify(sub.add_parser("verify", help="check that the journal of what was done is as it was written"))
    _worker(sub.add_parser("worker", help="carry on what is to be done, until it is told to go"))
    _mcp(sub.add_parser("mcp", help="serve the tools over MCP: stdio, or HTTP on this machine"))
    _sandbox(sub.add_parser("sandbox", help="run a local ElevenLabs for tries and tests"))
    return root


def _common(command: argparse.ArgumentParser, run: Command) -> None:
    command.set_defaults(run=run)
    command.add_argument("--sandbox", action="store_true", help="use the embedded sandbox: nothing is real")
    command.add_argument("--json", action="store_true", help="print the result as JSON")


def _provision(command: argparse.ArgumentParser) -> None:
    _common(command, commands.provision)
    command.add_argument(
        "sentence", nargs="?", help='such as "make a companion of my mother Dorothy from mum.m4a", or a companion.yaml'
    )
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
    command.add_argument("--env", action="store_true", help="print the ids as environment variables")


def _plan(command: argparse.ArgumentParser) -> None:
    _common(command, commands.plan)
    command.add_argument("files", nargs="+", metavar="companion.yaml")


def _list(command: argparse.ArgumentParser) -> None:
    _common(command, commands.list_companions)


def _show(command: argparse.ArgumentParser) -> None:
    _common(command, commands.show)
    command.add_argument("companion", help="id, or name")
    command.add_argument("--about", default="", metavar="TOPIC", help="also show the memories on a topic")


def _verify(command: Parser) -> None:
    _common(command, commands.verify)


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
