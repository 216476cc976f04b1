"""Scores of RecBole's models for the requests of a test: ``python recbole_scores.py FOLDER`` in RecBole's environment.

Reads what ``python -m benchmarks.movielens_peers export`` wrote and writes ``FOLDER/scores-MODEL.csv`` with one
``score`` a row of ``test.csv``. Needs ``recbole==1.2.1`` with ``numpy<2`` and nothing of this project:

    python -m venv recbole && recbole/bin/pip install recbole==1.2.1 "numpy<2" "pandas<2.2" "scipy<1.13" "setuptools<81"

BPR, LightGCN and SASRec learn from all clicks of the log up to the cut, DeepFM from all impressions up to it with their
labels, genres and years. Each stops on the last tenth of them in order of time, by RecBole's own validation. They are
frozen at the cut; SASRec reads the clicks of the evenings before. Who is unknown to a model gets popularity up to the
cut; an item unknown to it comes last. Scores and popularity are standardised, for a user may have both on two days.
"""

import argparse
import csv
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, get_trainer, init_logger, init_seed

MODELS = ("Pop", "BPR", "LightGCN", "SASRec", "DeepFM")
LENGTH = 50
"""Clicks of a history."""
ROWS_AT_ONCE = 4096


def settings(folder: Path, model: str, epochs: int) -> dict[str, Any]:
    """RecBole's, which are its defaults but for what is named here."""
    labelled = model == "DeepFM"
    name = "rows" if labelled else "clicks"
    chosen: dict[str, Any] = {
        "data_path": str(folder),
        "checkpoint_dir": str(folder / "saved"),
        "epochs": epochs,
        "stopping_step": 5,
        "seed": 2020,
        "use_gpu": False,
        "show_progress": False,
        "state": "WARNING",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "eval_args": {"split": {"RS": [0.9, 0.05, 0.05]}, "order": "TO", "group_by": "none", "mode": "full"},
        "MAX_ITEM_LIST_LENGTH": LENGTH,
    }
    if labelled:
        chosen["load_col"] = {
            "inter": ["user_id", "item_id", "timestamp", "label"],
            "item": ["item_id", "year", "class"],
        }
        chosen |= {"LABEL_FIELD": "label", "metrics": ["AUC", "LogLoss"], "valid_metric": "AUC", "eval_step": 1}
        chosen["eval_args"] = {**chosen["eval_args"], "mode": "labeled"}
        chosen["train_neg_sample_args"] = None
    elif model == "SASRec":
        # A user's clicks up to the cut: learned from all but the last, validated on those before it.
        chosen["train_neg_sample_args"] = None
        chosen["eval_args"] = {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}
    return {"dataset": name, **chosen}


def rows_of(path: Path) -> list[dict[str, str]]:
    """A table as its rows."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def popularity(folder: Path) -> dict[str, int]:
    """Clicks of each item up to the cut."""
    counts: dict[str, int] = {}
    with (folder / "clicks" / "clicks.inter").open() as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            counts[row["item_id:token"]] = counts.get(row["item_id:token"], 0) + 1
    return counts


def scored(model: Any, dataset: Any, test: Sequence[dict[str, str]], histories: dict[str, list[str]]) -> np.ndarray:
    """Scores of the rows whose user, or history, and item the model knows; NaN elsewhere."""
    users, items = (dataset.field2token_id[field] for field in ("user_id", "item_id"))
    sequential = "item_id_list" in dataset.field2seqlen
    known, columns = [], {"user_id": [], "item_id": [], "item_id_list": [], "item_length": []}
    for number, row in enumerate(test):
        before = [items[item] for item in histories.get(row["state"], []) if item in items][-LENGTH:]
        if row["item_id"] not in items or not (before if sequential else row["user_id"] in users):
            continue
        known.append(number)
        columns["user_id"].append(users.get(row["user_id"], 0))
        columns["item_id"].append(items[row["item_id"]])
        columns["item_id_list"].append(before + [0] * (LENGTH - len(before)))
        columns["item_length"].append(len(before))
    scores = np.full(len(test), np.nan)
    if not sequential:
        columns = {name: columns[name] for name in ("user_id", "item_id")}
    asked = dataset.join(Interaction({name: torch.tensor(values) for name, values in columns.items()}))
    with torch.inference_mode():
        parts = [
            model.predict(asked[start : start + ROWS_AT_ONCE]).reshape(-1).numpy()
            for start in range(0, len(known), ROWS_AT_ONCE)
        ]
    scores[known] = np.concatenate(parts) if parts else []
    return scores


def fitted(folder: Path, name: str, epochs: int) -> tuple[Any, Any]:
    """A trained model and its dataset."""
    chosen = settings(folder, name, epochs)
    config = Config(model=name, dataset=chosen.pop("dataset"), config_dict=chosen)
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    getLogger().setLevel("WARNING")
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    model = get_model(name)(config, train._dataset).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    _, best = trainer.fit(train, valid, saved=True, show_progress=False)
    kept = torch.load(trainer.saved_model_file, weights_only=False)
    model.load_state_dict(kept["state_dict"])
    model.load_other_parameter(kept.get("other_parameter"))
    model.eval()
    print(f"{name}: {trainer.cur_step} epochs without gain at the end, best {dict(best)}", flush=True)
    return model, dataset


def completed(scores: np.ndarray, test: Sequence[dict[str, str]], counts: dict[str, int]) -> np.ndarray:
    """Scores of all rows: popularity for users whom the model does not know, last for items that it does not."""
    known = ~np.isnan(scores)
    states = {row["state"] for row, answered in zip(test, known, strict=True) if answered}
    popular = standardised(np.log1p([counts.get(row["item_id"], 0) for row in test]))
    filled = popular.copy()
    if known.any():
        filled[known] = standardised(scores[known])
        cold = np.array([row["state"] in states for row in test]) & ~known
        filled[cold] = filled[known].min() - 1
    return filled


def standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and deviation 1."""
    return (values - values.mean()) / max(values.std(), 1e-9)


def main() -> None:
    """Train each model and write its scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--epochs", type=int, default=60)
    chosen = parser.parse_args()
    folder = chosen.folder.absolute()
    test, counts = rows_of(folder / "test.csv"), popularity(folder)
    histories = {row["state"]: row["items"].split() for row in rows_of(folder / "histories.csv")}
    for name in chosen.model or MODELS:
        scores = np.full(len(test), np.nan)
        if name != "Pop":
            scores = scored(*fitted(folder, name, chosen.epochs), test, histories)
        filled = completed(scores, test, counts)
        with (folder / f"scores-{name}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["score", "known"])
            writer.writerows(zip(filled.tolist(), (~np.isnan(scores)).astype(int).tolist(), strict=True))


if __name__ == "__main__":
    main()
