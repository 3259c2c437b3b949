"""Interactive explorers, thin, over `viz` and `engine`."""
