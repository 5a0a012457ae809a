"""`casewright docs`: what is derived from the procedures, written into the services' README files."""

import importlib
import re
import sys
from pathlib import Path

import click

import services
from deploy.installation import CouldNot
from deploy.services import MAKERS
from shared import diagram
from shared.procedure import Procedure

FOLDER = Path(services.__file__).parent
BEGIN, END = "<!-- generated: procedure -->", "<!-- end -->"
BETWEEN = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)


@click.command("docs")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a README is not in step.")
def command(check: bool) -> None:
    """Write each procedure's diagram and tables into services/*/README.md, between its markers.

    \b
    Examples:
      casewright docs
      casewright docs --check
    """
    behind = [name for name in MAKERS if not _in_step(name, check)]
    for name in behind:
        click.echo(f"services/{name}/README.md " + ("is not in step: run 'casewright docs'" if check else "written"))
    if not behind:
        click.echo("every README is in step")
    sys.exit(1 if behind and check else 0)


def _in_step(name: str, check: bool) -> bool:
    """Whether a README holds what its procedure says; where not, it is written unless only checked."""
    path = FOLDER / name / "README.md"
    try:
        text = path.read_text(encoding="utf-8")
        if len(BETWEEN.findall(text)) != 1:
            raise CouldNot(f"services/{name}/README.md needs one '{BEGIN}' and behind it '{END}'")
        procedure = importlib.import_module(f"services.{name}.procedure").PROCEDURES.current
        wanted = BETWEEN.sub(lambda _: f"{BEGIN}\n{section(procedure)}{END}", text)
        if wanted != text and not check:
            path.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise CouldNot(f"services/{name}/README.md: {error.strerror}") from None
    return wanted == text


def section(procedure: Procedure) -> str:
    """The diagram and the tables of a procedure as Markdown."""
    return "\n".join((
        f"\nProcedure `{procedure.name}` version {procedure.version}, as declared in `procedure.py`.\n",
        f"```mermaid\n{diagram.mermaid(procedure)}```\n",
        f"### Stages 阶段\n\n{diagram.stages_table(procedure)}",
        f"### Steps 步骤\n\n{diagram.steps_table(procedure)}",
    ))  # fmt: skip
