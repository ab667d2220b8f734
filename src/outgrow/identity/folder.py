"""The files of an identity, named as cert-manager and Kubernetes name them."""

from __future__ import annotations

from typing import Final

KEY_FILE: Final = "tls.key"
CHAIN_FILE: Final = "tls.crt"
AUTHORITIES_FILE: Final = "ca.crt"
