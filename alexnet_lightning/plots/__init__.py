"""Figures that draw what they are given."""
