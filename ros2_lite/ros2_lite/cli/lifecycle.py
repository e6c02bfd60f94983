"""ros2 lifecycle"""

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState

from ros2_lite.cli import CliError, direct, verbs


def add_arguments(parser):
    node = ("node_name", {"help": "full name of the node"})
    verbs(
        parser,
        nodes=(nodes, "list the managed nodes there are"),
        get=(get, "show the state of one managed node or of all", ("node_name", {"nargs": "?"})),
        set=(set_, "lead a managed node through a transition", node, ("transition", {"help": "configure, activate ..."})),
        list=(list_, "show the transitions that a managed node can make now", node),
    )


def nodes(args):
    with direct.cli_node() as node:
        print(*_managed(node), sep="\n")


def get(args):
    with direct.cli_node(settle=not args.node_name) as node:
        if args.node_name:
            print(_state(node, args.node_name))
            return
        for name in _managed(node):
            print(f"{name}: {_state(node, name)}")


def set_(args):
    with direct.cli_node(settle=False) as node:
        possible = {transition.label: transition.id for transition in _transitions(node, args.node_name)}
        if args.transition not in possible:
            raise CliError(f"Unknown transition requested, available ones are: {', '.join(possible) or 'none'}")
        transition = Transition(id=possible[args.transition], label=args.transition)
        if not direct.call(node, args.node_name, ChangeState, "change_state", transition=transition).success:
            raise CliError("Transitioning failed")
    print("Transitioning successful")


def list_(args):
    with direct.cli_node(settle=False) as node:
        for transition in _transitions(node, args.node_name):
            print(f"- {transition.label} [{transition.id}]")


def _managed(node):
    services = {name for name, _ in node.get_service_names_and_types()}
    return [name for name in direct.node_names(node) if f"{name}/get_state" in services]


def _state(node, node_name):
    state = direct.call(node, node_name, GetState, "get_state").current_state
    return f"{state.label} [{state.id}]"


def _transitions(node, node_name):
    answer = direct.call(node, node_name, GetAvailableTransitions, "get_available_transitions")
    return [available.transition for available in answer.available_transitions]
