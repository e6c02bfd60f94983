"""ros2 node"""

from ros2_lite.cli import direct, verbs


def add_arguments(parser):
    verbs(
        parser,
        list=(list_, "list the nodes there are", ("-a --all", {"action": "store_true", "help": "hidden ones, too"})),
        info=(info, "what a node publishes, subscribes and serves", ("node_name", {"help": "full name of the node"})),
    )


def list_(args):
    with direct.cli_node() as node:
        for name in direct.node_names(node, hidden=args.all):
            print(name)


def info(args):
    with direct.cli_node() as node:
        name, namespace = direct.split_name(node, args.node_name)
        print(f"{namespace.rstrip('/')}/{name}")
        for title, look_up in (
            ("Subscribers", node.get_subscriber_names_and_types_by_node),
            ("Publishers", node.get_publisher_names_and_types_by_node),
            ("Service Servers", node.get_service_names_and_types_by_node),
            ("Service Clients", node.get_client_names_and_types_by_node),
        ):
            print(f"  {title}:")
            print("\n".join(f"    {topic}: {', '.join(types)}" for topic, types in sorted(look_up(name, namespace))))
