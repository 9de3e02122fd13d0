"""Stands in for the native library where that does not fit: nothing is made immortal, and tasks write more pages."""

settle = memory_end = begin_zone = None
