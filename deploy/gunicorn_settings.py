"""gunicorn's settings for the embedded default: one worker whose threads hold the whole system."""

import os

bind = f"{os.environ.get('CASEWRIGHT_HOST', '127.0.0.1')}:{os.environ.get('CASEWRIGHT_PORT', '8080')}"
worker_class = "gthread"
workers = 1
threads = int(os.environ.get("CASEWRIGHT_THREADS", "8"))
timeout = 60
graceful_timeout = 10
keepalive = 30
accesslog = None
control_socket_disable = True  # it would lie in the home folder, shared by every instance of a person
loglevel = "warning"
limit_request_line = 8190


def post_worker_init(worker):
    """Start what runs beside the door once the application is there."""
    worker.app.callable.start()


def worker_exit(server, worker):
    """Stop it in order."""
    worker.app.callable.stop()
