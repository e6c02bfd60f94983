"""Which files of two folders belong together."""

import pytest

from depth_sr_ros.files.pairs import match_pairs


@pytest.fixture
def folders(tmp_path):
    def make(colours, depths):
        for folder, names in (("rgb", colours), ("depth", depths)):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path / "rgb", tmp_path / "depth"

    return make


@pytest.mark.parametrize(
    ("colours", "depths", "expected"),
    [
        (["a.jpg", "b.png", "c.jpg"], ["b.npy", "a.png"], [("a.jpg", "a.png"), ("b.png", "b.npy")]),
        (["10.jpg", "9.jpg"], ["9.png", "10.png"], [("9.jpg", "9.png"), ("10.jpg", "10.png")]),
        (
            ["f-000002.color.jpg", "f-000001.color.jpg"],
            ["f-000001.depth.png", "f-000002.depth.png"],
            [("f-000001.color.jpg", "f-000001.depth.png"), ("f-000002.color.jpg", "f-000002.depth.png")],
        ),
        (["7.175304.png", "7.211214.png"], ["7.160407.png", "7.226738.png"],
         [("7.175304.png", "7.160407.png"), ("7.211214.png", "7.226738.png")]),
        (["a.jpg", ".hidden.jpg", "notes.txt"], ["a.png"], [("a.jpg", "a.png")]),
    ],
)  # fmt: skip
def test_partners_have_one_name_one_number_or_one_place(folders, colours, depths, expected):
    assert [(rgb.name, depth.name) for rgb, depth in match_pairs(*folders(colours, depths))] == expected


def test_a_depth_image_without_a_partner_is_named(folders):
    with pytest.raises(ValueError, match="without a colour image of their name or number: c.png"):
        match_pairs(*folders(["a.jpg", "b.jpg"], ["a.png", "b.png", "c.png"]))


def test_two_depth_images_of_one_name_are_no_pair(folders):
    with pytest.raises(ValueError, match="has 1 images"):
        match_pairs(*folders(["a.jpg"], ["a.png", "a.npy"]))
