"""An application that appends to lists and copies them by events: what came of them tells all."""
