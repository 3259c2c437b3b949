"""Errors that a user can mend: each names what was seen and what was expected."""

from __future__ import annotations


class RVOSError(ValueError):
    """Base of all errors that the command line prints as one line, without a traceback."""


class DataError(RVOSError):
    """A dataset, video, image, mask or annotation file is missing, damaged or inconsistent."""


class ConfigError(RVOSError):
    """A preset, key or value of a configuration is unknown or has the wrong type."""


class CheckpointError(RVOSError):
    """A checkpoint is missing, damaged, unsafe to read or made for another architecture."""


class SplitError(DataError):
    """A dataset has no split of that name."""
