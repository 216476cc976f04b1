"""Stage ``train-reward``: one version of the click model, measured, and the champion of the night."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import torch

from conf.errors import ContractError
from jobs.lake.context import Context, StageResult
from jobs.lake.point_in_time import evening_before
from jobs.lake.schema.owners import CLICK_MODEL_TABLES
from reward_model import registry
from reward_model.baseline import Baseline, train_baseline
from reward_model.dataset import Examples, Split, label_days, load_examples, split_examples
from reward_model.encoders.model import ENCODER_ID
from reward_model.metrics import log_loss, measure, reliability
from reward_model.predictor import Predictor
from reward_model.tastes.estimates import Tastes
from reward_model.train import Trained, train

logger = logging.getLogger(__name__)

TOLERANCE = 0.002
"""A new model may be worse than the champion by this log loss, in nats, on the same validation rows."""
COMPARED = (("torch", "lightgbm"), ("torch", "item_ctr"), ("lightgbm", "item_ctr"))
"""Pairs whose differences are reported."""


def run(ctx: Context) -> StageResult:
    """Train on the label days up to the cut, measure on the days after it, choose the champion.

    The same rows, settings and code give the same version; one that exists is not trained again.
    """
    split = load_split(ctx, ENCODER_ID)
    decides = {
        "data": [split.train.digest(), split.validation.digest(), split.test.digest()],
        "settings": ctx.settings.reward.model_dump(mode="json"),
        "code": registry.code_digest(),
        "encoder": ENCODER_ID,
    }
    version = registry.version_of(decides)
    folder = registry.models_dir(ctx.home) / version
    if not folder.exists():
        trained, baseline = _fitted(ctx, split)
        facts = {"decided_by": decides, **_facts(ctx, split, trained, baseline)}
        registry.save(ctx.home, version, trained.predictor, baseline, facts)
    manifest = registry.read_manifest(folder)
    decision = choose_champion(ctx, version, split.validation)
    registry.write_champion(ctx.home, ctx.ds, decision)
    return _result(split, manifest, decision)


def _fitted(ctx: Context, split: Split) -> tuple[Trained, Baseline]:
    """The network, and the trees grown beside it as soon as the tastes that both read are there."""
    settings, growing = ctx.settings.reward, list[Future[Baseline]]()
    with ThreadPoolExecutor(1) as pool:

        def grow(tastes: Tastes | None) -> None:
            growing.append(pool.submit(train_baseline, split.train, split.validation, settings, tastes))

        trained = train(
            split.train, split.validation, settings, encoder_id=ENCODER_ID, progress=ctx.progress, learned=grow
        )
        return trained, growing[0].result()


def load_split(ctx: Context, encoder_id: str) -> Split:
    """Training, validation and test rows of the night; days without any impression are left out."""
    logged = ctx.lake.partitions("impressions")
    tested = [ctx.cut + timedelta(days=ahead) for ahead in range(1, ctx.settings.reward.test_days + 1)]
    days = [day for day in label_days(ctx.cut, ctx.settings.reward.label_days) + tested if day.isoformat() in logged]
    if not days or days[0] > ctx.cut:
        raise ContractError(
            f"no impressions in the {ctx.settings.reward.label_days} label days up to {ctx.cut}: "
            "ingest earlier days or choose a later ds"
        )
    days = _with_features(ctx, days)
    examples = load_examples(ctx.lake, days, encoder_id=encoder_id, history_length=ctx.settings.features.history_length)
    return split_examples(examples, ctx.cut)


def _with_features(ctx: Context, days: Sequence[date]) -> list[date]:
    """Days whose evening before has features: the log's first day has none."""
    first = min(ctx.lake.partitions("item_features"), default="9999-12-31")
    return [day for day in days if evening_before(day).isoformat() >= first]


def _facts(ctx: Context, split: Split, trained: Trained, baseline: Baseline) -> dict[str, Any]:
    """Everything ``model.json`` tells besides the shape and hashes."""
    predictions = {
        "torch": trained.predictor.probabilities(split.test),
        "lightgbm": baseline.probabilities(split.test),
        "item_ctr": split.test.item_ctr,
    }
    chosen = ctx.settings.reward
    measured = measure(
        split.test.user,
        split.test.clicked,
        predictions,
        pairs=COMPARED,
        resamples=chosen.bootstrap,
        seed=chosen.seed,
    )
    return {
        "ds": ctx.ds.isoformat(),
        "cut": ctx.cut.isoformat(),
        "settings": chosen.model_dump(mode="json"),
        "tables": {name: ctx.lake.version(name) for name in CLICK_MODEL_TABLES},
        "rows": {name: _counts(getattr(split, name)) for name in ("train", "validation", "test")},
        "validation_log_loss": trained.validation_log_loss,
        "best_epoch": trained.best_epoch,
        "position_logit": _position_logit(trained.predictor),
        "metrics": {
            model: {metric: interval.as_dict() for metric, interval in values.items()}
            for model, values in measured.items()
        },
        "reliability": {name: reliability(split.test.clicked, values) for name, values in predictions.items()},
    }


def _counts(rows: Examples) -> dict[str, int]:
    return {"impressions": len(rows), "clicks": int(rows.clicked.sum()), "users": len(set(rows.user.tolist()))}


def _position_logit(predictor: Predictor, places: int = 10) -> list[float]:
    """What the first places add to the logit, after calibration."""
    logits = predictor.model.position_logit(torch.arange(1, places + 1)).detach()
    return [float(predictor.calibration.slope * logit) for logit in logits]


def choose_champion(ctx: Context, version: str, validation: Examples) -> dict[str, Any]:
    """The gate: a new model replaces the last night's champion unless it predicts validation rows worse.

    Both are scored on the same rows, of items that neither was trained on.

    Returns
    -------
    dict
        ``version`` of the champion, ``challenger`` and ``gate`` with both log losses and the verdict.
    """
    folder = registry.models_dir(ctx.home)
    before = registry.previous_champion(ctx.home, ctx.ds)
    challenger = registry.load_predictor(folder / version)
    loss = log_loss(validation.clicked, challenger.probabilities(validation))
    gate: dict[str, Any] = {"challenger_log_loss": loss, "tolerance": TOLERANCE, "previous": before}
    if before is None or before == version:
        return {"version": version, "challenger": version, "gate": {**gate, "verdict": "first"}}
    champion = registry.load_predictor(folder / before)
    if champion.encoder_id != challenger.encoder_id:
        return {"version": version, "challenger": version, "gate": {**gate, "verdict": "encoder changed"}}
    gate["champion_log_loss"] = log_loss(validation.clicked, champion.probabilities(validation))
    passed = loss <= gate["champion_log_loss"] + TOLERANCE
    if not passed:
        logger.warning(
            "reward model %s stays challenger: log loss %.5f against %.5f", version, loss, gate["champion_log_loss"]
        )
    gate["verdict"] = "passed" if passed else "refused"
    return {"version": version if passed else before, "challenger": version, "gate": gate}


def _result(split: Split, manifest: dict[str, Any], decision: dict[str, Any]) -> StageResult:
    metrics = manifest["metrics"]
    figures = {
        f"{model}_{metric}": interval["value"]
        for model in ("torch", "lightgbm", "item_ctr")
        for metric, interval in metrics[model].items()
    }
    gain = metrics["torch - lightgbm"]["gauc"]
    figures["gauc_gain_over_lightgbm"] = gain["value"]
    figures["champion_is_new"] = float(decision["version"] == decision["challenger"])
    note = (
        f"{decision['challenger']}: GAUC {metrics['torch']['gauc']['value']:.4f} on {len(split.test):,} test rows, "
        f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] over LightGBM; "
        f"gate {decision['gate']['verdict']}"
    )
    rows = {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
    return StageResult(rows=rows, metrics=figures, note=note)
