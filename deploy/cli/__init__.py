"""The `casewright` command: a file per verb, loaded only when it is asked for."""

import importlib

import click

VERBS = ("up", "demo", "import", "events", "staff", "verify", "export", "migrate", "docs")


class Verbs(click.Group):
    """Finds each verb in the module of its name, so that no command pays for the imports of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"deploy.cli.{cmd_name}_").command
        return command


@click.command(cls=Verbs)
@click.version_option(package_name="casewright")
def main() -> None:
    """Casewright runs the procedures by which a company keeps its word to its customers.

    \b
    Try it:
      casewright up                      start everything on this machine
      casewright demo                    play one complaint through all its steps
      casewright import complaints FILE  bring in complaints from a file

    Settings come from CASEWRIGHT_PORT (8080) and CASEWRIGHT_DATA (where everything is kept).
    """
