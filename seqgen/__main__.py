"""`seqgen`, and `python -m seqgen`."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it in silence also while it is being loaded."""
    try:
        from seqgen.cli.app import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
