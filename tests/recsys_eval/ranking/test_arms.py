import numpy as np

from recsys_eval.arm_names import ORIGINAL
from recsys_eval.ranking.arms import Block
from tests.support.worlds.blocks import block


def test_where_keeps_rows_together():
    test = block()
    some = Block(
        user=test.user, request=test.request, position=test.position, clicked=test.clicked,
        weight=test.weight,
        fold=test.fold,
        columns={ORIGINAL: np.arange(len(test), dtype=float)[:, None]},
    ).where(test.user == 5)  # fmt: skip
    assert set(some.user) == {5}
    assert len(some) == 12
    assert some.columns[ORIGINAL][0, 0] == 60
