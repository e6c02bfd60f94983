"""Optimisers: AdamW, and Muon, which takes fewer steps to the same loss where most weights are matrices."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.adamw import adamw

OPTIMISERS = ("adamw", "muon")
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the odd polynomial that draws singular values from (0, 1] towards 1
ITERATIONS = 5
SMALLEST_SIDE = 16  # of what counts as a matrix
UPDATE_RMS = 0.2  # of an update at rate 1, as AdamW's (Liu et al., Muon is scalable for LLM training, section 2.2)


def make_optimiser(
    name: str, parameters: Iterable[Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Return the optimiser of that name, one of OPTIMISERS."""
    kinds = {"adamw": torch.optim.AdamW, "muon": Muon}
    return kinds[name](parameters, lr=learning_rate, weight_decay=weight_decay)


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates for matrices, AdamW for all other parameters.

    For a matrix W with gradient G, after Jordan et al., Muon: an optimizer for hidden layers in neural networks (2024),
    with Nesterov's momentum:

        M <- m M + (1 - m) G
        W <- W - lr * 0.2 * sqrt(max(rows, columns)) * orthogonal((1 - m) G + m M)

    The factor makes the update as large as AdamW's, so that both take the same rates. A convolution's kernel (out, in,
    ...) is a matrix of `out` rows. What has a side below SMALLEST_SIDE counts as no matrix: it has few directions to
    make equal.

    Args:
        parameters: what is trained.
        lr: learning rate, of matrices and others.
        weight_decay: as AdamW's: every step multiplies the weights by 1 - lr * weight_decay.
        momentum: m, for matrices.
        betas, eps: AdamW's, for the others.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "betas": betas, "eps": eps}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure: nothing here needs one
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            learning = [parameter for parameter in group["params"] if parameter.grad is not None]
            self._step_matrices([parameter for parameter in learning if is_matrix(parameter)], group)
            self._step_others([parameter for parameter in learning if not is_matrix(parameter)], group)

    def _step_matrices(self, parameters: list[Parameter], group: dict) -> None:
        by_sides: dict[tuple[int, int], list[Parameter]] = {}  # alike ones at once: a GPU is slow at small products
        for parameter in parameters:
            by_sides.setdefault(sides(parameter), []).append(parameter)
        for size, alike in by_sides.items():
            directions = orthogonal(torch.stack([self._momentum(one, group["momentum"]).flatten(1) for one in alike]))
            rate = group["lr"] * UPDATE_RMS * max(size) ** 0.5
            for parameter, direction in zip(alike, directions):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(direction.view_as(parameter), alpha=-rate)

    def _momentum(self, parameter: Parameter, momentum: float) -> Tensor:
        """Take the gradient into the momentum; return it one step ahead, as Nesterov has it."""
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        gradient = parameter.grad
        assert gradient is not None, "a parameter without a gradient is left out"
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)

    def _step_others(self, parameters: list[Parameter], group: dict) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter] = {
                    "step": torch.zeros(()),  # on the CPU, where it is read without waiting for a GPU
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            list[Tensor](parameters),
            [parameter.grad for parameter in parameters if parameter.grad is not None],  # which none is: see `step`
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            max_exp_avg_sqs=[],
            state_steps=[state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def is_matrix(parameter: Tensor) -> bool:
    """Whether it has two or more dimensions and both sides are SMALLEST_SIDE or more."""
    return parameter.dim() >= 2 and min(sides(parameter)) >= SMALLEST_SIDE


def sides(parameter: Tensor) -> tuple[int, int]:
    """Rows and columns of a parameter whose dimensions after the first are flattened."""
    rows = parameter.shape[0]
    return rows, parameter.numel() // rows


def orthogonal(matrices: Tensor) -> Tensor:
    """Replace the singular values of matrices by values from about 0.68 to 1.2, by a Newton-Schulz iteration.

        X <- a X + b (X X^T) X + c (X X^T)^2 X

    The coefficients of Jordan et al. trade exactness for few iterations. On a GPU it is in bfloat16, which is exact
    enough and many times faster.

    Args:
        matrices: (N, rows, columns). Singular values under some hundredth of a matrix's norm come out smaller.

    Returns:
        (N, rows, columns), float32, on a GPU bfloat16.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices  # so that X X^T is the smaller of the two products
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    if x.is_cuda:
        x = x.bfloat16()
        for _ in range(ITERATIONS):
            gram = x @ x.mT
            x = a * x + (b * gram + c * gram @ gram) @ x
    else:
        x = _polynomial_of(x @ x.mT) @ x
    return x.mT if tall else x


def _polynomial_of(gram: Tensor) -> Tensor:
    """Return P with P X the outcome of the iteration, from X X^T: (N, n, n) -> (N, n, n), float32.

    Every factor a + b G + c G^2 is a polynomial of the first Gram matrix, so all of them commute: the next Gram matrix is
    the factor's square times this one. The wide X is multiplied once in place of twice an iteration. It wants the digits
    of float32.
    """
    a, b, c = COEFFICIENTS
    product = one = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device).expand_as(gram)
    for _ in range(ITERATIONS):
        factor = a * one + b * gram + c * gram @ gram
        product = factor @ product
        gram = factor @ factor @ gram
    return product
