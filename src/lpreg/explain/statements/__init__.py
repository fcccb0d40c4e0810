"""Statements of the documents about data, each tried by a small study of its own.

What a study looks like, its sizes and strengths, was settled on draws from seeds below 100. The
seeds that stand in these files came after that, and their results are told as they are.
"""
