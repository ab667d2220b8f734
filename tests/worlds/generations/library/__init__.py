"""A library whose loans have two versions of their contract, and a second contract beside."""
