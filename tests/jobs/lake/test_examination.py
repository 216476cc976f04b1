"""The reader of ``position_bias``, over a table in an order of its own."""

import numpy as np

from jobs.lake.examination import examination_at, read_examination
from tests.support.worlds.samples import DAY, sample


def test_it_is_by_position_whatever_the_order_of_rows(spark_lake):
    rows = sample("position_bias", 3, position=[3, 1, 2], examination=[0.25, 1.0, 0.5])
    spark_lake.replace(rows, "position_bias", ds=DAY)
    found = read_examination(spark_lake, DAY)
    assert found.tolist() == [1.0, 0.5, 0.25]
    assert examination_at(found, np.array([2, 3, 4, 40])).tolist() == [0.5, 0.25, 0.25, 0.25]
