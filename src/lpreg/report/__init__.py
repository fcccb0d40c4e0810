"""The page of a study: verdicts, what to use, tables, figures and settings, in one file.

`lpreg.report.build` makes it; `lpreg.report.page` is the skeleton that other pages share.
"""
