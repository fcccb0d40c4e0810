"""Statements of the documents about data, each tried by a small study of its own."""
