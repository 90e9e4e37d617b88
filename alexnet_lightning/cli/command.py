"""A command line out of a typed function; mistakes end in one line with status 2."""

from __future__ import annotations

import argparse
import errno
import inspect
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from alexnet_lightning.system import signals, streams
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.notices import quieten
from alexnet_lightning.system.text import no_option

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


signals.end_quietly()
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what a write to a file without a name raises


def run_command(command: Callable[[Sequence[str]], None]) -> None:
    """Run a command on the arguments of this process; exit with status 2 and one line on a mistake.

    A stopped command exits with the status that shells know: 130 after Ctrl-C, 143 after SIGTERM,
    and 141, without a word, when what reads its output has ended.
    """
    streams.open_closed()
    try:
        try:
            with signals.stopping():
                quieten()
                streams.encode_anything()
                check_working_folder()
                command([at_home(word) for word in sys.argv[1:]])
        finally:
            sys.stdout.flush()  # an error shows here, and not when Python ends
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except signals.Stopped as stop:
        sys.exit(stop.status)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if streams.reader_gone():
            streams.silence()
            sys.exit(128 + signal.SIGPIPE)
        if error.filename is None and error.errno not in FULL:
            raise
        place = "the output" if error.filename is None else error.filename
        print(f"error: {UserError(f'{place}: {error.strerror}')}", file=sys.stderr)
        if error.filename is None:
            streams.silence()
        sys.exit(2)


def check_working_folder() -> None:
    """Raise a UserError if the folder that a command is called in has been removed."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the working folder is no longer there: cd to another") from None


def at_home(word: str) -> str:
    """Return a word with ~ as the home, which shells leave as it is in --flag=~/x."""
    flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return f"{flag}{equals}{os.path.expanduser(value)}"  # noqa: PTH111  # mostly no paths


def arguments(
    name: str, args: Sequence[str], *functions: Callable[..., Any], examples: str
) -> dict[str, Any]:
    """Return the keyword arguments that a command line gives to functions.

    Args:
        name: of the command, as in `python -m alexnet_lightning.NAME`.
        args: command line without the program's name.
        functions: their parameters are the options: the type and default are taken from the
            signature, the help from the docstring. Parameters without a default are positional. A
            parameter `overrides` gets all flags that are not theirs, for `fit`.
        examples: end of the help page, a line each.

    Raises:
        UserError: an argument is missing, unknown or of another type.
    """
    from jsonargparse import ArgumentError

    parser = parser_of(name, functions, examples)
    own, rest = split(parser, args)
    given = {}
    if any("overrides" in inspect.signature(each).parameters for each in functions):
        given = {"overrides": rest}
    elif rest:
        raise UserError(no_option(rest[0], options_of(parser)))
    try:
        found = parser.parse_args(own)
    except (ArgumentError, TypeError, ValueError) as error:
        from alexnet_lightning.cli.messages import explain

        message = explain(error)
        is_option = f"--{message.partition(':')[0]}" in options_of(parser)
        raise UserError(f"--{message}" if is_option else message) from None
    return {**vars(found), **given}


def parser_of(name: str, functions: Sequence[Callable[..., Any]], examples: str) -> ArgumentParser:
    """Return a parser with an option for each parameter of the functions."""
    from docstring_parser import parse
    from jsonargparse import ArgumentParser, DefaultHelpFormatter

    class Formatter(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
        """Keeps the lines of the examples; tells the default, and leaves out Python's types."""

        def _get_help_string(self, action: argparse.Action) -> str:
            default = action.default
            untold = default is False or default in (None, (), argparse.SUPPRESS)
            if untold or not action.option_strings:
                return action.help or ""
            words = " ".join(map(str, default)) if isinstance(default, list) else default
            words = "true" if words is True else words
            return f"{action.help} (default: {words})"

    described = (inspect.getdoc(functions[0]) or "").split("\n\nArgs:")[0].split("\n\nReturns:")[0]
    parser = ArgumentParser(
        prog=f"python -m alexnet_lightning.{name}",
        description=described,
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples.strip().splitlines()),
        formatter_class=Formatter,
        exit_on_error=False,
        allow_abbrev=False,
    )
    for function in functions:
        lists = list_parameters(function)
        words = {each.arg_name: each.description for each in parse(function.__doc__ or "").params}
        parser.add_function_arguments(
            function, as_group=False, as_positional=True, skip={*lists, "overrides"}
        )
        for key, element in lists.items():
            default = inspect.signature(function).parameters[key].default
            required = default is inspect.Parameter.empty
            options: dict[str, Any] = {} if required else {"default": default and list(default)}
            flag = key if required else f"--{key}"
            parser.add_argument(flag, nargs="+", type=element, help=words.get(key), **options)
    for action in options_of(parser).values():
        if is_switch(action):
            action.metavar = "[true|false]"
    return parser


def options_of(parser: ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options that a parser knows, by their flags."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def list_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the parameters that take several words on the command line, and an element's type."""
    annotated = inspect.get_annotations(function)
    annotated.pop("return", None)  # it may name what only type checkers import
    hints = get_type_hints(SimpleNamespace(__annotations__=annotated), function.__globals__)
    found = {}
    for key, hint in hints.items():
        for kind in (hint, *get_args(hint)):
            origin = getattr(kind, "__origin__", None)
            if origin in (list, Sequence) and key != "overrides":
                found[key] = get_args(kind)[0]
    return found


def split(parser: ArgumentParser, args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the arguments that a parser knows, and the flags with their values that it does not.

    A flag that is true or false may stand without a value.
    """
    actions = options_of(parser)
    own: list[str] = []
    rest: list[str] = []
    target = own
    for index, word in enumerate(args):
        if word == "--":  # files whose names begin with a dash follow
            return [*own, *args[index:]], rest
        flag, equals, _ = word.partition("=")
        if re.match("--?[a-zA-Z]", word):  # no negative number
            target = own if flag in actions else rest
            following = args[index + 1] if index + 1 < len(args) else ""
            alone = not equals and following not in ("true", "false")
            if alone and flag in actions and is_switch(actions[flag]):
                word = f"{word}=true"
        target.append(word)
    return own, rest


def is_switch(action: argparse.Action) -> bool:
    """Tell whether an option is true or false."""
    return getattr(action, "_typehint", None) is bool


def strictness(strict: bool = False) -> None:
    """Options of the commands that judge.

    Args:
        strict: exit with status 1 if something is wrong
    """
