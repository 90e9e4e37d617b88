"""Commands as strangers give them, each with the status and the last line it has to end with.

    python -m pytest tests/strangers -v

One process runs them all, so that a case costs what the command does and not the imports.
"""
