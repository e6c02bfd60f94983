"""Actions of launch."""

import os

from launch.action import Action
from launch.event_handlers import OnProcessExit
from launch.events import ProcessExited
from launch.events import Shutdown as ShutdownEvent
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.process import Process
from launch.substitution import describe, perform

__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
]


class DeclareLaunchArgument(Action):
    """An argument of the launch file: required where it has no default, one of `choices` where these are given."""

    def __init__(self, name, *, default_value=None, description=None, choices=None, **kwargs):
        super().__init__(**kwargs)
        self.name, self.default_value, self.choices = name, default_value, choices
        self.description = description or "no description given"

    def execute(self, context):
        values = context.launch_configurations
        if self.name not in values:
            if self.default_value is None:
                raise RuntimeError(
                    f"required launch argument '{self.name}' (description: '{self.description}') was not provided"
                )
            values[self.name] = perform(context, self.default_value)
        if self.choices is not None and values[self.name] not in self.choices:
            raise RuntimeError(
                f"argument '{self.name}' provided value '{values[self.name]}' is not valid. "
                f"Valid options are: {list(self.choices)}"
            )

    def help(self):
        """What `--show-args` says of it."""
        choices = "" if self.choices is None else f" Valid choices are: {list(self.choices)}"
        default = "" if self.default_value is None else f"\n        (default: {describe(self.default_value)})"
        return f"    '{self.name}':\n        {self.description}{choices}{default}"


class SetLaunchConfiguration(Action):
    def __init__(self, name, value, **kwargs):
        super().__init__(**kwargs)
        self._name, self._value = name, value

    def execute(self, context, values="launch_configurations"):
        getattr(context, values)[perform(context, self._name)] = perform(context, self._value)


class SetEnvironmentVariable(SetLaunchConfiguration):
    """Of the processes that are started after this, within the same group."""

    def execute(self, context):
        super().execute(context, "environment")


class LogInfo(Action):
    def __init__(self, *, msg, **kwargs):
        super().__init__(**kwargs)
        self._msg = msg

    def execute(self, context):
        context.service.output.say("INFO", "launch.user", perform(context, self._msg))


class OpaqueFunction(Action):
    """Visits the entities that `function(context, *args, **kwargs)` returns."""

    def __init__(self, *, function, args=(), kwargs=None, **options):
        super().__init__(**options)
        self._function, self._args, self._kwargs = function, args, kwargs or {}

    def execute(self, context):
        return self._function(context, *self._args, **self._kwargs)


class _PopScope(Action):
    def execute(self, context):
        context.pop_scope()


class GroupAction(Action):
    """Actions together; where it is `scoped`, what they set in configurations and environment ends with them."""

    def __init__(self, actions, *, scoped=True, launch_configurations=None, **kwargs):
        super().__init__(**kwargs)
        self.actions, self._scoped, self._configurations = list(actions), scoped, dict(launch_configurations or {})

    def execute(self, context):
        if self._scoped:
            context.push_scope()
        settings = [SetLaunchConfiguration(name, value) for name, value in self._configurations.items()]
        return [*settings, *self.actions, *([_PopScope()] if self._scoped else [])]


class IncludeLaunchDescription(Action):
    """Another launch file with its arguments; as in ROS 2 these stay set, unless a GroupAction is around it."""

    def __init__(self, launch_description_source, *, launch_arguments=None, **kwargs):
        super().__init__(**kwargs)
        is_source = hasattr(launch_description_source, "get_launch_description")
        self.source = launch_description_source if is_source else PythonLaunchDescriptionSource(launch_description_source)
        self.launch_arguments = list(launch_arguments or ())

    def execute(self, context):
        settings = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        return [*settings, self.source.get_launch_description(context)]


class EmitEvent(Action):
    def __init__(self, *, event, **kwargs):
        super().__init__(**kwargs)
        self._event = event

    def execute(self, context):
        if isinstance(self._event, ShutdownEvent):
            context.service.shutdown(self._event)
        else:
            context.emit_event(self._event)


class Shutdown(EmitEvent):
    """Ends the launch: what is to come is dropped, every process is stopped."""

    def __init__(self, *, reason="reason not given", **kwargs):
        super().__init__(event=ShutdownEvent(reason=reason), **kwargs)


class RegisterEventHandler(Action):
    def __init__(self, event_handler, **kwargs):
        super().__init__(**kwargs)
        self._event_handler = event_handler

    def execute(self, context):
        context.event_handlers.append(self._event_handler)


class TimerAction(Action):
    """Visits the actions after `period` seconds, unless a shutdown comes first."""

    def __init__(self, *, period, actions, **kwargs):
        super().__init__(**kwargs)
        self._period, self._actions = period, list(actions)

    def execute(self, context):
        seconds = self._period if isinstance(self._period, (int, float)) else perform(context, self._period)
        context.service.call_later(float(seconds), lambda: [context.visit(action) for action in self._actions])


class ExecuteProcess(Action):
    """Starts a process.

    cmd: list of arguments, each a text, a substitution or a list of them. output: "log" (what it writes to stderr is
    shown, stdout goes to the log file), "screen" or "both" (all is shown and logged). on_exit: what to visit when it
    has ended, `Shutdown()` for a process without which the others are of no use.
    """

    def __init__(
        self,
        *,
        cmd,
        name=None,
        cwd=None,
        env=None,
        additional_env=None,
        shell=False,
        output="log",
        on_exit=None,
        sigterm_timeout=5.0,
        sigkill_timeout=5.0,
        condition=None,
    ):
        super().__init__(condition=condition)
        self.cmd, self._name, self._cwd, self._shell = list(cmd), name, cwd, shell
        self._env, self._additional_env, self._output = env, additional_env, output
        self._on_exit, self._sigterm_timeout, self._sigkill_timeout = on_exit, sigterm_timeout, sigkill_timeout

    def command(self, context):
        """The arguments, the program first."""
        return [perform(context, part) for part in self.cmd]

    def execute(self, context):
        if context.is_shutdown:
            return
        service, cmd = context.service, self.command(context)
        output = perform(context, self._output)
        if output not in ("screen", "log", "both"):
            raise ValueError(f"output is 'screen', 'log' or 'both', not '{output}'")
        name = f"{os.path.basename(perform(context, self._name or cmd[0]))}-{service.next_process_number()}"
        process = Process(
            name,
            " ".join(cmd) if self._shell else cmd,
            output=service.output,
            screen=output != "log",
            on_exit=lambda code: service.call_soon(
                lambda: self._exited(
                    context, process, ProcessExited(action=self, name=name, cmd=cmd, pid=process.pid, returncode=code)
                )
            ),
            shell=self._shell,
            cwd=self._cwd and perform(context, self._cwd),
            env=self._environment(context),
        )
        service.running[process] = self
        service.output.say("INFO", name, f"process started with pid [{process.pid}]")

    def stop(self, process, service):
        """Ask the process to end, then make it."""
        process.stop(
            service.call_later,
            sigterm_timeout=float(self._sigterm_timeout),
            sigkill_timeout=float(self._sigkill_timeout),
        )

    def _environment(self, context):
        given = [context.environment if self._env is None else self._env, self._additional_env or {}]
        return {perform(context, name): perform(context, value) for values in given for name, value in values.items()}

    def _exited(self, context, process, event):
        service = context.service
        del service.running[process]
        if event.returncode == 0:
            service.output.say("INFO", event.process_name, f"process has finished cleanly [pid {event.pid}]")
        else:
            service.output.say(
                "ERROR",
                event.process_name,
                f"process has died [pid {event.pid}, exit code {event.returncode}, cmd '{' '.join(event.cmd)}'].",
            )
            service.return_code = service.return_code or int(not context.is_shutdown)
        for entity in OnProcessExit(on_exit=self._on_exit).handle(event, context):
            context.visit(entity)
        context.emit_event(event)
