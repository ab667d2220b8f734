"""An application that shows each behaviour which must be the same in every world."""
