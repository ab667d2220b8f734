"""Money goes from one service to two others, by sagas: what came of it, each of them wrote down."""
