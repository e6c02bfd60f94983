# make demo   the whole pipeline on a simulated camera; picture and figures in demo_output/
# make test   lint and all tests; ROS=kilted runs them on the wheels of ROS 2 Kilted
# make test-install  builds by colcon and pip in new environments: minutes, some GB
# make clean  remove what these made
PYTHON ?= python3
ROS ?= jazzy
VENV := $(if $(filter jazzy,$(ROS)),.venv,.venv-$(ROS))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGED := setup.py setup.cfg package.xml ros2_lite/pyproject.toml
METHOD ?= fdkn
SCALE ?= 8
DURATION ?= 15

.PHONY: demo test test-install lint clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" ros2 launch depth_sr_ros demo.launch.py \
		method:=$(METHOD) scale:=$(SCALE) duration:=$(DURATION) output_dir:=demo_output

test: lint
	$(BIN)/python -m pytest test ros2_lite/test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-install: $(READY)
	$(BIN)/python test/packaging/try_colcon.py
	$(BIN)/python test/packaging/try_pip.py

# Sources are linked, not copied, by their path: Python then takes the package for one beside a clone of that name too.
# A changed dependency installs anew. Real ROS 2: a sourced one, else wheels.
$(READY): Makefile requirements.txt requirements-$(ROS).txt ros2_lite/interfaces/tf2_msgs/CMakeLists.txt $(PACKAGED)
	@$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info[:2] <= (3, 13), \
		f"Python {sys.version.split()[0]}: 3.10 to 3.13 is needed; name one by PYTHON=..."'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing 1.9 GB of Python packages into $(VENV): some minutes, the first time only"
	$(BIN)/python -m pip install --requirement requirements.txt
	@if $(BIN)/python -c 'import os, rclpy; assert os.environ.get("ROS_DISTRO")' 2> /dev/null; then \
		echo "using the ROS 2 that is sourced: $$ROS_DISTRO"; \
	elif [ "$$(uname -sm)" = "Linux x86_64" ]; then \
		$(BIN)/python -m pip install --requirement requirements-$(ROS).txt && $(BIN)/python ros2_lite/interfaces/build.py; \
	else \
		echo "no rclpy for $$(uname -sm) on PyPI: install ROS 2 (https://docs.ros.org) and source its setup.bash"; \
		exit 1; \
	fi
	$(BIN)/python -m pip install --quiet "pip>=22.1"  # knows --config-settings
	$(BIN)/python -m pip install --quiet --no-deps --config-settings editable_mode=compat --editable . --editable ./ros2_lite
	mkdir -p $(VENV)/share/ament_index/resource_index/packages
	ln -sfn "$(CURDIR)" $(VENV)/share/depth_sr_ros
	ln -sfn "$(CURDIR)/resource/depth_sr_ros" $(VENV)/share/ament_index/resource_index/packages/depth_sr_ros
	touch $(READY)

clean:
	rm -rf .venv .venv-* demo_output build install log *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
