"""An application whose methods stream."""
