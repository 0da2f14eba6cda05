"""The split is whole, and of the sizes that were asked for."""

from preprocessing import split_sizes


def test_every_row_is_in_one_part():
    for rows in (10, 569, 4177):
        assert sum(split_sizes(rows, 0.2).values()) == rows


def test_the_test_part_is_the_fraction():
    assert split_sizes(569, 0.2) == {"train": 364, "validation": 91, "test": 114}
