"""Runs the demo: `python -m nornflow.testing.demo [--frr]`; `nornflow demo` and `make demo` call it."""

from __future__ import annotations

import argparse
import sys

from nornflow.errors import NornFlowError
from nornflow.testing.demo.story import frr_story, simulated_story


def main() -> int:
    """Tell the story on simulated or on FRR routers; the exit code is 0 when all went as told."""
    parser = argparse.ArgumentParser(prog="nornflow demo", description=main.__doc__)
    parser.add_argument("--frr", action="store_true", help="real FRR routers in network namespaces (root)")
    arguments = parser.parse_args()
    try:
        return frr_story() if arguments.frr else simulated_story()
    except KeyboardInterrupt:
        sys.stdout.write("\nthe demo was stopped; its routers and its folder are gone\n")
        return 130
    except NornFlowError as error:
        sys.stderr.write(f"error: {error}\n{f'hint: {error.hint}' if error.hint else ''}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
