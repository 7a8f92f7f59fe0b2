"""Trimmed and lossy branches of the codec benchmark: what was promised to fit fits, what was lost is lost."""

import numpy as np
import pytest
from test_codecbench import context, folders, picture  # noqa: F401 - fixtures

from navisplit.errors import UsageError
from navisplit.evaluate.codecbench import line_up as line_up_module
from navisplit.evaluate.codecbench.methods import make, wire_bytes


def test_a_trimmed_branch_fits_its_budget_and_sends_the_first_channels(context, picture):  # noqa: F811
    whole, trimmed = make("branch:b1", context), make("trim:b1@120", context)
    received = [m.decode(m.encode(m.head(picture))) for m in (whole, trimmed)]
    sizes = [wire_bytes(m.encode(m.head(picture))) for m in (whole, trimmed)]
    assert sizes[1] <= 120 < sizes[0]
    (symbols, all_there), (some, mask) = received
    channels = mask.reshape(len(mask), -1).all(axis=1)
    assert all_there.all() and channels[0] and not channels[-1] and (np.diff(channels.astype(int)) <= 0).all()
    np.testing.assert_array_equal(some[channels], symbols[channels])


def test_lost_slices_are_the_same_for_the_same_frame_and_never_all(monkeypatch, context, picture):  # noqa: F811
    monkeypatch.setattr("navisplit.vehicle.head.MAX_PAYLOAD", 40)
    lossy = make("loss:b1@0.9", context)
    slices = lossy.encode(lossy.head(picture))
    assert len(slices) > 1
    first, again = (lossy.decode(slices)[1] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.any() and not first.all()
    assert make("loss:b1@0", context).decode(slices)[1].all()
    assert lossy.tail(lossy.decode(slices)).shape == make("branch:b1", context).tail(lossy.decode(slices)).shape


@pytest.mark.parametrize("name", ["trim:b1", "trim:b1@7", "trim:@400", "loss:b1@1", "loss:b1@x", "trim:b9@400"])
def test_what_is_no_budget_or_share_is_told(context, name):  # noqa: F811
    with pytest.raises(UsageError):
        make(name, context)


def test_branches_of_several_slices_are_in_the_line_up_damaged(monkeypatch, context):  # noqa: F811
    assert not [n for n in line_up_module.line_up(context) if n.startswith(("trim:", "loss:"))]
    monkeypatch.setattr(line_up_module, "MAX_PAYLOAD", 40)
    names = line_up_module.line_up(context)
    assert [n for n in names if n.startswith("trim:")] == ["trim:b1@66", "trim:b1@33"]
    assert [n for n in names if n.startswith("loss:")] == ["loss:b1@0.25", "loss:b1@0.5"]
