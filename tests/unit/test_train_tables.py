"""Tables are integers that count what was sent, one kind for each codec."""

import numpy as np
import pytest

from navisplit.codecs import codec as find_codec
from navisplit.nets.architecture import BranchConfig
from navisplit.train.tables import branch_tables, count_symbols, tables_from_counts


def test_tables_count_what_was_sent_and_leave_room_for_the_unseen():
    symbols = np.zeros((3, 2, 4, 4), np.int16)
    symbols[:, 0, 0, 0] = -2
    symbols[:, 1] = 1
    counts = count_symbols(symbols, 5)
    assert counts.shape == (2, 11) and counts[0, 3] == 3 and counts[1, 6] == 48
    tables = tables_from_counts(counts, 5)
    assert tables.offsets.tolist() == [-2, -2] and tables.alphabet == 4
    assert tables.frequencies.min() >= 1 and tables.frequencies[1].argmax() == 3


@pytest.mark.parametrize(("codec", "contexts"), [("context", 25), ("rans", 1), ("raw8", 1)])
def test_every_codec_gets_the_tables_that_it_codes_with(codec, contexts):
    symbols = np.random.default_rng(0).integers(-2, 3, (5, 3, 6, 8)).astype(np.int16)
    branch = BranchConfig("b", channels=3, target_bytes=9, limit=4, codec=codec)
    tables = branch_tables(symbols, branch)
    assert tables.contexts == contexts and tables.channels == 3
    slices = find_codec(codec).encode(symbols[0], tables, 1200)
    decoded, received = find_codec(codec).decode(slices, (3, 6, 8), tables)
    assert received.all() and (decoded == symbols[0]).all()
