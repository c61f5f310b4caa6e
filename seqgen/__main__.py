"""`python -m seqgen` is `seqgen`."""

from seqgen.cli.app import main

main()
