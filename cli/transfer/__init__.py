"""Spans into files and out of them: `sessiontrail import` and `sessiontrail export`."""
