"""Vectors in columns, read as matrices."""

import numpy as np
import pyarrow as pa
import pytest

from conf.errors import ContractError
from jobs.lake.arrays import matrix

LISTS = pa.list_(pa.float32())


@pytest.mark.parametrize("column", [pa.array([[1, 2], [3, 4]], LISTS), pa.chunked_array([[[1, 2]], [[3, 4]]], LISTS)])
def test_a_column_of_lists_is_a_matrix(column):
    found = matrix(column, 2)
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found.dtype == np.float32


def test_a_part_of_an_array_is_read_where_it_begins():
    assert matrix(pa.array([[1.0], [2.0], [3.0]], LISTS).slice(1, 1)).tolist() == [[2.0]]


def test_an_empty_column_has_the_asked_width():
    empty = pa.chunked_array([pa.array([], LISTS)])
    assert (matrix(empty).shape, matrix(empty, 7).shape) == ((0, 0), (0, 7))


@pytest.mark.parametrize("lists", [[[1.0], [1.0, 2.0]], [[1.0], None]])
def test_lists_of_different_lengths_are_refused(lists):
    with pytest.raises(ContractError, match=r"covers\.v has lists of different lengths"):
        matrix(pa.array(lists, LISTS), name="covers.v")


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ContractError, match=r"cover_features\.style has lists of 2 numbers, not 3"):
        matrix(pa.array([[1.0, 2.0]], LISTS), 3, "cover_features.style")
