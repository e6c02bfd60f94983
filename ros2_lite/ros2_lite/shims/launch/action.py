"""What a launch file is made of."""


class Action:
    """Something that a launch file does when it is visited, unless its condition says no."""

    def __init__(self, *, condition=None):
        self.condition = condition

    def visit(self, context):
        """Execute where the condition holds; returns the entities to visit next, or None."""
        if self.condition is None or self.condition.evaluate(context):
            return self.execute(context)
        return None

    def execute(self, context):
        """Do it; returns the entities to visit next, or None."""
        raise NotImplementedError(f"{type(self).__name__}.execute")


class LaunchDescription:
    """Entities that are visited in their order, depth first."""

    def __init__(self, initial_entities=()):
        self.entities = list(initial_entities)

    def add_action(self, action):
        self.entities.append(action)

    add_entity = add_action

    def visit(self, context):
        return self.entities
