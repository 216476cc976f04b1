"""Typed settings of a night, read from YAML profiles, the environment and ``-o`` overrides.

Later wins: ``conf/profiles/<profile>.yaml`` < ``--config FILE`` < environment
(``COVERLIFT_SECTION__KEY``) < ``-o section.key=value``. An unknown key is an error that
names the nearest known one.
"""

import hashlib
import json
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from conf.drift import DriftSettings
from conf.maintain import MaintainSettings
from conf.policy import PolicySettings
from conf.publish import PictureFormat, PublishSettings
from conf.review import ReviewSettings
from conf.section import Section


class SparkSettings(Section):
    """The Spark session."""

    master: str = "local[2]"
    """Spark master URL."""
    driver_memory: str = "3g"
    shuffle_partitions: int = Field(default=2, ge=1)
    packages: str | None = None
    """Maven coordinates of Delta on a cluster; None uses the jar cut at set-up."""
    conf: dict[str, str] = Field(default_factory=dict)
    """Further Spark configuration, passed as it is."""


class LakeSettings(Section):
    """Where tables and pictures live; None places them under the home."""

    tables_url: str | None = None
    """fsspec/Hadoop URL of the table root; default ``HOME/lake``."""
    images_url: str | None = None
    """fsspec URL of the picture store; default ``HOME/images``."""
    storage_options: dict[str, str] = Field(default_factory=dict)
    """Passed to delta-rs and fsspec."""


class WorldSettings(Section):
    """The built-in stickers world: a documented model of users, not data about people."""

    users: int = Field(default=3000, ge=20)
    impressions: int = Field(default=500_000, ge=1000)
    """Expected number of impressions over all days."""
    scale: float = Field(default=1.0, gt=0)
    """Multiplies users and impressions."""
    subjects: int | None = Field(default=None, ge=40)
    """Only so many subjects of the picture pack; None takes all."""
    days: int = Field(default=28, ge=8)
    start: date = date(2026, 3, 2)
    seed: int = 20260302
    wording: Literal["mild", "strong"] = "mild"
    """How much people care for the kind of a title; in the ``strong`` world a third of them adore one kind."""
    explore: float = Field(default=0.2, ge=0, le=1)
    """Probability that the logging policy shows another drawing than the original."""
    page: int = Field(default=10, ge=2)
    """Positions in one request."""
    play_share: float = Field(default=0.5, gt=0, le=1)
    """Share of users to whom a played day shows published covers; 1 leaves nobody to compare them with."""
    play_multiplier: float = Field(default=3.0, gt=0)
    """Traffic of the next day relative to a day of the log, so that its experiment has power."""


class IngestSettings(Section):
    """The input contract."""

    source: Literal["stickers", "files"] = "stickers"
    """``stickers`` writes the built-in world first; ``files`` reads your own logs."""
    input: str | None = None
    """URL of the folder with impressions/, items/ and covers/; default ``HOME/input``."""
    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    history_days: int = Field(default=28, ge=1)
    """Days up to ds that ingest looks at."""
    max_quarantine_share: float = Field(default=0.05, ge=0, le=1)
    """More than this share of refused rows stops the night with exit code 3."""
    max_picture_pixels: int = Field(default=40_000_000, ge=1)


class EncodeSettings(Section):
    """Encoding of new covers."""

    batch_size: int = Field(default=64, ge=1)


class FeatureSettings(Section):
    """Behaviour features and segments."""

    encoder_id: str | None = None
    """Whose cover embeddings; None where cover_features holds those of one encoder only."""
    exploring_policies: tuple[str, ...] = ("explore-rank", "published-explore-rank", "control-explore-rank")
    """Values of ``impressions.policy`` under which a request's order was random: position bias is read off them, and
    rankers are measured on them apart."""
    history_length: int = Field(default=50, ge=1)
    segment_min_size: int = Field(default=50, ge=1)
    """Privacy floor: no segment has fewer users."""
    segment_candidates: tuple[int, ...] = (4, 6, 8, 10, 12)
    """Values of k that the rule chooses from."""
    segment_history: bool = False
    """Whether prototypes of what each segment clicked and skipped are built, for methods that need a history."""
    interaction_edges: bool = False
    """Whether the graphs of who clicked what are written, for methods that need tokens; a night of one turns it on."""
    exemplars: int = Field(default=8, ge=1)
    seed: int = 7


class RewardSettings(Section):
    """The CTR reward model."""

    test_days: int = Field(default=7, ge=1)
    """The last days, never trained on; ds - test_days is the night's cut date."""
    label_days: int = Field(default=14, ge=1)
    """Days of labels before the cut."""
    epochs: int = Field(default=4, ge=1)
    least_steps: int = Field(default=600, ge=0)
    """Steps of the optimiser below which a small log is gone through more often than ``epochs``
    (docs/reward-model.md)."""
    batch_size: int = Field(default=1024, ge=16)
    learning_rate: float = Field(default=1e-2, gt=0)
    width: int = Field(default=32, ge=8)
    members: int = Field(default=2, ge=1)
    """Networks with different seeds whose logits are averaged."""
    factors: int = Field(default=8, ge=0)
    """Factors of users' tastes for subjects, learned from what they were shown; 0 is a model without estimated
    tastes."""
    looks: int = Field(default=6, ge=0)
    """Looks of covers that users' tastes are estimated for; 0 likewise."""
    threads: int = Field(default=1, ge=1)
    """CPU threads of training; the batches are too small to gain much from more, and another number changes the
    last digits of the weights."""
    seed: int = 11
    bootstrap: int = Field(default=500, ge=50)


class GenerationSettings(Section):
    """What is painted, by which method and where."""

    backend: Literal["triton-local", "triton", "inprocess"] = "triton-local"
    method: str = "profile"
    """How covers are personalised: a name in ``generation.personalization.methods.METHODS``."""
    beside: tuple[str, ...] = ("profile",)
    """Methods that paint the launching items too, for the report: never shown, and left out where one is the night's
    own. Each costs as many pictures as the launching items do."""
    urls: tuple[str, ...] = ()
    """gRPC addresses for the ``triton`` backend."""
    instance_kind: Literal["KIND_CPU", "KIND_GPU"] = "KIND_CPU"
    instances: int = Field(default=1, ge=1)
    checkpoint: str | None = None
    """Folder of the diffusers checkpoint; None is the shipped one."""
    allow_sticker_generator: bool = False
    """Whether the built-in generator, which knows stickers only, may paint for a feed that is not the built-in
    world's (docs/generator.md)."""
    adapters: dict[str, str] = Field(default_factory=dict)
    """Folder by method: weights over the built-in generator, or a model over public checkpoints (docs/icg.md,
    docs/dppmg.md, docs/pigeon.md); without one a method takes the weights that come with it."""
    icg: str | None = None
    """The older spelling of ``adapters.icg``."""
    finishing: Literal["regions", "none"] = "none"
    """What happens to covers of the built-in generator before they are stored: ``regions`` redraws them over the shapes
    of their originals (docs/generator.md)."""
    canvas: tuple[Annotated[str, Field(pattern=r"^[1-9]\d*x[1-9]\d*$")], ...] = Field(
        default=("512x512",), min_length=1
    )
    """``WIDTHxHEIGHT`` in pixels that models over public checkpoints paint; of several the one shaped most like
    the original cover. A single number is a square. The built-in generator paints 64 x 64."""
    picture_format: PictureFormat = "webp-lossless"
    """What painted covers are stored and published as."""
    picture_quality: int = Field(default=90, ge=1, le=100)
    """Of formats that lose something."""
    prompt: str = "{title}[, {tags}][, for those who like {likes}]"
    """What a pipeline of ``generation.adapters.profile`` is told: the item's title and tags, and the categories that a
    segment clicks more than others do. What stands in brackets is left out where a word of it is not known."""
    strength: float = Field(default=0.6, gt=0, le=1)
    """How much of the original cover such a pipeline paints anew, where it can begin from a picture; 1 paints from
    words alone."""
    steps: int = Field(default=1, ge=1)
    """Network evaluations a picture; the shipped checkpoint is trained for one."""
    guidance: tuple[Annotated[float, Field(ge=0)], ...] = Field(default=(1.1, 1.2), min_length=1)
    """The candidates of a unit take them in turn. 1 is off; less stays nearer the original cover, more goes farther
    towards the taste. One number is taken for all."""
    candidates: int = Field(default=2, ge=1)
    """Candidates a unit; the best one is kept."""
    max_units: int = Field(default=1600, ge=1)
    """Units to publish from that one night may paint."""
    min_gain: float = Field(default=0.1, ge=-1)
    """Relative gain in clicks that painting an item for a segment must promise: an original in a style that the
    segment likes already is left as it is. Chosen on validation items (docs/reward-model.md); -1 paints all."""
    level: Literal["segment", "user"] = "segment"
    """``user`` paints covers for single users too, beside their segments'; off by default, see docs/methods.md on
    privacy."""
    user_count: int = Field(default=50, ge=0)
    """Users with most impressions who are asked about."""
    user_min_clicks: int = Field(default=10, ge=1)
    """Clicks in 28 days below which nobody is painted for alone."""
    user_units: int = Field(default=400, ge=0)
    """Units for single users that one night may paint, beside ``max_units``."""
    user_min_gain: float = Field(default=0.02, ge=-1)
    """Relative gain in clicks over what a user would be shown else that a cover of their own must promise."""
    evaluation_items: int = Field(default=60, ge=0)
    """Items with most traffic before the cut, painted from the profile of the cut for the report's time split."""
    max_batch: int = Field(default=16, ge=1)
    in_flight: int = Field(default=64, ge=1)
    seed: int = 23
    timeout_s: float = Field(default=120.0, gt=0)

    @property
    def adapter_folders(self) -> dict[str, str]:
        """``adapters``, with what the older spelling says."""
        return self.adapters if self.icg is None else {**self.adapters, "icg": self.icg}

    def painted_by(self, method: str, folder: str | None = None) -> "GenerationSettings":
        """These settings with one method alone, by the weights of a folder where one is named."""
        folders = self.adapter_folders if folder is None else {**self.adapter_folders, method: folder}
        return self.model_copy(update={"method": method, "beside": (), "adapters": folders, "icg": None})

    @model_validator(mode="after")
    def _one_spelling(self) -> "GenerationSettings":
        if self.icg is not None and "icg" in self.adapters:
            raise ValueError("icg and adapters.icg name the same folder: keep generation.adapters.icg only")
        return self

    @property
    def mean_guidance(self) -> float:
        """Of the candidates: what one picture a unit is painted with."""
        return sum(self.guidance) / len(self.guidance)

    @property
    def canvases(self) -> tuple[tuple[int, int], ...]:
        """Width and height of each canvas, pixels."""
        return tuple((int(width), int(height)) for width, height in (text.split("x") for text in self.canvas))

    @property
    def square(self) -> int:
        """Side of the squares that trainings over public checkpoints paint: the shorter one of the first canvas."""
        return min(self.canvases[0])

    @property
    def stored(self) -> tuple[str, int] | None:
        """Format and quality of pictures that lose something when they are stored; None where they are lossless."""
        return None if self.picture_format == "webp-lossless" else (self.picture_format, self.picture_quality)

    @field_validator("prompt")
    @classmethod
    def _known_words(cls, value: str) -> str:
        try:
            value.format(title="", tags="", likes="")
        except (KeyError, IndexError, ValueError) as wrong:
            raise ValueError(f"prompt {value!r} names {wrong}: it may name {{title}}, {{tags}} and {{likes}}") from None
        return value

    @field_validator("canvas", mode="before")
    @classmethod
    def _squares(cls, value: Any) -> Any:
        """A number, a text or a list of them, as texts of width and height."""
        several = (value,) if isinstance(value, (int, str)) else value
        if not isinstance(several, (list, tuple)):
            return value
        return tuple(f"{each}x{each}" if str(each).isdigit() else each for each in several)

    @field_validator("canvas")
    @classmethod
    def _in_eighths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Latents are an eighth of a picture's width and height."""
        for text in value:
            if any(int(side) % 8 or int(side) > 8192 for side in text.split("x")):
                raise ValueError(f"canvas {text}: width and height are multiples of 8, at most 8192 pixels")
        return value

    @field_validator("guidance", mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return (value,) if isinstance(value, (int, float)) else value


class TitleSettings(Section):
    """Titles written for words groups (docs/dppmg.md); whether any are is ``policy.titles``."""

    writer: str | None = None
    """Folder of the writer, built-in or over a public language model; None is the shipped one."""
    samples: int = Field(default=7, ge=0)
    """Drawn beside the likeliest title; the best by reward of those that pass the checks is kept. Chosen on
    validation items (docs/dppmg.md)."""
    seed: int = 53


class IcgSettings(Section):
    """ICG over public checkpoints (docs/icg.md); the built-in adapter is ``generation.adapters.icg``."""

    mllm: str | None = None
    """Local folder or hub id of an image-text-to-text model of transformers."""
    generator: str | None = None
    """Local folder or hub id of a text-to-image pipeline of diffusers."""
    allow_download: bool = False
    """False takes local folders and the local hub cache only."""
    meta_tokens: int = Field(default=64, ge=1)
    """Learned queries to the multimodal model, and the length of the conditioning."""
    width: int = Field(default=512, ge=8)
    """Of refinement and connector."""
    layers: int = Field(default=2, ge=1)
    mllm_tuning: Literal["frozen", "lora"] = "frozen"
    generator_tuning: Literal["frozen", "lora"] = "frozen"
    lora_rank: int = Field(default=16, ge=1)
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the two base models; what is trained stays float32."""


class DppmgSettings(Section):
    """DPPMG over public checkpoints (docs/dppmg.md); its built-in half is ``generation.adapters.dppmg``."""

    generator: str | None = None
    """Local folder or hub id of a text-to-image pipeline of diffusers with its text encoders."""
    low_rank: int = Field(default=0, ge=0)
    """Rank of low-rank weights beside the keys and values with which its denoiser reads a prompt; 0 trains the tables
    of the codes alone."""
    strength: float = Field(default=1.0, gt=0, le=1)
    """How much of the reference cover is painted anew: 1 paints from the title alone, less starts from the cover, for
    pipelines with an image-to-image form."""
    writer: str | None = None
    """Local folder or hub id of a causal language model of transformers that titles are written by."""
    writer_rank: int = Field(default=4, ge=1)
    """Rank of low-rank weights beside its queries and values."""
    allow_download: bool = False
    """False takes local folders and the local hub cache only."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the pipeline; what is trained stays float32, and so does the language model."""


class PigeonSettings(Section):
    """Pigeon over public checkpoints (docs/pigeon.md); the built-in network is ``generation.adapters.pigeon``."""

    mllm: str | None = None
    """Local folder or hub id of an image-text-to-text model of transformers."""
    generator: str | None = None
    """Local folder or hub id of a text-to-image pipeline of diffusers."""
    allow_download: bool = False
    """False takes local folders and the local hub cache only."""
    meta_tokens: int = Field(default=64, ge=1)
    """Learned queries to the multimodal model, and the length of the conditioning."""
    width: int = Field(default=512, ge=8)
    """Of connector and mask."""
    layers: int = Field(default=2, ge=1)
    lora_rank: int = Field(default=8, ge=1)
    """Of the low-rank weights beside the queries and values of the language model's attention."""
    lora_alpha: int = Field(default=16, ge=1)
    mask_ratio: float = Field(default=0.2, ge=0, lt=1)
    """Share of the clicked covers that are masked at night."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of the two base models; what is trained stays float32."""


class RewardWeights(Section):
    """Weights of the normalised rewards, in the choice among candidates and in alignment; 0 leaves one out."""

    personal: float = 1.0
    relevance: float = 0.25
    aesthetic: float = 0.25
    """The built-in proxy, not a trained model of looks."""
    diversity: float = 0.0
    """Across the segments that an item is painted for."""
    resemblance: float = 0.0
    """Edges where the original has them; for feeds whose pictures the packaged encoders do not know."""
    clip: float = 0.0
    pickscore: float = 0.0
    hpsv2: float = 0.0
    laion: float = 0.0


class RewardModels(Section):
    """Local checkpoints of public rewards, in transformers' format; nothing is downloaded."""

    clip: str | None = None
    pickscore: str | None = None
    hpsv2: str | None = None
    laion: str | None = None
    """The LAION head as safetensors."""
    laion_clip: str | None = None
    """The CLIP checkpoint that the head belongs to."""


class EvaluateSettings(Section):
    """Rankers and lift."""

    train_days: int = Field(default=4, ge=1)
    """Days after the cut that rankers train on; the rest up to ds is the test."""
    bootstrap: int = Field(default=1000, ge=50)
    trees: int = Field(default=15, ge=5)
    """Of a ranker, which starts from the click model: more of them unlearn it on a week of clicks
    (docs/evaluation.md)."""
    seed: int = 31


class ObserveSettings(Section):
    """Who else is told of a night; nothing that is painted or measured depends on it."""

    lineage_file: str = ""
    """OpenLineage events are appended to it, a JSON object a line."""
    lineage_url: str = ""
    """OpenLineage events are sent there, e.g. ``http://marquez:5000``."""
    lineage_namespace: str = "coverlift"
    """Of the jobs in these events."""
    metrics_file: str = ""
    """Prometheus metrics for the textfile collector; ends with ``.prom``."""


class Settings(Section):
    """All settings of a night."""

    profile: str = "local"
    ds: date = date(2026, 3, 29)
    """The night, when ``--ds`` is not given: the built-in world's last day."""
    spark: SparkSettings = SparkSettings()
    lake: LakeSettings = LakeSettings()
    world: WorldSettings = WorldSettings()
    ingest: IngestSettings = IngestSettings()
    encode: EncodeSettings = EncodeSettings()
    features: FeatureSettings = FeatureSettings()
    reward: RewardSettings = RewardSettings()
    generation: GenerationSettings = GenerationSettings()
    titles: TitleSettings = TitleSettings()
    icg: IcgSettings = IcgSettings()
    dppmg: DppmgSettings = DppmgSettings()
    pigeon: PigeonSettings = PigeonSettings()
    weights: RewardWeights = RewardWeights()
    reward_models: RewardModels = RewardModels()
    policy: PolicySettings = PolicySettings()
    review: ReviewSettings = ReviewSettings()
    publish: PublishSettings = PublishSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    observe: ObserveSettings = ObserveSettings()
    drift: DriftSettings = DriftSettings()
    maintain: MaintainSettings = MaintainSettings()

    def digest(self, *sections: str) -> str:
        """SHA-256 (16 hex digits) of the named sections, or of everything."""
        full = self.model_dump(mode="json")
        chosen = {name: full[name] for name in sections} if sections else full
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]
