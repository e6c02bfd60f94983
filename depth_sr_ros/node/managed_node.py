"""The lifecycle of /depth_sr: transitions, and what becomes of errors in them. What it does is in depth_sr.py."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from threading import Event

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from depth_sr_ros.backends import BackendError
from depth_sr_ros.node.bond import bond_of
from depth_sr_ros.node.depth_sr import DepthSr
from depth_sr_ros.node.stopping import raise_if
from depth_sr_ros.node.texts import one_line


class ManagedNode(LifecycleNode):
    """A lifecycle node around DepthSr.

    A transition that cannot be made, for the parameters' or the machine's sake, fails with its reason in the log: the node
    stays in the state that it was in, alive for another try.

    Raises:
        ParameterError: a parameter has a value that it can never have.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._work = DepthSr(self)
        self._bond = None
        self._starting = False
        self._failure: Exception | None = None

    @property
    def autostart(self) -> bool:
        """Whether it shall configure and activate itself."""
        return self._work.autostart

    def start(self, stop: Event) -> None:
        """Configure and activate, unless the event is set meanwhile.

        Raises:
            ParameterError, MethodError, BackendError: it cannot, and why.
            Interrupted: the event is set.
        """
        self._starting = True
        for transition in (self.trigger_configure, self.trigger_activate):
            raise_if(stop)
            transition()
            if self._failure is not None:
                raise self._failure
        self._starting = False

    def close(self) -> bool:
        """Let go of everything that was configured; whether all threads have ended."""
        return self._work.release()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, load the weights, offer the outputs."""
        return self._try("configure", self._work.configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and serve."""
        return self._try("activate", self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe; the engine stays."""
        return self._try("deactivate", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the engine and the outputs."""
        return self._try("clean up", self._release)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of everything."""
        return self._try("shut down", self._release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin anew, unconfigured, after an error that nobody has foreseen."""
        return self._try("recover", self._release)

    def _activate(self) -> None:
        self._work.activate()
        self._bond = bond_of(self)

    def _deactivate(self) -> None:
        self._break_bond()
        self._work.deactivate()

    def _release(self) -> None:
        self._break_bond()
        self._work.release()

    def _try(self, what: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except (ValueError, OSError, BackendError) as error:  # ParameterError and MethodError are ValueErrors
            self._failed(what, one_line(error), error)
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001  rclpy would swallow it without a word
            self._failed(what, "".join(traceback.format_exception(error)), error)
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _failed(self, what: str, text: str, error: Exception) -> None:
        if self._starting:  # start() raises it
            self._failure = error
        else:
            self.get_logger().error(f"cannot {what}: {text}")

    def _break_bond(self) -> None:
        bond, self._bond = self._bond, None
        if bond is not None:
            bond.shutdown()
