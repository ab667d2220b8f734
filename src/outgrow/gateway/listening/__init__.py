"""
How clients get in: addresses, connections, and their orderly end.

Floor: house, inside the gateway.
Uses: the ground; uvicorn.
Offers: a listener that serves an ASGI application in our own loop, and sockets to listen on.
"""

from outgrow.gateway.listening.addresses import open_socket
from outgrow.gateway.listening.listener import Listener

__all__ = ["Listener", "open_socket"]
