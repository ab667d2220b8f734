"""
How clients get in: addresses, connections, and their orderly end.

Floor: house, inside the gateway.
Uses: the ground; uvicorn.
Offers: a listener that serves an ASGI application in our own loop.
"""

from outgrow.gateway.listening.listener import Listener

__all__ = ["Listener"]
