import json
import shutil

import numpy as np
import pytest

from generation.diffusion.painter import SHIPPED, Painter, checkpoint_fingerprint


@pytest.fixture(scope="module")
def painter():
    return Painter.load(threads=2)


def ask(rows: int, **changes):
    rng = np.random.default_rng(0)
    references = rng.integers(0, 256, (1, 8, 8, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2).repeat(rows, 0)
    preferences = rng.normal(size=(rows, 160)).astype(np.float32)
    asked = {
        "prompts": ["fox", "pizza", "rocket"][:rows],
        "references": references,
        "preferences": preferences,
        "seeds": np.arange(rows),
        "steps": 2,
    }
    return asked | changes


def test_pictures_have_the_promised_form_and_repeat(painter):
    first, again = painter.paint(**ask(3)), painter.paint(**ask(3))
    assert first.shape == (3, 64, 64, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_a_row_does_not_depend_on_its_neighbours(painter):
    asked = ask(3)
    together = painter.paint(**asked)
    alone = painter.paint(
        **ask(1, preferences=asked["preferences"][1:2], prompts=["pizza"], references=asked["references"][1:2])
        | {"seeds": np.array([1])}
    )
    assert np.abs(together[1].astype(int) - alone[0]).max() <= 3


def test_the_seed_and_the_preference_change_the_picture(painter):
    asked = ask(1)
    base = painter.paint(**asked).astype(int)
    reseeded = painter.paint(**asked | {"seeds": np.array([99])}).astype(int)
    turned = painter.paint(**asked | {"preferences": -asked["preferences"]}).astype(int)
    assert np.abs(base - reseeded).max() > 0
    assert np.abs(base - turned).mean() > 0.5


def test_guidance_moves_away_from_the_unpersonalised_picture(painter):
    asked = ask(1)
    plain = painter.paint(**asked | {"preferences": np.zeros((1, 160), np.float32)}).astype(float)
    wanted = painter.paint(**asked).astype(float)
    guided = painter.paint(**asked, guidance=2.0).astype(float)
    assert np.abs(guided - plain).mean() > np.abs(wanted - plain).mean()


def test_pictures_of_one_batch_may_have_different_guidance(painter):
    asked = ask(2)
    together = painter.paint(**asked, guidance=np.array([0.5, 2.0], np.float32)).astype(int)
    for row, strength in enumerate((0.5, 2.0)):
        alone = painter.paint(**asked, guidance=strength)[row].astype(int)
        np.testing.assert_array_equal(together[row], alone)


def test_guidance_costs_a_second_pass_only_where_somebodys_taste_is_known(painter):
    asked = ask(3)
    asked["preferences"][1] = 0
    rows = []
    counting = painter.unet.register_forward_hook(lambda _unet, given, _out: rows.append(len(given[0])))
    guided = painter.paint(**asked, guidance=np.array([1.2, 1.2, 1.0], np.float32)).astype(int)
    assert rows == [3, 1, 3, 1]  # two steps
    counting.remove()
    plain = painter.paint(**asked).astype(int)
    np.testing.assert_array_equal(guided[1:], plain[1:])
    assert np.abs(guided[0] - plain[0]).max() > 1


def test_no_steps_is_an_error_that_names_the_setting(painter):
    with pytest.raises(ValueError, match=r"generation\.steps"):
        painter.paint(**ask(1, steps=0))


def test_a_changed_weight_file_is_refused(tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(SHIPPED, folder)
    assert checkpoint_fingerprint(folder) == checkpoint_fingerprint(SHIPPED)
    name = next(iter(json.loads((folder / "manifest.json").read_text())["files"]))
    (folder / name).write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        checkpoint_fingerprint(folder)
    with pytest.raises(FileNotFoundError, match="coverlift train generator"):
        checkpoint_fingerprint(tmp_path)
