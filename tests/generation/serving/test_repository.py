from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from conf.settings import GenerationSettings
from generation.serving.repository import model_config, write_repository


def parsed(**changes):
    """Read by Triton's own schema."""
    return text_format.Parse(model_config(GenerationSettings(**changes)), ModelConfig())


def test_config_declares_inputs_and_outputs():
    config = parsed()
    assert {each.name: list(each.dims) for each in config.input} == {
        "PROMPT": [1],
        "REFERENCE": [-1, -1, 3],
        "PREFERENCE": [160],
        "SEED": [1],
        "STEPS": [1],
        "GUIDANCE": [1],
        "METHOD": [1],
        "HISTORY": [48, 165],
        "TOKENS": [6],
        "PICTURES": [-1, -1, -1, 3],
    }
    assert [each.name for each in config.input if each.optional] == ["HISTORY", "TOKENS", "PICTURES"]
    assert {each.name: list(each.dims) for each in config.output} == {"PICTURE": [-1, -1, 3], "GENERATOR": [1]}
    assert config.max_batch_size == 16
    assert list(config.dynamic_batching.preferred_batch_size) == [8, 16]


def test_on_a_gpu_server_only_the_kind_differs(tmp_path):
    here, there = (model_config(GenerationSettings(instance_kind=kind)) for kind in ("KIND_CPU", "KIND_GPU"))
    assert [pair for pair in zip(here.split(), there.split(), strict=True) if len(set(pair)) > 1] == [
        ("KIND_CPU", "KIND_GPU")
    ]
    assert parsed(instance_kind="KIND_GPU").instance_group[0].kind == ModelInstanceGroup.KIND_GPU


def test_checkpoint_and_instances_come_from_the_settings(tmp_path):
    folder = tmp_path / 'odd "name"'
    config = parsed(checkpoint=str(folder), instances=2)
    assert config.parameters["checkpoint"].string_value == str(folder)
    assert config.instance_group[0].count == 2
    assert int(config.parameters["threads"].string_value) >= 1


def test_repository_has_triton_s_layout(tmp_path):
    write_repository(tmp_path, GenerationSettings())
    files = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert files == ["painter/1/model.py", "painter/config.pbtxt"]
