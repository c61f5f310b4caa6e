"""What is done to seqgen on purpose: `make faults`. Short forms of it are tests."""
