"""Recipes: what can be in them, and what is said of what cannot."""

import math
from dataclasses import dataclass, fields, replace

import pytest
import yaml

from depth_sr_ros.methods.errors import UnknownMethod
from depth_sr_ros.methods.registry import method_class
from depth_sr_ros.system.package_files import known_recipes
from depth_sr_ros.training import degradations as degrade
from depth_sr_ros.training.initialisation import read_initialisation
from depth_sr_ros.training.recipe import Recipe, RecipeError, identity, load_recipe
from depth_sr_ros.training.trainer import runs

RECIPES = known_recipes()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_package_can_be_read(name):
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.steps > 0


@pytest.mark.parametrize("name", [name for name in RECIPES if load_recipe(name).initialise_from.startswith("weights/")])
def test_a_recipe_that_begins_with_the_packages_weights_fits_them_from_any_folder(name, tmp_path, monkeypatch):
    recipe = load_recipe(name)
    monkeypatch.chdir(tmp_path)
    for scale in runs(recipe):
        of_scale = recipe.at(scale)
        model = method_class(recipe.method)(scale or recipe.scales[0], **of_scale.config)
        tensors, words = read_initialisation(of_scale, scale, model.state_dict())
        assert tensors and of_scale.initialise_from.removeprefix("weights/").replace("{scale}", str(scale)) in words


def test_entries_may_differ_between_scales(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(
        "method: dada\nscales: [4, 8]\nconfig: {iterations: 96, encoder: light}\nsteps: 100\n"
        "at_scale:\n  8: {config: {iterations: 192}, teachers: [a.safetensors], teacher_share: 0.5, degradation: {shift: 0.1}}"
    )
    recipe = load_recipe(str(path))
    assert recipe.at(4) == replace(recipe, at_scale={}) and recipe.at(4).config["iterations"] == 96
    eight = recipe.at(8)
    assert eight.config == {"iterations": 192, "encoder": "light"} and eight.teachers == ("a.safetensors",)
    assert (eight.steps, eight.degradation.shift, eight.degradation.warp) == (100, 0.1, 0.7)
    assert identity(recipe.at(4)) != identity(eight)


def test_an_entry_that_a_recipe_does_not_set_does_not_change_what_it_is():
    """So checkpoints stay valid when entries are added."""

    @dataclass(frozen=True)
    class LaterDegradation(degrade.Degradation):
        fog: float = 0.0

    @dataclass(frozen=True)
    class LaterRecipe(Recipe):
        magic: float = 0.0

    now = Recipe("a", "fdkn", steps=7, degradation=degrade.Degradation(shift=2.0))
    later = LaterRecipe("a", "fdkn", steps=7, degradation=LaterDegradation(shift=2.0))
    assert identity(later) == identity(now)
    fogged = replace(later.degradation, fog=1.0)
    others = [
        replace(later, magic=1.0),
        replace(later, degradation=fogged),
        replace(now, steps=8),
        replace(now, config={"widths": [4]}),
        replace(now, degradation=degrade.Degradation()),
    ]
    assert len({identity(now), *map(identity, others)}) == 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method: fdkn\nstep: 5", "unknown entry 'step'"),
        ("method: fdkn\nsteps: many", "steps is 'many'"),
        ("method: fdkn\nprecision: bf16", "precision is 'bf16', it must be one of float32, bfloat16"),
        ("method: fdkn\ninitialise_from: a\ninitialise_parts: [guide]", "initialise_parts is .*must map names"),
        ("method: fdkn\noptimiser: sgd", "optimiser is 'sgd', it must be one of adamw, muon"),
        ("method: fdkn\ninitialise_parts: {a: b}", "initialise_parts needs initialise_from"),
        ("method: fdkn\nblend: 0.7", "blend is 0.7, without initialise_from it must be 1"),
        ("method: fdkn\ninitialise_from: a\nblend: 1.7", "blend is 1.7, it must be from 0 to 1"),
        ("steps: 5", "names no method"),
        ("method: [", "not YAML"),
        ("[" * 600, "recipe .*wrong.yaml is not YAML"),
        ("method: fdkn\nsteps: !!timestamp x", "recipe .*wrong.yaml is not YAML: a value does not fit its tag"),
        ("method: fdkn\nconfig: {when: 2001-99-99}", "recipe .*wrong.yaml is not YAML"),
        ("method: 5", "method is 5, it must be of type str"),
        ("method: bicubic", "recipe wrong: method is 'bicubic', .*: ahmf, dada, dkn, fdkn, jiif, naima$"),
        ("method: dada_free", "method is 'dada_free', .*methods that learn: ahmf, dada, dkn"),
        ("method: guided_filter", "method is 'guided_filter', .*methods that learn: ahmf, dada, dkn"),
        ("method: fdkn\ndegradation: {wobble: 3}", "unknown entry 'wobble'"),
        ("method: fdkn\nat_scale: {4: {steps: 3}}", "at_scale has 4, which is none of the scales"),
        ("method: fdkn\nat_scale: {8: {step: 3}}", "unknown entry 'step'"),
        ("method: fdkn\nat_scale: {8: {blend: 0.5}}", "blend is 0.5, without initialise_from it must be 1"),
        ("method: fdkn\nat_scale: {8: {method: dkn}}", "method cannot differ between scales"),
        *(
            (f"method: fdkn\nat_scale: {wrong}", "at_scale is .*, it must map scales to entries")
            for wrong in ("8", "abc", "[1]", "null", "{8: 3}")
        ),
        *(
            (f"method: fdkn\n{entry}: {wrong}", f"{entry} is .*, it must map names to values")
            for entry in ("config", "degradation")
            for wrong in ("5", "abc", "[1]", "null", "{1: 2}")
        ),
        ("method: fdkn\nat_scale: {8: {config: 5}}", "config is 5, it must map names to values"),
        *(
            (
                f"method: fdkn\nat_scale: {{4: {{}}}}\nscales: {wrong}",
                "recipe wrong: scales is .*, it must be a list of different whole numbers from 2 to 32",
            )
            for wrong in ("8", "null", "'8'", "{8: 1}", "[eight]", "[[8]]", "[]", "[1]", "[64]", "[8.0]", "[8, 8]", "[yes]")
        ),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(text, says, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=says):
        load_recipe(str(path))


def test_scales_come_more_than_once_only_where_one_file_serves_all():
    assert Recipe("a", "jiif", (4, 8, 16, 8)).scales == (4, 8, 16, 8)
    with pytest.raises(RecipeError, match="different whole numbers"):
        Recipe("a", "fdkn", (8, 8))


def test_an_unknown_recipe_lists_the_known():
    with pytest.raises(RecipeError, match="fdkn"):
        load_recipe("nonsense")


NUMBERS = {
    "from 1 to 1000000000": {"steps": (0, -5, 10**400), "batch": (0, -1)},
    "from 0 to 1000000000": {"warmup": (-3,)},
    "from 2 to 320": {"crop": (0, 321)},
    "from 1 to 1000000": {"scenes": (0, -4, 10**7)},
    "from 0 to 4294967295": {"seed": (-1, 99999999999999999999)},
    "above 0 and finite": {entry: (0, -1, math.nan, math.inf, 10**400) for entry in ("learning_rate", "gradient_clip")},
    "at least 0 and finite": {entry: (-1, math.nan, math.inf) for entry in ("weight_decay", "gradient_share")},
    "from 0 to 1": {entry: (-0.1, 2, math.nan) for entry in ("final_rate", "rmse_share", "average", "blend")},
}


@pytest.mark.parametrize(
    ("entry", "value", "allowed"),
    [(entry, value, allowed) for allowed, of in NUMBERS.items() for entry, values in of.items() for value in values],
    ids=lambda value: str(value)[:20],
)
def test_a_number_out_of_its_range_is_refused(entry, value, allowed, tmp_path):
    path = tmp_path / "wrong.yaml"
    for entries in ({entry: value}, {"at_scale": {8: {entry: value}}}):
        path.write_text(yaml.safe_dump({"method": "fdkn", "initialise_from": "a", **entries}))
        with pytest.raises(RecipeError, match=f"^recipe wrong: {entry} is .*, it must be {allowed}$"):
            load_recipe(str(path))


@pytest.mark.parametrize("entry", [one.name for one in fields(degrade.Degradation)])
def test_a_degradation_out_of_its_range_is_refused(entry, tmp_path):
    path = tmp_path / "wrong.yaml"
    is_length = entry in ("shift", "warp", "parallax", "jagged", "depth_blur", "guide_blur")
    allowed = "from 0 to 100" if is_length else "from 0 to 1"
    for value in (-0.5, math.nan, math.inf, 1e6, *([] if is_length else [1.5])):
        path.write_text(yaml.safe_dump({"method": "fdkn", "degradation": {entry: value}}))
        with pytest.raises(RecipeError, match=f"^recipe wrong: degradation.{entry} is .*, it must be {allowed}$"):
            load_recipe(str(path))
    others = {"sensor_chance": 0} if entry in degrade.REDUCTIONS else {}  # which are at most 1 together
    for value in (0, 1):
        path.write_text(yaml.safe_dump({"method": "fdkn", "degradation": {**others, entry: value}}))
        assert getattr(load_recipe(str(path)).degradation, entry) == value


def test_numbers_at_the_ends_of_their_ranges_are_taken(tmp_path):
    path = tmp_path / "ends.yaml"
    for entries in (
        {"steps": 1, "batch": 1, "scenes": 1, "warmup": 0, "seed": 0, "final_rate": 0, "rmse_share": 0, "average": 0},
        {"final_rate": 1, "rmse_share": 1, "average": 1, "seed": 2**32 - 1, "gradient_clip": 1e-30, "crop": 320},
        {"scales": [2, 32]},
    ):
        path.write_text(yaml.safe_dump({"method": "fdkn", **entries}))
        recipe = load_recipe(str(path))
        found = {entry: getattr(recipe, entry) for entry in entries}
        assert found == {entry: tuple(value) if entry == "scales" else value for entry, value in entries.items()}


def test_what_is_no_text_is_refused_with_its_name(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00binary\x80")
    with pytest.raises(RecipeError, match="recipe .*binary.yaml is not YAML"):
        load_recipe(str(path))


def test_an_unknown_method_lists_the_known(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("method: nonsense")
    with pytest.raises(UnknownMethod, match="'nonsense': known methods are ahmf, .*naima"):
        load_recipe(str(path))


def test_reductions_are_shares_of_one_whole(tmp_path):
    path = tmp_path / "wrong.yaml"
    shares = {"sensor_chance": 0.4, "median_chance": 0.4, "decimated_chance": 0.3}
    path.write_text(yaml.safe_dump({"method": "fdkn", "degradation": shares}))
    with pytest.raises(RecipeError, match="sensor_chance, median_chance, decimated_chance are 1.1 together, .* at most 1$"):
        load_recipe(str(path))
    path.write_text(yaml.safe_dump({"method": "fdkn", "degradation": {**shares, "decimated_chance": 0.2}}))
    assert load_recipe(str(path)).degradation.decimated_chance == 0.2
