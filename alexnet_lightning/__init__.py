"""What is each idea in and after AlexNet worth? A reference laboratory in PyTorch Lightning."""

__version__ = "0.1.0"
