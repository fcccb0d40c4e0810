"""The page of a study: verdicts, what to use, tables, figures and settings, in one file."""
