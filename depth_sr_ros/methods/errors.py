"""What can be wrong with the choice of a method; each message names the valid choices."""


class MethodError(ValueError):
    """A method cannot be had as it was asked for."""


class UnknownMethod(MethodError):
    """There is no method of that name."""


class UnsupportedScale(MethodError):
    """The method does not work at that scale."""


class MissingWeights(MethodError):
    """The method has no weights for that scale here."""
