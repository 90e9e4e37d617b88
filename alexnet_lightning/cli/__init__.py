"""YAML files and flags in; checks, messages, help and resume."""
