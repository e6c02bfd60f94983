from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "depth_sr_ros"
SHARE = f"share/{PACKAGE}"
# Resolved, as `colcon build --symlink-install` runs a link to this file from a folder of its own.
README = Path(__file__).resolve().with_name("README.md")

setup(
    name=PACKAGE,
    version="0.1.0",
    description="Guided depth super-resolution in real time, for ROS 2",
    long_description=README.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    maintainer="depth_sr_ros developers",
    maintainer_email="depth-sr-ros@users.noreply.github.com",
    license="Apache-2.0",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/environment", ["resource/path.dsv"]),  # named in colcon.pkg
        (f"{SHARE}/launch", glob("launch/*.launch.py")),
        (f"{SHARE}/config", glob("config/*.yaml") + glob("config/*.xml")),
        (f"{SHARE}/config/cameras", glob("config/cameras/*.yaml")),
        (f"{SHARE}/config/recipes", glob("config/recipes/*.yaml")),
        (f"{SHARE}/weights", glob("weights/*.safetensors") + glob("weights/*.json")),
    ],
    python_requires=">=3.10",
    install_requires=[
        "numpy>=1.26",
        "opencv-contrib-python-headless>=4.5",
        "packaging>=21",  # OpenVINO's and torch's converters import it without asking for it
        "torch>=2.4",
        "safetensors>=0.4",
        "numba>=0.60",
        "PyYAML>=6",
        "tqdm>=4.60",
        "pillow>=9",
    ],
    extras_require={
        "openvino": ["openvino>=2024.4"],
        "replay": ["rosbags>=0.10"],
        "test": ["pytest>=7", "catkin_pkg>=1"],
    },
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "depth-sr = depth_sr_ros.commands.main:console_script",
            "depth_sr_node = depth_sr_ros.node.depth_sr_node:main",
            "camera_node = depth_sr_ros.demo.camera_node:main",
            "demo_node = depth_sr_ros.demo.demo_node:main",
        ],
    },
)
