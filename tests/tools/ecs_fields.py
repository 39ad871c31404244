#!/usr/bin/python3
"""Makes tests/data/ecs-fields.tsv: the fields of the Elastic Common Schema, one a line.

usage: ecs_fields.py ECS > tests/data/ecs-fields.tsv

ECS is a work tree of elastic/ecs at a released version. From its generated files come each field's name, type, whether
its values are lists, and the values it allows, if it names them. Needs PyYAML.
"""
import csv
import pathlib
import sys

import yaml


def main():
    ecs = pathlib.Path(sys.argv[1])
    version = (ecs / "version").read_text().strip()
    with open(ecs / "generated/csv/fields.csv", encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    details = yaml.load((ecs / "generated/ecs/ecs_flat.yml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    print(f"# The fields of ECS {version}, made by tests/tools/ecs_fields.py: name, type, list or one value, values allowed.")
    for row in rows:
        allowed = [value["name"] for value in details.get(row["Field"], {}).get("allowed_values", [])]
        form = "list" if row["Normalization"] == "array" else "one"
        print(row["Field"], row["Type"], form, ",".join(allowed), sep="\t")


if __name__ == "__main__":
    main()
