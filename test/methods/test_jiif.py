"""JIIF: its equations by brute force, and queries that agree with the dense image and cost what they should."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from depth_sr_ros.methods import jiif
from depth_sr_ros.methods.interpolate import bicubic_at, bilinear_at
from depth_sr_ros.methods.jiif import JIIF
from depth_sr_ros.methods.layers import upsample_bicubic
from depth_sr_ros.methods.registry import load_method
from depth_sr_ros.training import trainer
from depth_sr_ros.training.recipe import Recipe

SMALL = {"depth_width": 6, "depth_blocks": 2, "guide_width": 5, "guide_blocks": 1, "hidden": (12, 8)}


def small(scale: int = 4, seed: int = 0, **config) -> JIIF:
    torch.manual_seed(seed)
    return JIIF(scale, **{**SMALL, **config}).eval()


def pair(scale: int = 4, height: int = 5, width: int = 7, batch: int = 1, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(batch, 3, scale * height, scale * width, generator=generator),
        torch.rand(batch, 1, height, width, generator=generator),
    )


def centres(height: int, width: int, batch: int = 1) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((columns, rows), -1).reshape(1, -1, 2).float().expand(batch, -1, -1)


def brute_force(method: JIIF, guide: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """Equations 5 to 9 pixel by pixel on the concatenated features, in the paper's (-1, 1) coordinates."""
    z, g = method.depth_encoder(depth)[0], method.guide_encoder(guide)[0]
    (height, width), (low_height, low_width) = g.shape[-2:], z.shape[-2:]
    g_low = F.interpolate(g[None], z.shape[-2:], mode="bicubic", align_corners=False)[0]
    residual = torch.zeros(height, width)
    for y in range(height):
        for x in range(width):
            at = (2 * y + 1) / height - 1, (2 * x + 1) / width - 1
            values, logits = [], []
            for sy in (-1, 1):
                for sx in (-1, 1):
                    # The pixel under the position half an LR pixel away; the sides' tie goes up-left.
                    row = math.floor((at[0] + sy / low_height + 1) * low_height / 2 + 1e-9)
                    column = math.floor((at[1] + sx / low_width + 1) * low_width / 2 + 1e-9)
                    inside = 0 <= row < low_height and 0 <= column < low_width
                    z_i = z[:, row, column] if inside else torch.zeros(z.shape[0])
                    g_i = g_low[:, row, column] if inside else torch.zeros(g.shape[0])
                    centre = (2 * row + 1) / low_height - 1, (2 * column + 1) / low_width - 1
                    relative = torch.tensor([(at[1] - centre[1]) * low_width, (at[0] - centre[0]) * low_height])
                    whole = torch.cat((z_i, g_i, g[:, y, x] - g_i, relative))
                    value, logit = method.rest(method.first(whole))
                    values.append(value)
                    logits.append(logit)
            residual[y, x] = (torch.softmax(torch.stack(logits), 0) * torch.stack(values)).sum()
    return upsample_bicubic(depth, height // low_height)[0, 0] + residual


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_split_first_layer_gives_the_papers_equations(scale):
    method = small(scale)
    guide, depth = pair(scale, 3, 4)
    with torch.no_grad():
        assert (method(guide, depth)[0, 0] - brute_force(method, guide, depth)).abs().max() < 1e-5


def test_the_papers_configuration_has_its_parameters():
    with torch.device("meta"):
        method = JIIF(8)
    assert sum(parameter.numel() for parameter in method.parameters()) == 10_830_978  # 10.83 M
    assert [part.in_features for part in method.modules() if isinstance(part, nn.Linear)] == [386, 1024, 512, 256, 128]


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (2, 9)])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_query_at_pixel_centres_is_the_dense_image(size, batch):
    method = small()
    guide, depth = pair(4, *size, batch=batch)
    with torch.no_grad():
        dense = method(guide, depth)
        found = method.query(method.encode(guide, depth), centres(*guide.shape[-2:], batch))
    assert dense.shape == (batch, 1, 4 * size[0], 4 * size[1])
    assert torch.equal(found.view_as(dense), dense)


def test_any_order_and_number_of_queries():
    method = small()
    guide, depth = pair()
    places = torch.randperm(20 * 28, generator=torch.Generator().manual_seed(3))[:17]
    with torch.no_grad():
        latents = method.encode(guide, depth)
        found = method.query(latents, torch.stack((places % 28, places // 28), -1)[None])
        assert (found - method(guide, depth).flatten()[places]).abs().max() < 1e-5
        assert method.query(latents, torch.zeros(1, 0, 2)).shape == (1, 0)


def test_the_cost_follows_the_queries():
    """Four rows of the MLP a query, whatever the image's size; the encoders do not run again."""
    method = small()
    rows, encoded = [], []
    method.rest[1].register_forward_hook(lambda _, inputs, output: rows.append(inputs[0][..., 0].numel()))
    method.guide_encoder.register_forward_hook(lambda *_: encoded.append(1))
    for size in ((5, 7), (20, 30)):
        latents = method.encode(*pair(4, *size))
        for number in (1, 10, 5000):
            rows.clear()
            method.query(latents, torch.rand(1, number, 2) * 20)
            assert sum(rows) == 4 * number
    assert len(encoded) == 2


def test_sub_pixel_positions_lie_between_their_neighbours():
    """The function is continuous within an LR pixel: small steps make small changes."""
    method = small()
    with torch.no_grad():
        latents = method.encode(*pair())
        line = torch.stack((torch.linspace(10.2, 12.9, 271), torch.full((271,), 9.3)), -1)[None]
        values = method.query(latents, line)[0]
    assert values.diff().abs().max() < 0.1 * (values.max() - values.min())


def test_one_encoding_serves_other_scales():
    """The centres of every third pixel of a three times finer grid are those of the guide's."""
    method = small()
    guide, depth = pair()
    with torch.no_grad():
        latents = method.encode(guide, depth)
        finer = method.query(latents, (centres(60, 84) + 0.5) / 3 - 0.5).view(60, 84)
        assert (finer[1::3, 1::3] - method(guide, depth)[0, 0]).abs().max() < 1e-5
        # a guide that is no whole multiple of the depth
        latents = method.encode(torch.rand(1, 3, 13, 18), depth)
        assert method.query(latents, centres(13, 18)).isfinite().all()


def test_positions_outside_the_image_have_finite_values():
    method = small()
    with torch.no_grad():
        latents = method.encode(*pair())
        far = torch.tensor([[[-9.0, 3.0], [500.0, 500.0], [-0.5, -0.5], [27.5, 19.5]]])
        assert method.query(latents, far).isfinite().all()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_positions_that_are_nowhere_are_refused(wrong):
    method, (guide, depth) = small(), pair()
    pixels = torch.tensor([[[1.0, 2.0], [wrong, 2.0]]])
    with pytest.raises(ValueError, match="positions must be finite"):
        method.query(method.encode(guide, depth), pixels)


@pytest.mark.parametrize("at_once", [1, 13, 10_000])
def test_chunks_change_nothing(at_once, monkeypatch):
    method = small()
    guide, depth = pair()
    with torch.no_grad():
        whole = method(guide, depth)
        monkeypatch.setattr(jiif, "QUERIES_AT_ONCE", at_once)
        assert (method(guide, depth) - whole).abs().max() < 1e-6


def test_the_mlp_never_sees_more_rows_than_allowed(monkeypatch):
    monkeypatch.setattr(jiif, "QUERIES_AT_ONCE", 50)
    method = small()
    rows = []
    method.rest[1].register_forward_hook(lambda _, inputs, output: rows.append(inputs[0][..., 0].numel()))
    method(*pair())
    assert max(rows) <= 200 and sum(rows) == 4 * 20 * 28


def test_autocast_keeps_positions_exact():
    """Far from the origin, where bfloat16 has no digits for pixels, the result is still close."""
    method = small(4)
    guide, depth = pair(4, 6, 160)
    with torch.no_grad():
        exact = method(guide, depth)
        with torch.autocast("cpu", torch.bfloat16):
            half = method(guide, depth)
    assert (half - exact).abs().max() < 0.03


def test_training_draws_pixels_and_their_ground_truth():
    method = small(training_queries=40)
    guide, depth = pair(batch=2)
    ground_truth = torch.rand(2, 1, 20, 28)
    with torch.no_grad():
        estimate, target = method.training_estimate(guide, depth, ground_truth, torch.Generator().manual_seed(5))
        again, _ = method.training_estimate(guide, depth, ground_truth, torch.Generator().manual_seed(5))
        dense = method(guide, depth)
    assert estimate.shape == target.shape == (2, 1, 1, 40) and torch.equal(estimate, again)
    for one in range(2):
        place = {value: number for number, value in enumerate(ground_truth[one].flatten().tolist())}
        places = [place[value] for value in target[one].flatten().tolist()]
        assert len(set(places)) == 40  # no pixel twice
        assert (dense[one].flatten()[places] - estimate[one].flatten()).abs().max() < 1e-5


def test_training_on_all_pixels():
    method = small(training_queries=0)
    guide, depth = pair()
    estimate, target = method.training_estimate(guide, depth, guide[:, :1], torch.Generator())
    assert estimate.shape == target.shape == (1, 1, 20, 28)


def test_training_by_drawn_pixels_can_be_repeated(tmp_path, monkeypatch):
    """Step k draws the same pixels in every run of a recipe."""
    monkeypatch.setattr(trainer, "VALIDATION_SAMPLES", 1)
    recipe = Recipe("tiny", "jiif", (8,), {**SMALL, "training_queries": 100}, steps=2, batch=2, crop=32, scenes=1)
    pool = tmp_path / "scenes"
    runs = [trainer.Trainer(recipe, None, tmp_path / name, workers=0, pool=pool) for name in ("one", "two")]
    assert runs[0].run().sha256 == runs[1].run().sha256
    assert load_method("jiif", 8, runs[0].result)(*pair(8)).isfinite().all()


def test_bicubic_at_pixel_centres_is_pils():
    image = torch.rand(2, 1, 6, 9)
    for scale in (2, 3, 8):
        expected = upsample_bicubic(image, scale)
        places = (centres(6 * scale, 9 * scale, 2) + 0.5) / scale - 0.5
        found = bicubic_at(image.permute(0, 2, 3, 1), places)
        assert (found.view_as(expected) - expected).abs().max() < 1e-5


def test_bilinear_by_hand():
    image = torch.tensor([[0.0, 1.0], [2.0, 5.0]])[None, :, :, None]
    places = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.5, 0.5], [-3.0, 0.5], [0.25, 9.0]]])
    assert bilinear_at(image, places)[0, :, 0].tolist() == [0.0, 5.0, 0.5, 2.0, 1.0, 2.75]
