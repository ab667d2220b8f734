"""The directory over NATS does what every directory does."""

from outgrow.testing.directories import directory_conformance
from tests.discovery.nats.places import nats_place

TestNats = directory_conformance(nats_place)
