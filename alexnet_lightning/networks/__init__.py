"""Networks: plain `nn.Module`s that know torch and nothing else of this project."""
