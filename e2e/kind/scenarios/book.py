"""The list of scenarios: a sentence each, whether it belongs to the core that CI runs, and whether clients work meanwhile. Pure."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One thing that happens to a cluster."""

    sentence: str
    play: Callable
    core: bool
    clients: bool
    hurts_nodes: bool = False

    @property
    def needs_our_nodes(self) -> bool:
        """Clients run on a node's network, and nobody hurts the nodes of others."""
        return self.clients or self.hurts_nodes


def scenario(sentence: str, *, core: bool = False, clients: bool = True, hurts_nodes: bool = False) -> Callable[[Callable], Scenario]:
    """Makes a scenario of a function that takes the stage. With `clients`, producers and a group work from before it until after it;
    nodes that it hurts are healed afterwards.
    """
    return lambda play: Scenario(sentence, play, core, clients, hurts_nodes)


def chosen(all_of_them: list[Scenario], only_core: bool, word: str) -> list[Scenario]:
    """Those of the core, or all; or those that have one of the words, between commas, in their sentence, wherever they belong."""
    if word:
        words = word.lower().split(",")
        return [one for one in all_of_them if any(part.strip() in one.sentence.lower() for part in words)]
    return [one for one in all_of_them if one.core or not only_core]
