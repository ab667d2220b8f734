"""What ran on the stores kept here; those of then must open with the code of today."""
