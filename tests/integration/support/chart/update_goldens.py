#!/usr/bin/python3
"""Writes anew what is made from the chart: golden renders, plain manifests, values for Prometheus."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
os.environ.setdefault("FEDWAVE", "")  # the helpers of the tests ask for it

from support.chart import generated  # noqa: E402 (the path has to be known first)


def main():
    for path in generated.stale():
        os.unlink(path)
        print("removed", os.path.relpath(path, generated.SOURCE_ROOT))
    for path, text in generated.files().items():
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                if file.read() == text:
                    continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print("wrote", os.path.relpath(path, generated.SOURCE_ROOT))


if __name__ == "__main__":
    main()
