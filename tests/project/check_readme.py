"""Checks that the commands and files that README.md names are there: ``make check`` runs it.

Reads every fenced block marked ``sh``, ``bash`` or ``console``. A ``make`` command must name
targets and variables of the Makefile; a ``ucp-connector`` command must name a subcommand that
answers ``--help``, with options that its help lists; a relative link must lead to a file.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "ucp-connector"
HELP_TIMEOUT = 60

Help = Callable[[list[str]], str | None]
"""From the words of a subcommand to its help text, or none where it is refused."""

_BLOCK = re.compile(r"^[ \t]*```(?:sh|bash|console)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*'?\"?(\w+)['\"]?[^\n]*\n.*?^\s*\1$", re.MULTILINE | re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
_VARIABLE = re.compile(r"\$[({](\w+)[)}]")
_ASSIGNMENT = re.compile(r"^(\w+)=")
_SEPARATORS = frozenset({"|", "||", "&&", ";", "&", "(", ")"})


def commands(readme: str) -> Iterator[list[str]]:
    """Every simple command of the fenced shell blocks, as its words."""
    for block in _BLOCK.findall(readme):
        yield from _commands_of(_HEREDOC.sub("", block.replace("\\\n", " ")))


def _commands_of(text: str) -> Iterator[list[str]]:
    for inner in _SUBSTITUTION.findall(text):
        yield from _commands_of(inner)
    lexer = shlex.shlex(
        _SUBSTITUTION.sub("X", text).replace("\n", ";"), posix=True, punctuation_chars="|&;()"
    )
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word not in _SEPARATORS and set(word) != {";"}:
            words.append(word)
        elif words:
            yield _without_prefix(words)
            words = []


def _without_prefix(words: list[str]) -> list[str]:
    """Leave out a prompt and assignments for one command."""
    rest = list(words)
    while len(rest) > 1 and (rest[0] == "$" or _ASSIGNMENT.match(rest[0])):
        del rest[0]
    return rest


def wrong_make(words: list[str], makefile: str) -> Iterator[str]:
    targets, variables = set(_TARGET.findall(makefile)), set(_VARIABLE.findall(makefile))
    for word in words[1:]:
        assigned = _ASSIGNMENT.match(word)
        if assigned:
            if assigned[1] not in variables:
                yield f"the Makefile does not use the variable {assigned[1]}"
        elif not word.startswith("-") and word not in targets:
            yield f"the Makefile has no target {word}"


def wrong_connector(words: list[str], help_of: Help) -> Iterator[str]:
    arguments = words[1:]
    flags = [word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)]
    first_flag = next((i for i, word in enumerate(arguments) if word.startswith("-")), None)
    text = help_of(arguments[:first_flag])
    if text is None:
        yield f"`{COMMAND} {' '.join(arguments[:first_flag])} --help` is refused"
        return
    listed = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text))
    for flag in flags:
        if flag not in listed:
            yield f"its help does not list {flag}"


def help_of_installed(words: list[str]) -> str | None:
    program = Path(sys.executable).parent / COMMAND
    done = subprocess.run(  # noqa: S603  # our own command, on words of our own README
        [str(program), *words, "--help"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HELP_TIMEOUT,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None


def problems(readme: str, makefile: str, help_of: Help, root: Path) -> Iterator[str]:
    """One line for each thing that README.md names and that is not there."""
    seen = 0
    for words in commands(readme):
        found: Iterator[str] = iter(())
        if words[0] == "make":
            found = wrong_make(words, makefile)
        elif words[0].rpartition("/")[2] == COMMAND:
            found = wrong_connector(words, help_of)
        else:
            continue
        seen += 1
        for line in found:
            yield f"{shlex.join(words)}: {line}"
    if not seen:
        yield f"no `make` or `{COMMAND}` command in a fenced shell block"
    for link in _LINK.findall(readme):
        if "://" not in link and not link.startswith("mailto:") and not (root / link).exists():
            yield f"the link {link} leads nowhere"


def main() -> int:
    readme = ROOT / "README.md"
    if not readme.exists():
        print("README.md is not there", file=sys.stderr)  # noqa: T201  # a command of make's
        return 1
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    found = list(problems(text, makefile, help_of_installed, ROOT))
    for line in found:
        print(f"README.md: {line}", file=sys.stderr)  # noqa: T201  # see above
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
