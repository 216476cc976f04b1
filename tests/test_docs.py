"""The pages hold what they promise: links lead somewhere, commands exist, names of files and settings are real."""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from conf.load import load_settings
from jobs.cli.main import app
from jobs.lake.schema.tables import TABLES
from jobs.stages import STAGES

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|\s|/)coverlift( [a-z-][^#`|;)&]*)")
MODULE = re.compile(r"^(?:conf|jobs|reward_model|generation|recsys_eval|tests|benchmarks|docs)/[\w./-]+$")
OVERRIDE = re.compile(r"(?:-o|--override) '?([a-z_]+(?:\.[a-z_0-9]+)+)=")


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sorted(ROOT / name for name in listed.stdout.split() if (ROOT / name).is_file())


PAGES = pages()
GUIDES = [page for page in PAGES if "experiments" not in page.parts and page.name != "CHANGELOG.md"]
"""Pages that must hold for today's code; experiments and changes tell of their day's."""


def named(path):
    return str(path.relative_to(ROOT))


@cache
def anchors(page):
    """What GitHub calls the headings of a page."""
    lines = FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    heads = [line.lstrip("#").strip() for line in lines if re.match(r"#{1,6} ", line)]
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head).lower()).replace(" ", "-")
        for head in heads
    }


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE), "a merge was not finished"
    broken = []
    for found in LINK.finditer(FENCE.sub("", text)):
        target = found[1] or found[2]
        if re.match(r"https?:|mailto:", target):
            continue
        place, _, heading = target.partition("#")
        file = (page.parent / place).resolve() if place else page
        if not file.exists() or (heading and heading not in anchors(file)):
            broken.append(target)
    assert not broken


def test_every_page_of_the_docs_is_reached_from_the_index():
    seen, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        links = (found[1] for found in LINK.finditer(page.read_text(encoding="utf-8")) if found[1])
        files = {(page.parent / link.partition("#")[0]).resolve() for link in links if ".md" in link}
        waiting += [
            file for file in files if file.is_file() and file not in seen and file.is_relative_to(ROOT / "docs")
        ]
    lost = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - seen
    assert not lost


def commands_of(text):
    """Every call of the command in a text: in code blocks line by line, and in inline code."""
    text = text.replace("\\\n", " ")
    blocks = "\n".join(found[0] for found in FENCE.finditer(text))
    inline = "\n".join(CODE.findall(FENCE.sub("", text)))
    for line in f"{blocks}\n{inline}".splitlines():
        for found in COMMAND.finditer(line.split("  #")[0]):
            yield shlex.split(found[1].replace("...", "").strip())


def check(words):
    """Raise ValueError unless the words are a command and options of its own.

    Words in capitals or angle brackets stand for something, and so does ``<stage>``.
    """
    command, path = get_command(app), ["coverlift"]
    context = typer.Context(command)
    rest = list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name.startswith("<") or "|" in name:
            return
        found = command.get_command(context, name)
        if found is None:
            if command.invoke_without_command:
                break
            raise ValueError(f"{' '.join(path)} has no command {name!r}")
        command = found.real() if hasattr(found, "real") else found
        path.append(name)
        context = typer.Context(command, parent=context)
    flags = {flag for parameter in command.get_params(context) for flag in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in flags]
    if unknown:
        raise ValueError(f"{' '.join(path)} has no option {', '.join(unknown)}")


def test_commands_with_unknown_words_are_found_out():
    check(["nightly", "--ds", "2026-03-29"])
    check(["study", "segment-liking", "--help"])
    for wrong in (["nigthly"], ["review", "open"], ["nightly", "--speed", "9"], ["train", "reader", "--sed", "1"]):
        with pytest.raises(ValueError, match="has no"):
            check(wrong)


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_every_command_in_the_guides_exists_with_its_options(page):
    for words in commands_of(page.read_text(encoding="utf-8")):
        check(words)


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_every_file_and_setting_that_a_guide_names_exists(page):
    text = page.read_text(encoding="utf-8")
    files = [found for found in CODE.findall(text) if MODULE.match(found) and "YYYY" not in found]
    missing = [name for name in files if not (ROOT / name).exists()]
    assert not missing
    sources = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    inside = [found for found in CODE.findall(text) if re.fullmatch(r"[\w/]+\.py", found)]
    gone = [name for name in inside if not re.search(rf"(^|/){re.escape(name)}$", sources, re.MULTILINE)]
    assert not gone, "modules that were renamed"
    settings = load_settings()
    for name in OVERRIDE.findall(text):
        found = settings
        for part in name.split("."):
            if isinstance(found, dict):
                break
            assert hasattr(found, part), f"there is no setting {name}"
            found = getattr(found, part)


def test_the_picture_of_the_architecture_shows_every_stage_and_tables_that_exist():
    picture = (ROOT / "docs" / "images" / "architecture.svg").read_text(encoding="utf-8")
    missing = [stage.name for stage in STAGES if not re.search(rf"[>\s]{stage.name}[<,]", picture)]
    assert not missing
    lake = re.findall(r'class="code"[^>]*>([a-z_, ]+)(?: \(ledger\))?</text>', picture)
    tables = {name for line in lake for name in line.split(", ") if "_" in name}
    assert len(tables) > 10
    assert tables - set(TABLES) - {"reward_model", "recsys_eval"} == set()
