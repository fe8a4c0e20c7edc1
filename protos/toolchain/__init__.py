"""Turns `footfall/**/*.proto` into typed Python: `python -m toolchain`, from the folder above."""
