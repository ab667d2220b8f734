"""The wired world: one process whose services call each other over real gRPC, twice."""
