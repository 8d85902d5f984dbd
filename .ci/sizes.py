"""The size compass: no Python file above 300 lines, no function above 60. What grows beyond is to be split along its seams."""

import ast
import subprocess
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 300, 60


def main() -> int:
    """Tell what is too long; exit code 1 if anything is."""
    listed = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, check=True)  # noqa: S607 - git is whichever there is
    faults = [fault for name in listed.stdout.split() if Path(name).exists() for fault in too_long(Path(name))]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def too_long(path: Path) -> list[str]:
    """What is too long in one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    faults = [f"{path}: {lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                faults.append(f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
