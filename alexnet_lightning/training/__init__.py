"""How a network is trained, measured, saved and resumed."""
