import ast
from pathlib import Path

import pytest
import torch

from reward_model.precision import autocast, compute_dtype

ROOT = Path(__file__).parents[2]
OURS = ("conf", "jobs", "reward_model", "generation", "recsys_eval", "benchmarks", "tests")
OWNER = ROOT / "reward_model" / "precision.py"


def autocasts(source):
    """Lines that name autocast of torch, however it was imported."""
    tree = ast.parse(source)
    torches = {"torch"} | {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).split(".")[0] == "torch"
    }
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] == "torch":
                yield from (node.lineno for alias in names if alias.name == "autocast")
            case ast.Attribute(value=value, attr="autocast") if ast.unparse(value).split(".")[0] in torches:
                yield node.lineno


def test_no_module_of_ours_autocasts_by_itself():
    modules = [path for folder in OURS for path in (ROOT / folder).rglob("*.py") if path != OWNER]
    assert len(modules) > 200
    found = [
        f"{path.relative_to(ROOT)}:{line}" for path in modules for line in autocasts(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{found}: use reward_model.precision.autocast"


@pytest.mark.parametrize(
    "source",
    [
        "import torch\nwith torch.autocast('cpu'): pass",
        "import torch as t\nt.amp.autocast('cpu')",
        "from torch import amp\namp.autocast('cpu')",
        "from torch.amp import autocast",
        "import torch\ndef f():\n    return torch.cuda.amp.autocast()",
    ],
)
def test_the_search_finds_every_way_to_write_it(source):
    assert [*autocasts(source)]


def test_the_search_passes_our_own():
    assert not [*autocasts("from reward_model.precision import autocast\nautocast('cpu', x)\nself.autocast()")]
    assert [*autocasts(OWNER.read_text(encoding="utf-8"))]


@pytest.fixture
def free_cpu(monkeypatch):
    """A CPU that nothing holds below what it can."""
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
    ],
)
@pytest.mark.usefixtures("free_cpu")
def test_a_cpu_computes_in_what_it_multiplies(monkeypatch, capabilities, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert compute_dtype("cpu") == compute_dtype(torch.device("cpu")) == dtype
    assert compute_dtype("cuda:1") == torch.bfloat16


@pytest.mark.parametrize(
    ("isa", "capability", "dtype"),
    [
        ("AVX2", "AVX2", torch.float32),
        ("AVX2", "AVX512", torch.float32),
        ("DEFAULT", "AVX2", torch.float32),
        ("AVX512_CORE_VNNI", "AVX512", torch.float32),
        ("AVX512_CORE_BF16", "AVX512", torch.bfloat16),
        ("avx512_core_amx", "AVX512", torch.bfloat16),
        ("ALL", "AVX512", torch.bfloat16),
    ],
)
@pytest.mark.usefixtures("free_cpu")
def test_a_cpu_that_is_held_below_bfloat16_computes_in_float32(monkeypatch, isa, capability, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True, "amx_bf16": True})
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert compute_dtype("cpu") == dtype


def test_products_are_computed_in_the_type_asked_for():
    a = torch.ones(2, 2)
    with autocast("cpu", torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16
        with autocast(torch.device("cpu"), torch.float32):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16
    assert (a @ a).dtype == torch.float32


def test_without_the_cache_new_weights_are_seen_at_once():
    layer = torch.nn.Linear(2, 2, bias=False)
    x = torch.ones(1, 2)
    with autocast("cpu", torch.bfloat16, cached=False):
        layer(x)
        with torch.no_grad():
            layer.weight.fill_(3.0)
        assert layer(x).tolist() == [[6.0, 6.0]]
