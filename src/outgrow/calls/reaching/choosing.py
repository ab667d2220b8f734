"""Which of several endpoints gets a call."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import Final

from outgrow.calls.reaching.peers import Peer

CLEARLY: Final = 2.0


class Choice:
    """
    Chooses among endpoints: the one of two drawn at random that costs less.

    Two choices spread load almost as well as looking at all of them, and callers that know the
    same do not all run to the same endpoint (Mitzenmacher, The Power of Two Choices in Randomized
    Load Balancing, 2001). What one costs is its slowness times what is under way there, as in
    Finagle and Linkerd (peak EWMA).

    If weights differ, both are drawn by weight, and the first one is taken unless the second costs
    clearly less: otherwise, where little is under way, a small weight would get nothing or half.

    Args:
        draw: A random number from 0 to below 1.
    """

    __slots__ = ("_cumulative", "_draw", "peers")

    def __init__(self, draw: Callable[[], float]) -> None:
        self.peers: Sequence[Peer] = ()
        self._draw = draw
        self._cumulative: list[float] | None = None

    def among(self, peers: Sequence[Peer]) -> None:
        """Choose among these from now on; all have a weight."""
        self.peers = peers
        self._cumulative = None
        if len(peers) < 2:
            return
        most = max(peer.weight for peer in peers)
        for peer in peers:
            peer.crowding = most / peer.weight
        if any(peer.weight != most for peer in peers):
            self._cumulative = list(accumulate(peer.weight for peer in peers))

    def pick(self) -> Peer:
        """The endpoint for a call; there is one."""
        peers = self.peers
        count = len(peers)
        if count == 1:
            return peers[0]
        if self._cumulative is not None:
            return self._pick_weighted(self._cumulative)
        draw = self._draw
        n, m = int(draw() * count), int(draw() * (count - 1))
        one, other = peers[n], peers[m if m < n else m + 1]
        # The same as comparing their `cost`, which is called for each call.
        if other.slowness * (other.in_flight + 1) < one.slowness * (one.in_flight + 1):
            return other
        return one

    def _pick_weighted(self, cumulative: list[float]) -> Peer:
        peers, total, draw = self.peers, cumulative[-1], self._draw
        n = min(bisect(cumulative, draw() * total), len(peers) - 1)
        # The second is drawn from what remains when the first one's part of the line is cut out.
        one, begin = peers[n], cumulative[n] - peers[n].weight
        drawn = draw() * (total - one.weight)
        m = bisect(cumulative, drawn if drawn < begin else drawn + one.weight)
        other = peers[min(m, len(peers) - 1)]
        return other if other.cost * CLEARLY < one.cost else one

    def other(self, tried: Collection[Peer]) -> Peer | None:
        """The endpoint that costs least of those that a call has not tried."""
        return min((p for p in self.peers if p not in tried), key=lambda p: p.cost, default=None)
