"""How the parts are put together: the only place that knows all services."""
