"""Tasks with Celery and a worker of its own: python3 celery_tasks.py URL PREFIX BACKEND; prints what came of them as
one line of JSON."""

import json
import os
import subprocess
import sys
import time

from celery import Celery, chord, group

URL, PREFIX, BACKEND = (os.environ.get(f"TASKS_{name}", "") for name in ["URL", "PREFIX", "BACKEND"])

app = Celery("celery_tasks", broker=URL, backend=BACKEND)
app.conf.update(
    task_default_queue=PREFIX,
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    result_chord_retry_interval=0.2,
    control_exchange=f"{PREFIX}-control",
    event_exchange=f"{PREFIX}-events",
    worker_hijack_root_logger=False,
)


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=5)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fail():
    raise ValueError("no")


def wait_for(worker, node):
    """Returns when the worker answers."""
    while not app.control.inspect(destination=[node], timeout=0.5).ping():
        assert worker.poll() is None, f"the worker ended with {worker.returncode}"


def use(node):
    report = {"added": add.delay(3, 4).get(timeout=10)}
    report["group"] = group(add.s(i, i) for i in range(5))().get(timeout=10)
    report["retries"] = third_time_lucky.delay().get(timeout=10)
    report["failure"] = repr(fail.delay().get(timeout=10, propagate=False))

    start = time.monotonic()
    later = add.apply_async((1, 1), countdown=1)
    revoked = add.apply_async((2, 2), countdown=1)
    app.control.revoke(revoked.id, destination=[node], reply=True, limit=1, timeout=5)
    report["later"] = later.get(timeout=10)
    report["waited"] = time.monotonic() - start >= 0.9
    report["revoked"] = repr(revoked.get(timeout=10, propagate=False))

    if not BACKEND.startswith("rpc"):
        report["chord"] = chord([add.s(i, i) for i in range(4)], total.s())().get(timeout=10)

    def ask(command):
        (answer,) = app.control.broadcast(command, destination=[node], reply=True, limit=1, timeout=5)
        return answer[node]

    report["ping"] = ask("ping")
    report["queues"] = [queue["name"] for queue in ask("active_queues")]
    return report


def main(url, prefix, backend):
    os.environ.update(TASKS_URL=url, TASKS_PREFIX=prefix, TASKS_BACKEND=backend, PYTHONDONTWRITEBYTECODE="1")
    # The environment is read by this module when it is imported, here as in the worker.
    import celery_tasks

    node = f"{prefix}@localhost"
    command = [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-E", "-n", node, "-l", "ERROR"]
    environment = {**os.environ, "C_FORCE_ROOT": "1"}
    here = os.path.dirname(os.path.abspath(__file__))
    worker = subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        celery_tasks.wait_for(worker, node)
        report = celery_tasks.use(node)
        celery_tasks.app.control.shutdown(destination=[node])
        report["exit"] = worker.wait(timeout=10)
    finally:
        worker.kill()
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
