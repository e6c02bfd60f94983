"""The frames of a recording: its /tf and /tf_static, as far as they have been read."""

from __future__ import annotations
