"""The one place where services meet repositories and clients."""

from app.wiring.services import Services, build_services

__all__ = ["Services", "build_services"]
