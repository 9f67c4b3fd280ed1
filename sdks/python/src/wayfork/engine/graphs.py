"""Which names can reach themselves by following references, and how long the chains are."""

from collections.abc import Iterable, Iterator, Mapping


def on_cycles(edges: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The names that lie on a cycle (Tarjan's components, without recursion)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_names: list[str] = []
    found: set[str] = set()
    for root in edges:
        if root not in order:
            _visit(root, edges, (order, lowest), open_names, found)
    return frozenset(found)


def _visit(
    root: str,
    edges: Mapping[str, Iterable[str]],
    numbers: tuple[dict[str, int], dict[str, int]],
    open_names: list[str],
    found: set[str],
) -> None:
    order, lowest = numbers
    order[root] = lowest[root] = len(order)
    open_names.append(root)
    path: list[tuple[str, Iterator[str]]] = [(root, iter(edges.get(root, ())))]
    while path:
        name, rest = path[-1]
        for following in rest:
            if following not in order:
                order[following] = lowest[following] = len(order)
                open_names.append(following)
                path.append((following, iter(edges.get(following, ()))))
                break
            if following in open_names:
                lowest[name] = min(lowest[name], order[following])
        else:
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[name])
            if lowest[name] == order[name]:
                _close(name, edges, open_names, found)


def _close(
    name: str, edges: Mapping[str, Iterable[str]], open_names: list[str], found: set[str]
) -> None:
    start = open_names.index(name)
    component = open_names[start:]
    del open_names[start:]
    if len(component) > 1 or name in edges.get(name, ()):
        found.update(component)


def too_deep(edges: Mapping[str, Iterable[str]], limit: int) -> frozenset[str]:
    """The names from which a chain of more than `limit` references starts; cycles are let be."""
    cyclic = on_cycles(edges)
    depth: dict[str, int] = dict.fromkeys(cyclic, 0)
    for root in edges:
        path = [root]
        while path:
            name = path[-1]
            waiting = [following for following in edges.get(name, ()) if following not in depth]
            if name not in depth and waiting:
                path.extend(waiting)
                continue
            path.pop()
            if name not in depth:
                depth[name] = max((depth[other] + 1 for other in edges.get(name, ())), default=0)
    return frozenset(name for name, length in depth.items() if length > limit)
