"""How good the judge is on real drawings, and the manifest that says so.

Protocol, for the pictures of one split:

- **style accuracy**: share of pictures whose most probable family is the one that drew them;
- **subject R@k**: every picture is a query. A subject of the gallery (all subjects of the split)
  is the mean embedding of its pictures in the families other than the query's. R@k is the share
  of queries whose subject is among the k nearest;
- intervals: 95 %, 1,000 resamples of subjects.

The temperature is fitted on validation subjects (Guo et al., *On calibration of modern neural
networks*, ICML 2017); held-out subjects only report.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.optimize import minimize_scalar
from torch import Tensor

from jobs.lake.arrays import Flags, Floats32, Ints
from jobs.lake.splits import Split
from jobs.stickers.pack import PACK_DIR, PicturePack
from recsys_eval.judge.image_metrics import Pictures, subject_ranks
from recsys_eval.judge.model import FAMILIES, Judge, JudgeNetwork
from recsys_eval.statistics.bootstrap import bootstrap_mean

LICENCE = (
    "Trained from scratch on drawings of open emoji families: Noto Emoji (Apache-2.0), Noto Emoji v1 'blobs' "
    "(Apache-2.0), Twemoji (CC-BY 4.0), Fluent Emoji (MIT). No pretrained weights were used."
)
NEARLY_EQUAL = 4.0
"""Mean absolute difference, in levels of 255, under which two drawings count as nearly the same."""


def real_pictures(pack: PicturePack, split: Split) -> Pictures:
    """All drawings of the subjects of a split, in the order of the pack."""
    keys = [(code, family) for code in pack.codes(split) for family in pack.families_of(code)]
    return Pictures(
        pixels=np.stack([pack.pixels(code, family) for code, family in keys]),
        codes=np.array([code for code, _ in keys]),
        families=np.array([FAMILIES.index(family) for _, family in keys], dtype=np.int64),
    )


def style_and_ranks(judge: Judge, pictures: Pictures) -> tuple[Floats32, Ints]:
    """Style logits (N, 6) before the temperature, and subject ranks (N,) across families."""
    embedding = judge.subject_embedding(pictures.pixels)
    ranks = subject_ranks(
        embedding,
        pictures.codes,
        embedding,
        pictures.codes,
        query_families=pictures.families,
        gallery_families=pictures.families,
    )
    return judge.style_logits(pictures.pixels), ranks


def monitor(judge: Judge, pictures: Pictures) -> dict[str, float]:
    """Style accuracy, R@1 and R@10, for watching a training."""
    logits, ranks = style_and_ranks(judge, pictures)
    return {
        "style_accuracy": float((logits.argmax(1) == pictures.families).mean()),
        "recall_at_1": float((ranks <= 1).mean()),
        "recall_at_10": float((ranks <= 10).mean()),
    }


def fit_temperature(logits: Floats32, labels: Ints) -> float:
    """The T > 0 that minimises the mean of ``-log softmax(logits / T)[label]``.

    Parameters
    ----------
    logits
        (N, C) float32.
    labels
        (N,) int64.
    """
    scores, classes = torch.from_numpy(logits).double(), torch.from_numpy(labels)
    found = minimize_scalar(
        lambda log_t: float(F.cross_entropy(scores / np.exp(log_t), classes)), bounds=(-3.0, 3.0), method="bounded"
    )
    return float(np.exp(found.x))


def expected_calibration_error(probabilities: NDArray[np.floating[Any]], labels: Ints, bins: int = 15) -> float:
    """``sum_b n_b / N |accuracy_b - confidence_b|`` over equal bins of the greatest probability (Guo et al., eq. 3).

    Parameters
    ----------
    probabilities
        (N, C), rows sum to one.
    labels
        (N,) int64.
    bins
        Bins of (0, 1].

    Examples
    --------
    >>> expected_calibration_error(np.array([[0.75, 0.25], [0.75, 0.25]]), np.array([0, 1]))  # 0.75 sure, half right
    0.25
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence.astype(np.float64), minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def confusion(predicted: Ints, actual: Ints) -> Ints:
    """(6, 6) counts; row: the family that drew it, column: what the judge says."""
    n = len(FAMILIES)
    return np.bincount(actual * n + predicted, minlength=n * n).reshape(n, n)


def nearly_equal_drawings(pictures: Pictures) -> list[dict[str, Any]]:
    """Pairs of drawings of one subject in two families that nobody could tell apart by style.

    Returns
    -------
    list
        One entry per pair: subject, both families, mean absolute difference in levels of 255.
    """
    pairs = []
    for code in np.unique(pictures.codes):
        rows = np.flatnonzero(pictures.codes == code)
        levels = pictures.pixels[rows].astype(np.float32)
        for i, j in zip(*np.triu_indices(len(rows), 1), strict=True):
            difference = float(np.abs(levels[i] - levels[j]).mean())
            if difference < NEARLY_EQUAL:
                families = [FAMILIES[pictures.families[rows[k]]] for k in (i, j)]
                pairs.append({"code": str(code), "families": families, "difference": round(difference, 2)})
    return pairs


@dataclass(frozen=True)
class JudgeReport:
    """Figures of the judge on one split, ready for JSON."""

    figures: dict[str, Any]

    @classmethod
    def of(cls, judge: Judge, pictures: Pictures, temperature: float) -> "JudgeReport":
        """Measure a judge on the real drawings of a split."""
        logits, ranks = style_and_ranks(judge, pictures)
        predicted = logits.argmax(1)
        right = predicted == pictures.families
        scores, labels = torch.from_numpy(logits), torch.from_numpy(pictures.families)

        def interval(values: NDArray[Any], rows: Flags | None = None) -> dict[str, float]:
            chosen = np.ones(len(values), bool) if rows is None else rows
            return asdict(bootstrap_mean(values[chosen], pictures.codes[chosen]))

        by_family = {name: pictures.families == number for number, name in enumerate(FAMILIES)}
        return cls(
            {
                "pictures": len(pictures.codes),
                "subjects": len(np.unique(pictures.codes)),
                "style_accuracy": interval(right),
                "style_accuracy_by_family": {name: interval(right, rows) for name, rows in by_family.items()},
                "style_confusion": confusion(predicted, pictures.families).tolist(),
                "subject_recall_at_1": interval(ranks <= 1),
                "subject_recall_at_10": interval(ranks <= 10),
                "subject_recall_at_1_by_family": {name: interval(ranks <= 1, rows) for name, rows in by_family.items()},
                "calibration": {
                    name: {
                        "log_loss": float(F.cross_entropy(scores / t, labels)),
                        "expected_calibration_error": expected_calibration_error(
                            (scores / t).softmax(1).numpy(), pictures.families
                        ),
                    }
                    for name, t in (("before", 1.0), ("after", temperature))
                },
                "nearly_equal_drawings": nearly_equal_drawings(pictures),
            }
        )


def write_judge(tensors: dict[str, Tensor], pack: PicturePack, out: Path, facts: dict[str, Any]) -> None:
    """Fit the temperature, measure the weights as they are shipped, and write them with their manifest.

    Parameters
    ----------
    tensors
        State of a ``JudgeNetwork``; stored as float16.
    pack
        Where validation and held-out drawings come from.
    out
        Folder of ``judge.safetensors`` and ``manifest.json``.
    facts
        How it was trained: command, date, settings.
    """
    halves = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in tensors.items()}
    network = JudgeNetwork()
    network.load_state_dict({k: v.float() for k, v in halves.items()})
    judge = Judge(network)
    validation = real_pictures(pack, "validation")
    temperature = fit_temperature(judge.style_logits(validation.pixels), validation.families)
    halves["temperature"] = torch.tensor(temperature).half()
    temperature = float(halves["temperature"])
    out.mkdir(parents=True, exist_ok=True)
    save_file(halves, out / "judge.safetensors")
    weights = (out / "judge.safetensors").read_bytes()
    manifest = {
        "what": "Judge of painted stickers: style head and subject embedding. For evaluation only.",
        **facts,
        "hardware": "2 CPU cores, shared; no GPU",
        "data": "jobs/stickers/pack/pictures.parquet: buckets 2 to 7 trained, 1 chose, 0 reports",
        "data_sha256": hashlib.sha256((PACK_DIR / "pictures.parquet").read_bytes()).hexdigest(),
        "families": list(FAMILIES),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "bytes": len(weights),
        "parameters": sum(p.numel() for p in network.parameters()),
        "temperature": temperature,
        "licence": LICENCE,
        "protocol": __doc__,
        "validation": JudgeReport.of(judge, validation, temperature).figures,
        "held_out": JudgeReport.of(judge, real_pictures(pack, "held_out"), temperature).figures,
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for split in ("validation", "held_out"):
        figures = manifest[split]
        for name in ("style_accuracy", "subject_recall_at_1", "subject_recall_at_10"):
            print(f"{split} {name} {figures[name]}", flush=True)
