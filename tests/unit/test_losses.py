"""What the depth training minimises: near and thin things, doubt, features, and what a link loses."""

import pytest
import torch

from navisplit.train.losses import depth_loss, erase_channels, feature_loss, pixel_weights, thin_mask


def test_near_and_thin_things_weigh_more():
    depth = torch.full((1, 20, 40), 12.0)
    depth[0, :, 18:21] = 6.0  # a trunk, not near
    depth[0, :, :10] = 3.0  # a wall, near and broad
    thin = thin_mask(depth, 15.0)
    assert thin[0, 10, 19] and not thin[0, 10, 5] and not thin[0, 10, 30]
    weights = pixel_weights(depth, 5.0, 2.0, 2.0)
    assert weights[0, 10, 19] == weights[0, 10, 5] == pytest.approx(3.0 * weights[0, 10, 30].item())
    assert weights.mean().item() == pytest.approx(1.0)


def test_a_slanted_ground_is_not_thin():
    rows = torch.linspace(12.0, 1.0, 36)
    assert not thin_mask(rows[None, :, None].expand(1, 36, 64), 15.0).any()


def test_spread_is_trained_to_the_size_of_the_error_and_cannot_excuse_it():
    depth = torch.full((1, 4, 4), 5.0)
    guess = (depth * 1.5).log().requires_grad_()
    scale = torch.zeros(1, 4, 4, requires_grad=True)
    loss = depth_loss(guess, scale, depth, torch.ones_like(depth), torch.zeros_like(depth))
    loss.backward()
    wide = guess.detach().clone().requires_grad_()
    depth_loss(wide, torch.full((1, 4, 4), 1.5), depth, torch.ones_like(depth), torch.zeros_like(depth)).backward()
    torch.testing.assert_close(wide.grad, guess.grad)
    assert (scale.grad > 0).all()  # the error (0.41) is less than the scale (1): lower it


def test_a_near_thing_taken_for_farther_costs_more_than_one_taken_for_nearer():
    depth, even = torch.full((1, 2, 2), 4.0), torch.ones(1, 2, 2)
    far, near = ((depth * factor).log() for factor in (1.5, 1 / 1.5))
    flat = torch.zeros(1, 2, 2)
    costs = [depth_loss(guess, flat, depth, even, far_weight * even) for guess in (far, near) for far_weight in (0, 1)]
    assert costs[0] == pytest.approx(costs[2].item()) and costs[2] == costs[3] and costs[1] > 1.5 * costs[0]


def test_feature_loss_is_zero_only_for_the_teachers_features():
    target = torch.randn(2, 3, 4, 4)
    assert feature_loss(target, target).item() == 0.0
    assert feature_loss(torch.zeros_like(target), target).item() == pytest.approx(1.0)


def test_erasure_hits_its_share_and_never_takes_all_channels():
    masks = erase_channels(2000, 6, 0.15, torch.Generator().manual_seed(0))
    assert ((masks == 0).any(1).float().mean().item()) == pytest.approx(0.15, abs=0.03)
    assert (masks.sum(1) >= 1).all()
    assert erase_channels(5, 1, 1.0, torch.Generator()).all()
    prefix = (masks[:, :-1] >= masks[:, 1:]).all(1).flatten()  # what is there comes first, as a trimmed frame has it
    assert 0.4 < prefix[(masks == 0).any(1).flatten()].float().mean() < 0.75
