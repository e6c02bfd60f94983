"""Why there is no transform."""


class TransformException(Exception):
    """The base of all."""


class LookupException(TransformException):
    """A frame is not known."""


class ConnectivityException(TransformException):
    """The two frames are known, but nothing connects them."""


class ExtrapolationException(TransformException):
    """The transform is known at other times only."""


class InvalidArgumentException(TransformException):
    """A transform that is none: no frame names, the same frame twice, a rotation that is no unit quaternion."""
