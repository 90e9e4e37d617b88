"""From stored pixels to the input of a network: crops, sizes, colours, targets, scale."""
