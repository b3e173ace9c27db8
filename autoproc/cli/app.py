"""The `autoproc` command: its commands in the order of use, and how errors end it."""

import gc
import shutil
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Sequence
from io import StringIO, TextIOWrapper

import click

from autoproc.cli.completion import add_completion
from autoproc.cli.holdout import holdout
from autoproc.cli.jobs import show, ui
from autoproc.cli.models import export
from autoproc.cli.output import examples
from autoproc.cli.predict import predict
from autoproc.cli.report import compare, report
from autoproc.cli.signals import Terminated, terminate
from autoproc.cli.spaces import spaces
from autoproc.cli.sync import sync
from autoproc.cli.tune import inspect, resume, tune
from autoproc.errors import AutoprocError, NoSignalError
from autoproc.progress.encoding import SPELT_OUT
from autoproc.report.text import visible
from autoproc.tracking.addresses import without_secrets

_GARBAGE_THRESHOLD = 100_000  # objects between two searches for garbage: libraries' hundreds of thousands are none
_AGAIN_SECONDS = 0.1
INTERNAL, USER_ERROR, NO_SIGNAL, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143


class InOrder(click.Group):
    """A group that lists its commands as they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=InOrder,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "autoproc tune examples/machine_failure.csv --target machine_failure",
        "autoproc ui",
        "autoproc predict last new.csv --out predictions.csv",
    ),
)
@click.version_option(package_name="autoproc", message="%(prog)s %(version)s")
@click.pass_context
def autoproc(context: click.Context) -> None:
    """Carry out the deep-learning process on a table, from raw rows to an exported, honestly scored network.

    `autoproc COMMAND --help` tells more, with examples.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (tune, resume, inspect, show, report, compare, ui, export, predict, holdout, sync, spaces):
    autoproc.add_command(command)
add_completion(autoproc)


def main() -> int:
    """Run the command line of this process; the exit code."""
    signal.signal(signal.SIGTERM, terminate)
    sys.unraisablehook = _interrupt_again
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # an encoding that lacks a character is no reason to stop
            stream.reconfigure(errors=SPELT_OUT)
    gc.set_threshold(_GARBAGE_THRESHOLD)  # loads the libraries in four fifths of the time
    code = run(sys.argv[1:])
    gc.freeze()  # a process that ends need not be tidied up, which would take it more than a second
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code. Errors go to standard error, as a traceback only if they are ours."""
    try:
        code = autoproc.main(list(arguments), prog_name="autoproc", standalone_mode=False)
    except click.ClickException as error:
        error.show(told := StringIO())
        click.echo(without_secrets(told.getvalue()), err=True, nl=False)
        return error.exit_code
    except click.Abort as error:
        click.echo("autoproc: interrupted", err=True)
        return TERMINATED if isinstance(error.__cause__, Terminated) else INTERRUPTED
    except AutoprocError as error:
        for told in (f"autoproc: {error}", *getattr(error, "__notes__", ())):
            click.echo(_paragraph(without_secrets(told)), err=True)
        return NO_SIGNAL if isinstance(error, NoSignalError) else USER_ERROR
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and _is_of_others(error):
            click.echo(_paragraph(f"autoproc: {_incomplete(error)}"), err=True)
            return USER_ERROR
        click.echo("autoproc: this should not have happened; please report it with the lines below.", err=True)
        click.echo(without_secrets(traceback.format_exc()), err=True, nl=False)  # the last lines say how to go on
        return INTERNAL
    return code if isinstance(code, int) else 0


def _is_of_others(error: ModuleNotFoundError) -> bool:
    """Whether it is a library that is missing."""
    return error.name is not None and error.name.partition(".")[0] != "autoproc"


def _incomplete(error: ModuleNotFoundError) -> str:
    return (
        f"This needs the library {error.name}, which is not installed: without its extras autoproc predicts with "
        "models that are there, and no more. Install the rest of it: pip install 'autoproc[tune]'"
    )


def _interrupt_again(dropped: "sys.UnraisableHookArgs") -> None:
    """Python drops what is raised while it tidies up, in a weak reference's callback say: an interrupt that comes just
    then comes once more, or the job would go on, and open its holdout."""
    if not isinstance(dropped.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    number = signal.SIGTERM if isinstance(dropped.exc_value, Terminated) else signal.SIGINT
    threading.Timer(_AGAIN_SECONDS, _send, [number]).start()


def _send(number: signal.Signals) -> None:
    """Send a signal to the main thread; where that can be done, it wakes from whatever it waits for."""
    main_thread = threading.main_thread().ident
    if sys.platform == "win32" or main_thread is None:
        signal.raise_signal(number)
    else:
        signal.pthread_kill(main_thread, number)


def _paragraph(text: str) -> str:
    text = visible(text)  # names of files and columns may hold anything
    if not sys.stderr.isatty():
        return text
    return textwrap.fill(text, shutil.get_terminal_size().columns, break_long_words=False, break_on_hyphens=False)
