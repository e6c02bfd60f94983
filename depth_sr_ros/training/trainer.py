"""One training run: from a recipe to a weights file."""

import math
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from depth_sr_ros.methods.base import Method
from depth_sr_ros.methods.errors import MethodError
from depth_sr_ros.methods.quantisation import quantise
from depth_sr_ros.methods.registry import method_class
from depth_sr_ros.methods.weights import Manifest, save_weights
from depth_sr_ros.system.system_info import cores, cpu_flags
from depth_sr_ros.training.checkpoint import load_checkpoint, save_checkpoint
from depth_sr_ros.training.device_batches import DeviceBatches, Scenes, fits, one_thread
from depth_sr_ros.training.guide_ablation import GUIDE_IGNORED, guide_ablation
from depth_sr_ros.training.initialisation import read_initialisation, weights_file
from depth_sr_ros.training.losses import training_loss
from depth_sr_ros.training.optimiser import make_optimiser
from depth_sr_ros.training.precision import computed_in
from depth_sr_ros.training.recipe import Recipe, RecipeError, identity
from depth_sr_ros.training.samples import Samples, ScalesInTurn, sample_seed
from depth_sr_ros.training.scene_pool import ScenePool
from depth_sr_ros.training.teacher import Teachers

VALIDATION_SEED = 900_001  # no training pool may have it: these scenes are held out
VALIDATION_SAMPLES = 48
VALIDATE_EVERY = 1000  # steps; also how often a checkpoint is written
READ_EVERY = 20  # steps; how often a GPU is waited for to look at the loss
MOST_WORKERS = 32  # each keeps BATCHES_AHEAD batches in shared memory, and a file descriptor for each of their tensors
BATCHES_AHEAD = 4


class DivergedError(ValueError):
    """A run has come to numbers that are not finite; the message says where. What it wrote before stays."""


def runs(recipe: Recipe) -> tuple[int | None, ...]:
    """Return the scales whose weights are trained one after the other; None alone where one file serves any scale."""
    return (None,) if method_class(recipe.method).any_scale else recipe.scales


def files_of(recipe: Recipe, scale: int | None, folder: Path) -> tuple[Path, Path, Path]:
    """Return what one of `runs(recipe)` writes: checkpoint, weights and their manifest."""
    name = recipe.name if scale is None else f"{recipe.name}_x{scale}"
    return folder / f"{name}.checkpoint.safetensors", folder / f"{name}.safetensors", folder / f"{name}.json"


def workers_for(device: str, core_count: int) -> int:
    """How many processes make samples: one beside a network on the CPU, which needs the cores; for a GPU one a core."""
    return min(core_count, MOST_WORKERS) if device == "cuda" else 1


class Trainer:
    """Trains one weights file; `run` goes on where a checkpoint in `folder` stands.

    Args:
        recipe: what to do.
        scale: one of `runs(recipe)`: one of the recipe's scales, or None to train on all of them in turn.
        folder: for the checkpoint and the result; made when needed.
        workers: processes that make samples; they decide nothing but speed. 0: this one; None: see `workers_for`.
        pool: folder of rendered scenes; None: the user's cache.
        device: "cpu" or "cuda"; None: the GPU where there is one.

    Attributes:
        recipe: what is done at this scale.
        done: steps that have been taken; saved: those that the last checkpoint has.
        checkpoint: the file that says where the run stands.
        result: the weights file that comes out; its manifest lies beside it.

    Raises:
        RecipeError: the recipe has no such run, or an entry does not fit its method or a file that it names.
        MethodError: a weights file that the recipe names is damaged or another's.
    """

    def __init__(
        self,
        recipe: Recipe,
        scale: int | None,
        folder: Path,
        workers: int | None = None,
        pool: Path | None = None,
        device: str | None = None,
    ) -> None:
        check_scale(recipe, scale)
        recipe = recipe.at(scale)
        if recipe.seed == VALIDATION_SEED:
            raise recipe.error("seed", "which is that of the validation scenes: choose another")
        self.recipe, self.scale, self.folder, self.pool, self.done, self.saved = recipe, scale, folder, pool, 0, 0
        self.scales = recipe.scales if scale is None else (scale,)
        self.checkpoint, self.result, _ = files_of(recipe, scale, folder)
        self.name = self.result.stem
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.workers = workers_for(self.device.type, cores()) if workers is None else workers
        self.precision = computed_in(recipe.precision, self.device.type, cpu_flags())
        torch.manual_seed(recipe.seed)
        self.model = self._new_model().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._start_words = self._begin()
        self._start = self._copy() if recipe.blend != 1 else {}
        self.teachers = {one: self._teachers_at(one) for one in set(self.scales)} if recipe.teachers else {}
        self.average = self._copy()
        self.optimiser = make_optimiser(recipe.optimiser, self.model.parameters(), recipe.learning_rate, recipe.weight_decay)

    def run(self, seconds: float = math.inf) -> Manifest:
        """Train to the end, or for about `seconds`; validate, export; return the manifest of the weights.

        What has stopped goes on when it is run again.

        Raises:
            DivergedError: the loss or the validation is not finite.
            RecipeError: the crop or the loss does not fit the scale or the method.
            OSError: something cannot be written.
            ValueError: the checkpoint is damaged, or another recipe's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.precision != self.recipe.precision:
            print(f"computing in {self.precision}: without AMX this CPU would take longer in {self.recipe.precision}")
        recipe = identity(self.recipe)
        self.done = self.saved = load_checkpoint(
            self.checkpoint, recipe, self.recipe.steps, self.model, self.average, self.optimiser
        )
        started, validation = time.monotonic(), float("nan")
        with tqdm(total=self.recipe.steps, initial=self.done, unit="step", desc=self.name) as bar:
            for step, batch in enumerate(self._batches(self.done), start=self.done):
                loss = self._step(step, batch)
                self.done = step + 1
                bar.update()
                if step % READ_EVERY == 0:
                    bar.set_postfix(loss=f"{loss.item():.5f}", validation=f"{validation:.3f}", refresh=False)
                ends = self.done == self.recipe.steps or time.monotonic() - started > seconds
                if ends or self.done % VALIDATE_EVERY == 0:
                    self._check_finite("loss", loss.item(), step)
                    validation = self.validate()
                    save_checkpoint(self.checkpoint, self.done, recipe, self.model, self.average, self.optimiser)
                    self.saved = self.done
                    manifest = self.export(self.done, validation, time.monotonic() - started)
                if ends:
                    self._warn_if_guide_ignored()
                    return manifest
        return self.export(self.done, self.validate(), time.monotonic() - started)  # there was nothing left to do

    @torch.no_grad()
    def validate(self) -> float:
        """RMSE of the outcome on the held-out scenes, mean over images, in 255ths of the range.

        Raises:
            DivergedError: it is not finite.
        """
        model = self._finished()
        total = 0.0
        for guide, lr_depth, ground_truth in self._validation_samples:
            total += (model.estimate(guide, lr_depth) - ground_truth).square().nanmean().sqrt().item() * 255
        validation = total / len(self._validation_samples)
        self._check_finite("validation RMSE", validation, self.done - 1)
        return validation

    def _finished(self) -> Method:
        """The method with what the run has come to, in eval mode."""
        model = self._new_model().eval()
        model.load_state_dict(self._outcome())
        return model

    def _warn_if_guide_ignored(self) -> None:
        model = self._finished()
        share = guide_ablation(model, self._validation_samples)
        if share > GUIDE_IGNORED:
            print(
                f"{self.name} does not look at the guide: with a grey one its validation RMSE is {1 / share:.4f} times as "
                "large. Units have died, or have not learnt yet: try a lower learning_rate, or begin with streams that see"
            )

    @cached_property
    def _validation_samples(self) -> list[list[Tensor]]:
        """The held-out samples as batches of one, on the device: they never change and take seconds to make."""
        samples = self._samples(VALIDATION_SEED, VALIDATION_SAMPLES, VALIDATION_SAMPLES, batch=1)
        return [[tensor[None].to(self.device) for tensor in samples[index]] for index in range(len(samples))]

    def export(self, steps: int, validation: float, seconds: float) -> Manifest:
        """Write the outcome, in 8 bits, and its manifest.

        Raises:
            OSError: they cannot be written.
        """
        device = torch.cuda.get_device_name() if self.device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
        manifest = Manifest(
            method=self.recipe.method,
            scale=self.scale,
            sha256="",
            config=self.recipe.config,
            recipe=self.recipe.name,
            data=f"{self.recipe.scenes} generated scenes, seed {self.recipe.seed}",
            trained=(
                f"{steps} steps of {self.recipe.batch} samples at {', '.join(f'x{scale}' for scale in self.scales)} "
                f"in {self.precision} on {device}; last part {seconds / 60:.0f} minutes{self._start_words}"
                f"{self._teacher_words()}{self._blend_words()}"
            ),
            accuracy={"validation_rmse_255": round(validation, 4)},
            degradation=self.recipe.weights_for,
        )
        try:
            return save_weights(self.result, quantise(self._outcome()), manifest)
        except SafetensorError as error:
            raise OSError(f"cannot write weights {self.result}: {error}") from None

    def _step(self, step: int, batch: Sequence[Tensor]) -> Tensor:
        guide, lr_depth, ground_truth = (
            tensor.to(self.device, memory_format=torch.channels_last, non_blocking=True) for tensor in batch
        )
        generator = torch.Generator().manual_seed(sample_seed(self.recipe.seed, step))
        if self.teachers:
            ground_truth = self.teachers[guide.shape[-1] // lr_depth.shape[-1]].target(guide, lr_depth, ground_truth, generator)
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * self._rate(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            estimate, target = self.model.training_estimate(guide, lr_depth, ground_truth, generator)
        if target.shape != ground_truth.shape:
            self._check_neighbours_unneeded(target[0].numel())
        recipe = self.recipe
        loss = training_loss(estimate.float(), target, recipe.rmse_share, recipe.gradient_share, recipe.tolerant_share)
        if self.device.type == "cpu" or step % READ_EVERY == 0:
            self._check_finite("loss", loss.item(), step)  # NaN coordinates crash the backward pass on a CPU
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.gradient_clip)
        self.optimiser.step()
        self._update_average(step)
        return loss.detach()

    def _check_neighbours_unneeded(self, pixels: int) -> None:
        """Refuse losses that compare neighbours where a method learns from so many single pixels an image."""
        for entry in ("gradient_share", "tolerant_share"):
            if getattr(self.recipe, entry):
                learns = f"{self.recipe.method} learns from {pixels} single pixels an image, which have no"
                raise self.recipe.error(entry, f"it must be 0: {learns} {'gradients' if entry[0] == 'g' else 'neighbours'}")

    def _check_finite(self, what: str, value: float, step: int) -> None:
        if math.isfinite(value):
            return
        rate = self.recipe.learning_rate * self._rate(step)
        raise DivergedError(
            f"{self.name} has diverged: the {what} is {value} at step {step + 1} of {self.recipe.steps}, at a learning "
            f"rate of {rate:.3g}; the last checkpoint and weights stay. "
            "Lower the recipe's learning_rate or gradient_clip"
        )

    @torch.no_grad()
    def _update_average(self, step: int) -> None:
        decay = min(self.recipe.average, (step + 1) / (step + 10))  # at first the mean must follow quickly
        state = self.model.state_dict()
        learnt = [name for name, tensor in state.items() if tensor.is_floating_point()]
        # All in one call: on a GPU one for each of some hundred tensors would take as long as many a step.
        get_ema_multi_avg_fn(decay)([self.average[name] for name in learnt], [state[name] for name in learnt], None)
        for name in state.keys() - learnt:
            self.average[name].copy_(state[name])

    def _rate(self, step: int) -> float:
        """Share of the learning rate: linear warm-up, then a cosine down to `final_rate`."""
        warmup, final = self.recipe.warmup, self.recipe.final_rate
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, self.recipe.steps - warmup)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    def _batches(self, done: int) -> Iterable[Sequence[Tensor]]:
        """The batches from step `done` to the end of the run, in one pass: workers live as long as it does."""
        recipe = self.recipe
        samples = self._samples(recipe.seed, recipe.scenes, recipe.steps * recipe.batch, recipe.batch)
        if self.device.type == "cuda" and fits(recipe.scenes, recipe.degradation, torch.cuda.mem_get_info()[0]):
            scenes = Scenes(ScenePool(recipe.seed, self.pool), recipe.scenes, self.workers, self.device)
            return DeviceBatches(
                scenes, self.scales, recipe.batch, recipe.crop, recipe.seed, recipe.degradation, done, recipe.steps
            )
        rest = range(done * recipe.batch, len(samples))
        return DataLoader(
            samples,
            recipe.batch,
            sampler=rest,
            num_workers=self.workers,
            drop_last=True,
            worker_init_fn=one_thread,
            prefetch_factor=BATCHES_AHEAD if self.workers else None,
            pin_memory=self.device.type == "cuda",  # so that copies to the GPU wait for nothing
        )

    def _samples(self, seed: int, scenes: int, length: int, batch: int) -> ScalesInTurn:
        crop, degradation = self.recipe.crop, self.recipe.degradation
        try:
            each = [Samples(scale, crop, seed, scenes, length, degradation, self.pool) for scale in self.scales]
        except ValueError as error:
            raise RecipeError(f"recipe {self.recipe.name}: {error}") from None
        return ScalesInTurn(each, batch)

    def _new_model(self) -> Method:
        """The method as its class makes it of the recipe's config."""
        method, config = self.recipe.method, self.recipe.config
        try:
            model = method_class(method)(self.scales[0], **config)
        except MethodError:  # it says what is missing, an encoder's weights say
            raise
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise RecipeError(f"recipe {self.recipe.name}: config {config} does not fit {method}: {why}") from None
        return model.to(self.device)

    def _begin(self) -> str:
        """Begin with the weights that the recipe names; return words on them for the manifest."""
        if not self.recipe.initialise_from:
            return ""
        state, words = read_initialisation(self.recipe, self.scale, self.model.state_dict())
        self.model.load_state_dict(state, strict=False)  # all of them fit; where they are parts, there are others
        return f"; {words}"

    def _copy(self) -> dict[str, Tensor]:
        """What the model is now."""
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def _teacher_words(self) -> str:
        scale = "N" if self.scale is None else str(self.scale)
        names = ", ".join(Path(file).name.replace("{scale}", scale) for file in self.recipe.teachers)
        return f"; {self.recipe.teacher_share:.0%} of the ground truth from {names}" if names else ""

    def _blend_words(self) -> str:
        return f"; {self.recipe.blend:.0%} of the result, the rest what it began with" if self.recipe.blend != 1 else ""

    def _teachers_at(self, scale: int) -> Teachers:
        files = [weights_file(self.recipe, "teachers", file, scale) for file in self.recipe.teachers]
        return Teachers(files, scale, self.recipe.teacher_share, self.device, self.precision)

    def _outcome(self) -> dict[str, Tensor]:
        """What the run has come to: the averaged weights, blended with those that it began with."""
        if self.recipe.blend == 1:
            return self.average
        return {
            name: torch.lerp(self._start[name], tensor, self.recipe.blend) if tensor.is_floating_point() else tensor
            for name, tensor in self.average.items()
        }


def check_scale(recipe: Recipe, scale: int | None) -> None:
    """Refuse what is none of `runs(recipe)`.

    Raises:
        RecipeError: the message says which scales there are.
    """
    if method_class(recipe.method).any_scale and scale is not None:
        raise RecipeError(
            f"weights of {recipe.method} serve any scale: recipe {recipe.name} trains them on all of {recipe.scales} "
            f"in one run, so leave out the scale {scale}"
        )
    if scale is None and recipe.at_scale:
        raise RecipeError(f"recipe {recipe.name} trains all scales in one run: at_scale would have no effect")
    if scale not in runs(recipe):
        raise RecipeError(f"recipe {recipe.name} trains scales {recipe.scales}, not {scale}")
