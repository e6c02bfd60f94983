# make demo   the whole pipeline on a simulated camera; picture and figures in demo_output/
# make test   all tests
# make clean  remove what these made
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGED := setup.py setup.cfg package.xml $(wildcard launch/*.py config/*.yaml config/recipes/*.yaml) \
            ros2_lite/pyproject.toml
METHOD ?= fdkn
SCALE ?= 8
DURATION ?= 15

.PHONY: demo test clean

demo: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" ros2 launch depth_sr_ros demo.launch.py \
		method:=$(METHOD) scale:=$(SCALE) duration:=$(DURATION) output_dir:=demo_output

test: $(READY)
	$(BIN)/python -m pytest test ros2_lite/test

# Sources are linked, not copied; a changed launch file, recipe or dependency installs anew.
$(READY): requirements.txt $(PACKAGED)
	@$(PYTHON) -c 'import sys; assert (3, 10) <= sys.version_info[:2] <= (3, 13), \
		f"Python {sys.version.split()[0]}: 3.10 to 3.13 is needed; name one by PYTHON=..."'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing 1.6 GB of Python packages into $(VENV): some minutes, the first time only"
	$(BIN)/python -m pip install --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable . --editable ./ros2_lite
	touch $(READY)

clean:
	rm -rf $(VENV) demo_output build install log *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
