"""Three services, each of which calls the two others."""
