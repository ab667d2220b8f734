"""Takes and gives the same record, written in three ways."""
