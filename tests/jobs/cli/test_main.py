import subprocess
import sys
from pathlib import Path
from typing import get_args

from typer.main import get_command

from jobs import stages
from jobs.cli.main import app

CHECKOUT = Path(__file__).parents[3]
HEAVY = ("torch", "pyspark", "pyarrow", "pydantic", "deltalake", "pandas", "transformers", "yaml")


def test_help_imports_nothing_heavy(run_python):
    script = f"""
    import sys
    from jobs.cli.main import app
    try:
        app(["--help"])
    finally:
        print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
    """
    done = run_python(script)
    assert done.stdout.splitlines()[-1] == "heavy: []"
    for command in ("nightly", "review", "train", "study", "setup", *(stage.name for stage in stages.STAGES)):
        assert command in done.stdout


def kind_of(parameter):
    kind = parameter.type_descriptor.annotation
    return str(kind) if get_args(kind) else getattr(kind, "__name__", str(kind))


def surface(command, path):
    """A line for each command and for each of its options: flags, kind, default; ``!`` where it must be given."""
    real = command.real() if hasattr(command, "real") else command
    yield " ".join(path)
    for parameter in real.params:
        names = ", ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
        default = "!" if parameter.required else "" if parameter.default in (None, False, ()) else parameter.default
        yield f"    {names:28} {kind_of(parameter)} {default}".rstrip()
    for name, below in sorted(getattr(real, "commands", {}).items()):
        yield from surface(below, [*path, name])


def test_the_command_line_is_the_one_that_was_agreed(tmp_path):
    """Every command and option; a change of the line is a change of ``surface.txt`` that a reviewer reads."""
    found = "\n".join(surface(get_command(app), ["coverlift"])).replace(str(CHECKOUT), ".") + "\n"
    (tmp_path / "surface.txt").write_text(found, encoding="utf-8")
    agreed = Path(__file__).with_name("surface.txt").read_text(encoding="utf-8")
    assert found == agreed, f"if this is meant: cp {tmp_path / 'surface.txt'} {Path(__file__).with_name('surface.txt')}"


def test_the_installed_command_works():
    done = subprocess.run([Path(sys.executable).with_name("coverlift"), "--help"], capture_output=True, check=True)
    assert b"Exit codes: 0 done" in done.stdout
