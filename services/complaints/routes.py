"""The doors of the complaints service: those of every kind of case, derived from the procedure."""

from flask import Blueprint

from shared.web_cases import Desk, case_routes, service_routes


def blueprints(desk: Desk) -> list[Blueprint]:
    """Return all routes of the service."""
    return [case_routes(desk), service_routes(desk)]
