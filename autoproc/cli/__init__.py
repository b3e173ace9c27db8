"""The command line: arguments to a plan, the plan to the process, its result to text or JSON.

Nothing heavy is imported before the arguments are parsed: commands import what they need when they run.
"""

from autoproc.cli.app import main

__all__ = ["main"]
