"""Plan files drawn from the plan's own schema: odd but valid values, at the ends of their ranges and far out."""

from typing import Any

from hypothesis import strategies as st

from autoproc.data.metrics import METRICS
from autoproc.plan import Plan
from autoproc.space_file import shipped_spaces
from tests.end_to_end import tables

FAR = 10**18
ODD_TEXTS = (
    "", " ", "no", "2", "1e5", "two words", "Zürich", "\U0001f600", "x" * 300, "../x", "$(touch pwned)", "a\nb", "%s",
    "- x", "{a: b}", "~nobody/x", "\0", "null",
)  # fmt: skip
COLUMNS = (*tables.FEATURES, "failed")

Strategy = st.SearchStrategy[Any]


def plan_files() -> Strategy:
    """Valid by the schema; the plan's own rules may refuse it all the same."""
    schema = Plan.model_json_schema()
    names = st.sampled_from((*COLUMNS, "nowhere"))
    known: dict[str, Strategy] = {
        "data": st.none(),
        "target": st.just(["failed"]) | st.lists(names, max_size=2),
        "ignore": st.lists(names, max_size=3),
        "group": st.none() | names,
        "time": st.none() | names,
        "metric": st.none() | st.lists(st.sampled_from(sorted(METRICS)), max_size=3),
        "space": st.sampled_from(sorted(shipped_spaces())) | st.sampled_from(ODD_TEXTS),
        "device": st.sampled_from(["auto", "cpu"]),
        "tracking_uri": st.none(),
    }
    return _objects(schema, schema["$defs"], known)


def nearly_usual_plan_files() -> Strategy:
    """Those with one to three sections or values of such, which more often than not can be carried out."""
    chosen = st.sets(st.sampled_from(sorted(Plan.model_fields)), min_size=1, max_size=3)
    usual = {"target": ["failed"], "force": True}
    return st.builds(lambda plan, keys: usual | {key: plan[key] for key in keys & set(plan)}, plan_files(), chosen)


def junk() -> Strategy:
    """What stands where something else belongs."""
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(ODD_TEXTS) | st.dates()
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3))


def damaged_plan_files() -> Strategy:
    """The same with something else in the place of a section or a value, or beside them."""
    keys = st.sampled_from([*Plan.model_fields, "targt", ""])
    return st.builds(lambda plan, more: {**plan, **more}, plan_files(), st.dictionaries(keys, junk(), max_size=3))


def _objects(node: dict[str, Any], sections: dict[str, Any], known: dict[str, Strategy]) -> Strategy:
    values = {key: _values(inner, sections) for key, inner in node["properties"].items() if key not in known}
    return st.fixed_dictionaries({}, optional={**values, **known})


def _values(node: dict[str, Any], sections: dict[str, Any]) -> Strategy:
    if "$ref" in node:
        return _objects(sections[node["$ref"].rpartition("/")[2]], sections, {})
    if "anyOf" in node:
        return st.one_of([_values(each, sections) for each in node["anyOf"]])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node["type"] == "array":
        if "prefixItems" in node:
            return st.tuples(*(_values(each, sections) for each in node["prefixItems"])).map(list)
        return st.lists(_values(node["items"], sections), min_size=node.get("minItems", 0), max_size=3)
    return _PLAIN[node["type"]](node)


def _whole(node: dict[str, Any]) -> Strategy:
    low = node.get("minimum", -FAR)
    high = node.get("maximum", node.get("exclusiveMaximum", FAR + 1) - 1)
    return st.sampled_from([low, min(low + 1, high), high]) | st.integers(low, min(high, low + 50))


def _numbers(node: dict[str, Any]) -> Strategy:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    return st.floats(
        low if above is None else above, high if below is None else below, exclude_min=above is not None,
        exclude_max=below is not None, allow_nan=False, allow_infinity=False,
    )  # fmt: skip


_PLAIN = {
    "integer": _whole,
    "number": _numbers,
    "string": lambda node: st.sampled_from(ODD_TEXTS),
    "boolean": lambda node: st.booleans(),
    "null": lambda node: st.none(),
}
