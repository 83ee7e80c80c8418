"""The sample configuration that the documentation hands to people who come from the collector."""
import os
import re

from support.fedwave import SOURCE_ROOT

PATH = os.path.join(SOURCE_ROOT, "docs", "istio-sample.yaml")


def metric_allow_list():
    """The patterns below metricAllowList, in order."""
    with open(PATH, encoding="utf-8") as file:
        lines = iter(file.read().splitlines())
    for line in lines:
        if line.strip() == "metricAllowList:":
            break
    else:
        raise AssertionError(f"{PATH} has no metricAllowList")
    patterns = []
    for line in lines:
        item = re.fullmatch(r"""\s*- (['"]?)([^'"#]+?)\1\s*(?:#.*)?""", line)
        if item:
            patterns.append(item[2])
        elif line.strip() and not line.strip().startswith("#"):
            break
    return patterns
