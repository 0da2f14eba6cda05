"""InputFilter and OutputFilter: the steps of a parsed JSONPath, taken on a JSON value. A row of CSV is a list of texts."""
from .records import BadInput


def select(value, steps):
    """What the path leads to: one value, or a list where a step may lead to several."""
    nodes, several = [value], False
    for step in steps:
        kind = step["kind"]
        if kind == "names" and len(step["names"]) > 1:
            nodes = [_members(node, step["names"]) for node in nodes]
        elif kind == "names":
            nodes = [_member(node, step["names"][0]) for node in nodes]
        elif kind == "indexes":
            nodes = [_element(node, index) for node in nodes for index in step["indexes"]]
            several = several or len(step["indexes"]) > 1
        elif kind == "slice":
            nodes = [element for node in nodes for element in _list(node, "a slice")[step["start"]:step["end"]]]
            several = True
        else:
            nodes = [element for node in nodes for element in _children(node)]
            several = True
    return nodes if several else nodes[0]


def _member(node, name):
    if not isinstance(node, dict) or name not in node:
        raise BadInput(f"it has no attribute '{name}'")
    return node[name]


def _members(node, names):
    return {name: _member(node, name) for name in names}


def _element(node, index):
    values = _list(node, f"index {index}")
    if not -len(values) <= index < len(values):
        raise BadInput(f"index {index} is not within its {len(values)} elements")
    return values[index]


def _list(node, what):
    if not isinstance(node, list):
        raise BadInput(f"it is no list, so {what} leads nowhere")
    return node


def _children(node):
    if isinstance(node, dict):
        return list(node.values())
    return _list(node, "*")
