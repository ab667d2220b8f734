"""As much of Starlette as docs/how-to shows, for machines without it: a bare ASGI host."""
